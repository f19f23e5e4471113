"""A board as avrdude sees it: a boot loader of STK500v1 (Atmel AVR061) on a pty, and behind it the real firmware.

Bytes go through to the simulator's pty until the boot loader's sign-on comes; after it is left, they go through again.
The firmware that runs is the one of the simulator, whatever was written: what was written is in `flash`.
"""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

SIGNATURE: Final = bytes([0x1E, 0x95, 0x0F])
"""An ATmega328P's."""

Fault = Literal["none", "deaf", "stops", "hangs", "flips"]
_OK, _SYNC, _EOP = 0x10, 0x14, 0x20
_ARGUMENTS: Final = {0x30: 0, 0x41: 1, 0x42: 20, 0x45: 5, 0x50: 0, 0x51: 0, 0x55: 2, 0x56: 4, 0x75: 0}


class BootLoader:
    """One board.

    Args:
        behind: The pty of the firmware, or None: nothing runs.
        signature: The chip's.
        fault: `deaf` never answers, `stops` answers nothing from the fifth page on, `hangs` says nothing but the start
            of an answer there, `flips` has a bad bit in its flash.
    """

    def __init__(self, behind: str | None, *, signature: bytes = SIGNATURE, fault: Fault = "none") -> None:
        self._ours, theirs = os.openpty()
        self._theirs = theirs
        tty.setraw(self._ours)
        self.port = os.ttyname(theirs)
        self._behind = None if behind is None else os.open(behind, os.O_RDWR | os.O_NOCTTY)
        self._signature = signature
        self._fault = fault
        self.flash = bytearray(b"\xff" * 32_768)
        self.pages = 0
        self._address = 0
        self._loading = False
        self._held = b""
        self._stop, self._stopping = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        os.write(self._stopping, b".")
        self._thread.join(5)
        for each in (self._ours, self._theirs, self._stop, self._stopping):
            os.close(each)
        if self._behind is not None:
            os.close(self._behind)

    def _run(self) -> None:
        files = [self._ours, self._stop, *([] if self._behind is None else [self._behind])]
        while True:
            ready, _, _ = select.select(files, [], [])
            if self._stop in ready:
                return
            if self._behind is not None and self._behind in ready:
                data = os.read(self._behind, 4_096)
                if not self._loading:
                    os.write(self._ours, data)
            if self._ours in ready:
                self._hear(os.read(self._ours, 4_096))

    def _hear(self, data: bytes) -> None:
        if not self._loading and data[:2] == bytes([0x30, _EOP]):
            self._loading, self._held = True, b""
        if not self._loading:
            if self._behind is not None:
                os.write(self._behind, data)
            return
        self._held += data
        while self._loading and (size := self._size()) is not None and len(self._held) >= size:
            command, self._held = self._held[:size], self._held[size:]
            self._obey(command)

    def _size(self) -> int | None:
        """Return how long the command is that begins here, with its end; None: not known yet."""
        if not self._held:
            return None
        kind = self._held[0]
        if kind in (0x64, 0x74):
            if len(self._held) < 3:
                return None
            return 5 + (int.from_bytes(self._held[1:3], "big") if kind == 0x64 else 0)
        return _ARGUMENTS.get(kind, 0) + 2

    def _obey(self, command: bytes) -> None:
        kind = command[0]
        if self._fault == "deaf":
            return
        said = b""
        match kind:
            case 0x41:
                said = b"\x03"
            case 0x56:
                said = b"\x00"
            case 0x75:
                said = self._signature
            case 0x55:
                self._address = 2 * int.from_bytes(command[1:3], "little")
            case 0x64:
                self.pages += 1
                if self.pages > 4 and self._fault in ("stops", "hangs"):
                    if self._fault == "stops":
                        os.write(self._ours, b"\x15\x15")
                    return
                self.flash[self._address : self._address + len(command) - 5] = command[4:-1]
            case 0x74:
                length = int.from_bytes(command[1:3], "big")
                said = bytes(self.flash[self._address : self._address + length])
                if self._fault == "flips" and self._address == 0x200:
                    said = bytes([said[0] ^ 4]) + said[1:]
        os.write(self._ours, bytes([_SYNC]) + said + bytes([_OK]))
        if kind == 0x51:
            self._loading = False


@contextmanager
def boot_loader(behind: str | None, *, signature: bytes = SIGNATURE, fault: Fault = "none") -> Iterator[BootLoader]:
    """Run a board."""
    board = BootLoader(behind, signature=signature, fault=fault)
    try:
        yield board
    finally:
        board.close()
