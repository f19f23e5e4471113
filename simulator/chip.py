"""A box's board that is a microcontroller: the real firmware in simavr, on a pty, behind the same socket as any other.

Rules:
- A press is a line to the simulator (`press 0 MS`); its lamp and siren are what the chip's pins show.
- `{"do":"cut"}` hands any line of the simulator's protocol on (`firmware_bridge/simhost/simhost.c`) but those that end
  it, press, or speak for the box.
- The simulator ends with this process: its stdin is a pipe of ours.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from simulator.board import DEFAULT_HOLD_MS, Board
from simulator.layout import BUTTON, SIREN
from simulator.panel import PanelError, PressRecord

DOES: Final = ("adc", "supply", "bounce", "corrupt", "reset", "power", "cut", "mend")
_START_S: Final = 10.0
_STOP_S: Final = 2.0
_MOST_LINE: Final = 100
_SLEPT_NS: Final = 500_000_000


class ChipClock:
    """The simulated chip's microseconds as CLOCK_MONOTONIC. Pure.

    A line is read some time after it happened, so the smallest difference seen counts; one that grew by half a second
    means that the machine was asleep, after which the chip goes on where it was.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None

    def moment_ns(self, chip_us: int, read_ns: int) -> int:
        """Return when something happened that was read at `read_ns`."""
        offset_ns = read_ns - chip_us * 1_000
        if self._offset_ns is None or offset_ns < self._offset_ns or offset_ns - self._offset_ns > _SLEPT_NS:
            self._offset_ns = offset_ns
        return chip_us * 1_000 + self._offset_ns


class ChipBoard(Board):
    """A board with our firmware; `async with` starts and ends it, `run` is to be awaited meanwhile.

    Args:
        path: The socket's path.
        link: Where the box finds the board's serial line: a symbolic link to the pty.
        firmware: The folder of `simhost` and `siaga-uno.elf`.
    """

    def __init__(self, path: Path, link: Path, firmware: Path) -> None:
        super().__init__(path, (BUTTON, SIREN))
        self.link = link
        self._firmware = firmware
        self._clock = ChipClock()
        self._process: asyncio.subprocess.Process | None = None
        self._lines = asyncio.StreamReader()

    async def __aenter__(self) -> Self:
        """Start the chip and open the socket.

        Raises:
            PanelError: The simulator does not start, or the path is too long for a socket.
            OSError: It is not there, or link or socket cannot be made.
        """
        self._process = await asyncio.create_subprocess_exec(
            *(str(self._firmware / "simhost"), str(self._firmware / "siaga-uno.elf")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        try:
            async with asyncio.timeout(_START_S):
                tty = await self._word("pty")
                await self._word("ready")
            fresh = self.link.with_name(f".{self.link.name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(tty)
            fresh.replace(self.link)
            return await super().__aenter__()
        except BaseException:
            await self._end()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the socket and end the chip."""
        await super().__aexit__(kind, error, trace)
        await self._end()

    async def run(self) -> None:
        """Show what the chip's pins do; return when the simulator ended."""
        while line := (await self._lines.readline()).decode(errors="replace"):
            words = line.split()
            match words:
                case ["pins", at_us, lamp, _, siren]:
                    at_ns = self._clock.moment_ns(int(at_us), time.monotonic_ns())
                    self._panel.set_lamp(BUTTON, lamp == "1", at_ns)
                    self._panel.set_lamp(SIREN, siren == "1", at_ns)
                case ["frame" | "edge", at_us, *_]:
                    self._clock.moment_ns(int(at_us), time.monotonic_ns())

    def press(self, line: str, hold_ms: int = DEFAULT_HOLD_MS) -> PressRecord:
        """Press the button that is on the chip's pin.

        Raises:
            PanelError: It is another's, or is down already.
        """
        if line != BUTTON:
            raise PanelError(f"no button {line!r} on this board; it has {BUTTON}")
        record = super().press(line, hold_ms)
        self._tell_chip(f"press 0 {hold_ms}")
        return record

    def _obey(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> dict[str, Any] | None:
        match request:
            case {"do": str(line)}:
                if line.split(" ")[0] not in DOES or len(line) > _MOST_LINE or not line.isprintable():
                    raise PanelError(f"a board does {', '.join(DOES)}; not {line[:_MOST_LINE]!r}")
                self._tell_chip(line)
                return {"done": line}
            case {"lamp": _}:
                raise PanelError("the lamps of this board are its firmware's")
        return super()._obey(request, writer)

    def _tell_chip(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line.encode() + b"\n")

    async def _word(self, wanted: str) -> str:
        """Return what stands behind a word at the beginning of a line."""
        while line := (await self._lines.readline()).decode(errors="replace"):
            word, _, rest = line.strip().partition(" ")
            if word == wanted:
                return rest
        raise PanelError(f"the simulated board does not start: {self._firmware / 'simhost'}")

    async def _end(self) -> None:
        self.link.unlink(missing_ok=True)
        if self._process is None:
            return
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.communicate()  # it ends with its stdin
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
