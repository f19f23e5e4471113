"""Whether a board is well: what is wrong, told within 10 s in words that say what to do. Pure."""

from __future__ import annotations

from typing import Final

from firmware_bridge.frame import VERSION
from firmware_bridge.messages import PROTOCOL, CommandAck, FromBoard, Hello

SILENT_NS: Final = 5 * 10**9
"""It beats each second; five beats in a row are not lost by chance."""

NOISE_NS: Final = 3 * 10**9
"""Bytes so lately, and no message for `SILENT_NS`: it is not silence, but noise."""

HELLOS_UNHEARD: Final = 4
"""A board says hello each 2 s until it hears an answer; so many of one start, and it does not hear us."""

HELLOS_APART_NS: Final = 10 * 10**9
COMMANDS_UNHEARD: Final = 3
_FLASH: Final = "flash the firmware of this version of Siaga to it"


class Supervision:
    """What is known of one board since its line was opened.

    Args:
        now_ns: When that was; the board has as long as if it had just been heard.
    """

    def __init__(self, now_ns: int) -> None:
        self._opened_ns = self._heard_ns = now_ns
        self._bytes_ns = now_ns
        self._other_ns: int | None = None
        self._other_version = 0
        self._protocol: int | None = None
        self._hellos = 0
        self._hello: tuple[Hello, int] | None = None
        self._commands = 0

    def came(self, other_version: int | None, now_ns: int) -> None:
        """Take that bytes came, and of which other version the last frame among them was."""
        self._bytes_ns = now_ns
        if other_version is not None:
            self._other_version, self._other_ns = other_version, now_ns

    def heard(self, message: FromBoard, now_ns: int, *, asked: bool = False) -> None:
        """Take a good message; `asked`: a hello now would be the answer to a question."""
        self._heard_ns = now_ns
        match message:
            case Hello():
                again = self._hello is not None and self._hello[0] == message
                late = self._hello is None or now_ns - self._hello[1] > HELLOS_APART_NS
                self._hellos = self._hellos + (not asked) if again and not late else 1
                self._hello = message, now_ns
                self._protocol = message.protocol
            case CommandAck():
                self._hellos = self._commands = 0

    def commands_failed(self, count: int) -> None:
        """Take that commands were not answered in time."""
        self._commands += count

    def fault(self, now_ns: int) -> str | None:
        """Return what is wrong now: a short reason, `: ` and what to do; None when the board is well."""
        silent = now_ns - self._heard_ns >= SILENT_NS
        if silent and self._other_ns is not None and now_ns - self._other_ns < NOISE_NS:
            return f"other version: its frames are of version {self._other_version}, ours of {VERSION}; {_FLASH}"
        if silent and self._heard_ns < self._bytes_ns and now_ns - self._bytes_ns < NOISE_NS:
            return "garbled: bytes come, but no frame of ours; set baudrate=115200, check ground and the port"
        if silent:
            return "silent: nothing came for 5 s; check its supply, the cable, and that the port is this board's"
        if self._protocol is not None and self._protocol != PROTOCOL:
            return f"other version: it speaks protocol {self._protocol}, this host {PROTOCOL}; {_FLASH}"
        if self._protocol is None and now_ns - self._opened_ns >= SILENT_NS:
            return "no hello: it talks, but does not say who it is; reset it, and if that does not help flash it"
        if self._hellos >= HELLOS_UNHEARD and self._hello is not None and now_ns - self._hello[1] < HELLOS_APART_NS:
            return "deaf: it is heard, but never answers; check the wire from the host's TX to the board's RX (D0)"
        if self._commands >= COMMANDS_UNHEARD:
            return f"deaf: {self._commands} commands in a row were not answered; reset the board"
        return None
