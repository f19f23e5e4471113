"""The simulated board: a Unix stream socket that stands for a box's inputs and outputs, JSON lines both ways.

| line in | answer |
|---|---|
| `{"watch":"sos"}` | the level at once, then each edge: `{"line":"sos","level":true,"timestamp_ns":…,"sequence":1}` |
| `{"lamp":"sos","on":true}` | none; an output is set |
| `{"press":"sos","hold_ms":100}` | `{"number":3,"timestamp_ns":…}` after the rising edge; the release follows |
| `{"presses":"sos"}` | `{"presses":[{"number":1,"timestamp_ns":…},…]}` |
| `{"lamp_of":"sos"}` | `{"on":true,"changes":[[timestamp_ns,true],…]}` |
| anything else | `{"error":"…"}` |

Timestamps are CLOCK_MONOTONIC in ns, as the kernel stamps the edges of a GPIO line. A watcher that does not read loses
edges, as from the kernel's queue, and sees it by the gap in `sequence`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from simulator.panel import LineEvent, Panel, PanelError, PressRecord

_MAX_LINE_BYTES: Final = 4_096
_MAX_UNREAD_BYTES: Final = 65_536
_MAX_PATH_BYTES: Final = 107
"""sun_path holds 108 bytes with its terminating NUL (unix(7))."""
DEFAULT_HOLD_MS: Final = 100
MAX_HOLD_MS: Final = 3_600_000


class Board:
    """A board's server; `async with` opens and closes its socket.

    Args:
        path: The socket's path, at most 107 bytes; a stale socket there is replaced.
        lines: The names of its buttons and lamps.
    """

    def __init__(self, path: Path, lines: tuple[str, ...] = ("sos",)) -> None:
        self.path = path
        self._panel = Panel(lines, time.monotonic_ns())
        self._watchers: dict[asyncio.StreamWriter, str] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._releases: dict[str, asyncio.TimerHandle] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Open the socket.

        Raises:
            PanelError: The path is too long for a socket.
            OSError: It cannot be opened.
        """
        if len(bytes(self.path)) > _MAX_PATH_BYTES:
            raise PanelError(f"{self.path}: too long for a socket, at most {_MAX_PATH_BYTES} bytes")
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=_MAX_LINE_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the socket and every connection."""
        for release in self._releases.values():
            release.cancel()
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await self._server.wait_closed()
        self.path.unlink(missing_ok=True)

    def press(self, line: str, hold_ms: int = DEFAULT_HOLD_MS) -> PressRecord:
        """Press a button now and let it go after `hold_ms` milliseconds.

        Raises:
            PanelError: The board has no such line, or the button is down already.
        """
        record, edge = self._panel.press(line, time.monotonic_ns())
        self._tell(edge)
        self._releases[line] = asyncio.get_running_loop().call_later(hold_ms / 1_000, self._release, line)
        return record

    def presses(self, line: str) -> list[PressRecord]:
        """Return the presses of a button, oldest first.

        Raises:
            PanelError: The board has no such line.
        """
        return self._panel.presses(line)

    def lamp(self, line: str) -> tuple[bool, list[tuple[int, bool]]]:
        """Return whether a lamp is on, and its last 64 changes as (timestamp_ns, on), oldest first.

        Raises:
            PanelError: The board has no such line.
        """
        return self._panel.lamp(line)

    def _release(self, line: str) -> None:
        del self._releases[line]
        self._tell(self._panel.release(line, time.monotonic_ns()))

    def _tell(self, event: LineEvent) -> None:
        for writer, line in self._watchers.items():
            if line == event.line and writer.transport.get_write_buffer_size() < _MAX_UNREAD_BYTES:
                _write(writer, asdict(event))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                answer = self._answer(line, writer)
                if answer is not None:
                    _write(writer, answer)
                    await writer.drain()
        except (ConnectionError, ValueError):
            # ValueError: a line over the limit; such a client is cut off, as no end of it can be found.
            pass
        finally:
            self._watchers.pop(writer, None)
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> dict[str, Any] | None:
        try:
            request = json.loads(line)
        except ValueError:
            return {"error": "not JSON"}
        if not isinstance(request, dict):
            return {"error": "not a JSON object"}
        try:
            return self._obey(request, writer)
        except PanelError as error:
            return {"error": str(error)}

    def _obey(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> dict[str, Any] | None:
        match request:
            case {"watch": str(line)}:
                event = self._panel.level(line)
                self._watchers[writer] = line
                return asdict(event)
            case {"lamp": str(line), "on": bool(on)}:
                self._panel.set_lamp(line, on, time.monotonic_ns())
                return None
            case {"press": str(line)}:
                hold_ms = request.get("hold_ms", DEFAULT_HOLD_MS)
                if type(hold_ms) is not int or not 1 <= hold_ms <= MAX_HOLD_MS:
                    return {"error": f"hold_ms is a whole number from 1 to {MAX_HOLD_MS}"}
                return asdict(self.press(line, hold_ms))
            case {"presses": str(line)}:
                return {"presses": [asdict(press) for press in self._panel.presses(line)]}
            case {"lamp_of": str(line)}:
                on, changes = self._panel.lamp(line)
                return {"on": on, "changes": changes}
            case {"do": _}:
                return {"error": "this board has no firmware and no cable, so that nothing can happen to it"}
        return {"error": "expected one of watch, lamp with on, press, presses, lamp_of, each with a line's name"}


def _write(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
