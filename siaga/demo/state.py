"""What a running demo tells the other commands: `demo.json` in its folder, and a lock that says whether it runs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from contract.errors import SiagaError

_LOOK_S: Final = 0.01


class DemoError(SiagaError):
    """The demo cannot do what was asked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class DemoState:
    """Where the parts of a running demo are. Ports are on 127.0.0.1; `processes` are process ids by name."""

    pid: int
    page: str
    alarm_broker: int
    telemetry_broker: int
    influxdb: str
    database: str
    reader_password_file: str
    hardware: str
    accounts: str
    boxes: list[str]
    processes: dict[str, int]

    def save(self, folder: Path) -> None:
        """Write it, so that a reader sees the old or the new, never half of it."""
        fresh = _state_path(folder).with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        fresh.replace(_state_path(folder))


def load_state(folder: Path) -> DemoState:
    """Return the state of the demo that runs in a folder.

    Raises:
        DemoError: None runs there.
    """
    if not is_running(folder):
        where = folder.absolute()
        raise DemoError(f"no demo runs in {where}; go to where `make demo` was called, or call it here")
    try:
        return DemoState(**json.loads(_state_path(folder).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DemoError(f"the demo in {folder} is still starting; try again in a moment") from None


def forget_state(folder: Path) -> None:
    """Remove the state: the demo stops."""
    _state_path(folder).unlink(missing_ok=True)


def is_running(folder: Path) -> bool:
    """Return whether a demo runs in a folder."""
    with contextlib.suppress(FileNotFoundError), _lock_path(folder).open("rb") as lock:
        return not _taken(lock, fcntl.LOCK_SH)
    return False


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for one demo; the kernel lets go of it however the demo ends.

    Raises:
        DemoError: Another demo runs there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _lock_path(folder).open("ab") as lock:
        while not _taken(lock, fcntl.LOCK_EX):
            # Whoever looks whether one runs has it too, shared, for a moment.
            if not _taken(lock, fcntl.LOCK_SH):
                raise DemoError(f"a demo runs in {folder} already; stop it or choose another --folder")
            fcntl.flock(lock, fcntl.LOCK_UN)
            time.sleep(_LOOK_S)
        try:
            yield
        finally:
            forget_state(folder)


def _taken(lock: IO[bytes], how: int) -> bool:
    """Take a lock at once; return whether it was to be had."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _state_path(folder: Path) -> Path:
    return folder / "demo.json"


def _lock_path(folder: Path) -> Path:
    return folder / "demo.lock"
