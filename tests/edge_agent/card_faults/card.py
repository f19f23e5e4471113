"""What happens to a running agent's card: calls that fail, stall or kill, a tmpfs in its place, and what lies on it."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from siaga.stack.process import Process
from tests.edge_agent.network_faults.street import BOX, Street

_ATTACH_S = 10.0


@contextlib.asynccontextmanager
async def tampered(agent: Process, *inject: str, only: Path | None = None) -> AsyncIterator[None]:
    """Do this to the agent's system calls, as strace(1) takes it: `fdatasync:delay_enter=10s`, `pwrite64:error=EIO`.

    With `only`, to those on this file, which must be there: the agent has others that it writes when it will.
    """
    options = [option for each in inject for option in ("-e", f"inject={each}")]
    if only is not None:
        assert only.exists()
        options += ["-P", str(only)]
    calls = ",".join(each.split(":")[0] for each in inject)
    command = ["strace", "-f", "-p", str(agent.pid), "-e", f"trace={calls}", *options, "-o", "/dev/null"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert tracer.stderr is not None
        told = tracer.stderr.readline()
        if "attached" not in told:
            if "not permitted" in told:
                pytest.skip(f"ptrace is not permitted here: {told.strip()}")
            raise AssertionError(f"strace: {told}")
        # It names a thread a line; the last one is there when each thread has a tracer.
        deadline = time.monotonic() + _ATTACH_S
        while not _all_traced(agent.pid, tracer.pid):
            assert time.monotonic() < deadline, "not each thread of the agent is traced"
            time.sleep(0.005)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        try:
            tracer.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            tracer.kill()
            tracer.communicate()


@contextlib.contextmanager
def small_card(box: Street, size: str) -> Iterator[Path]:
    """Mount a tmpfs of a size where the box has its data; it is gone at the end.

    The agent must have been stopped by then, or it keeps the mount.
    """
    folder = box.folder / BOX
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "siaga-card", str(folder)], capture_output=True, text=True
    )
    if made.returncode != 0:
        pytest.skip(f"no tmpfs may be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """Mount a card again as `ro` or `rw`; no agent may run on it."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill a card to the last byte; return the file that does."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4_096):
            pass
    assert os.statvfs(folder).f_bavail == 0
    return ballast


def kept(folder: Path) -> list[str]:
    """Return the event ids of the presses on a card, oldest first."""
    return _read(folder, "SELECT event_id FROM press ORDER BY rowid")


def held(folder: Path) -> list[str]:
    """Return the buttons that are held down by what the card says."""
    return _read(folder, "SELECT button FROM held")


def _read(folder: Path, query: str) -> list[str]:
    path = folder / "alarms.db"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return [value for (value,) in connection.execute(query)]
    except sqlite3.OperationalError:
        return []  # not there yet, or not yet with its tables


def _all_traced(pid: int, tracer: int) -> bool:
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if f"TracerPid:\t{tracer}\n" not in status.read_text():
                return False
    return True
