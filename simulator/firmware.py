"""The firmware of a board and the program that runs it (`firmware_bridge/simhost`): built when a source is newer."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path
from typing import Final

import firmware_bridge
from contract.errors import SiagaError

_ROOM: Final = Path(firmware_bridge.__file__).parent
_BUILT: Final = ("siaga-uno.elf", "simhost")
_BUILD_S: Final = 120.0
FOLDER: Final = _ROOM.parent / "var" / "firmware"
"""Where `make firmware` puts them in a checkout."""


class FirmwareError(SiagaError):
    """There is no firmware to run; the text says why and what to do."""


def built_firmware(folder: Path = FOLDER) -> Path:
    """Return the folder of firmware and simulator; they are built when they are older than a source.

    Raises:
        FirmwareError: They cannot be built.
    """
    if _is_fresh(folder):
        return folder
    for program in ("avr-gcc", "gcc"):
        if shutil.which(program) is None:
            raise FirmwareError(f"there is no {program}; `scripts/setup.sh demo` installs what builds its firmware")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_fresh(folder):
                _build(folder)
    except OSError as error:
        raise FirmwareError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def _build(folder: Path) -> None:
    command = [str(_ROOM / "firmware" / "build.sh"), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_S, check=False)
    except subprocess.TimeoutExpired:
        raise FirmwareError(f"its build took more than {_BUILD_S:g} s; try: make firmware") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word of it"])[-1]
        raise FirmwareError(f"it was not built ({last[:200]}); see: make firmware")


def _is_fresh(folder: Path) -> bool:
    built = [folder / name for name in _BUILT]
    if not all(each.exists() for each in built):
        return False
    sources = [path for path in (*_ROOM.glob("firmware/*"), *_ROOM.glob("simhost/*")) if path.is_file()]
    return max(path.stat().st_mtime_ns for path in sources) <= min(each.stat().st_mtime_ns for each in built)
