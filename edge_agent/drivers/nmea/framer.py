r"""Cuts a stream of bytes into NMEA 0183 sentences, whatever else is in it.

State       On                      Then
seek        `$`                     sentence
            `#` at a line's start   note: captured logs carry notes, and no receiver begins a line so
            CR, LF                  seek; anything else is garbage, counted in bytes
sentence    CR, LF                  the sentence is out; seek
            `$`                     the sentence was cut off; a new one begins
            1,025th byte            too long; seek
note        CR, LF                  seek

The standard's limit is 82 characters, but real receivers send more, so the limit here only bounds the memory. How the
bytes are split over calls changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, Literal

MAX_SENTENCE_BYTES: Final = 1_024
"""Bytes between `$` and the line's end."""

_SENTENCE_END: Final = re.compile(rb"[\r\n$]")
_LINE_END: Final = re.compile(rb"[\r\n]")


class Framer:
    """One stream's framer. It holds at most `MAX_SENTENCE_BYTES`.

    `counters`: `cut off`, `too long`, `garbage bytes`.
    """

    def __init__(self, counters: Counter[str]) -> None:
        self.counters = counters
        self._buffer = bytearray()
        self._state: Literal["seek", "sentence", "note"] = "seek"
        self._line_start = True

    def feed(self, data: bytes) -> list[bytes]:
        """Return the sentences that `data` completes, without `$` and line end, unchecked."""
        sentences: list[bytes] = []
        position = 0
        while position < len(data):
            if self._state == "sentence":
                position = self._in_sentence(data, position, sentences)
            elif self._state == "note":
                found = _LINE_END.search(data, position)
                if found is None:
                    break
                self._state = "seek"
                position = found.start()
            else:
                position = self._seek(data, position)
        return sentences

    def flush(self) -> list[bytes]:
        """Return the sentence that the stream's end completes, if any, and begin anew."""
        sentences = [bytes(self._buffer)] if self._state == "sentence" and self._buffer else []
        self._buffer.clear()
        self._state = "seek"
        self._line_start = True
        return sentences

    def _seek(self, data: bytes, position: int) -> int:
        byte = data[position]
        if byte in b"\r\n":
            self._line_start = True
            return position + 1
        if byte == ord("$"):
            self._state = "sentence"
            return position + 1
        if byte == ord("#") and self._line_start:
            self._state = "note"
            return position + 1
        self._line_start = False
        found = _SENTENCE_END.search(data, position)
        end = found.start() if found else len(data)
        self.counters["garbage bytes"] += end - position
        return end

    def _in_sentence(self, data: bytes, position: int, sentences: list[bytes]) -> int:
        found = _SENTENCE_END.search(data, position)
        end = found.start() if found else len(data)
        if len(self._buffer) + end - position > MAX_SENTENCE_BYTES:
            self.counters["too long"] += 1
            self.counters["garbage bytes"] += len(self._buffer) + end - position
            self._buffer.clear()
            self._state = "seek"
            self._line_start = False
            return end
        self._buffer += data[position:end]
        if found is None:
            return end
        if data[end] == ord("$"):
            self.counters["cut off"] += 1
            self._buffer.clear()
        else:
            sentences.append(bytes(self._buffer))
            self._buffer.clear()
            self._state = "seek"
            self._line_start = True
        return end + 1
