"""The broker that runs out of a folder, and how it is told that its files changed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final

from provisioning.brokers import render
from provisioning.errors import ProvisioningError

_START_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.005


def reload(home: Path) -> int | None:
    """Tell the broker that runs out of a folder to reload its files; return its process id, or None when none runs.

    Raises:
        ProvisioningError: It runs, but this user may not signal it.
    """
    pid = running_pid(home)
    if pid is None:
        return None
    _await_ear(pid)
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        return None
    except PermissionError:
        raise ProvisioningError(
            f"{home}: the files are written, but this user may not signal the broker (pid {pid})",
            f"as its user or root run: kill -HUP {pid}",
        ) from None
    return pid


def _await_ear(pid: int) -> None:
    """Wait until a process catches SIGHUP: it would end a broker that starts, which listens before it does."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            told = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        caught = next((line.split()[1] for line in told.splitlines() if line.startswith("SigCgt:")), "1")
        if int(caught, 16) >> (signal.SIGHUP - 1) & 1:
            return
        time.sleep(_POLL_S)


def running_pid(home: Path) -> int | None:
    """Return the process id of the Mosquitto that runs with a folder's configuration, or None.

    The pid file alone is not believed: SIGHUP would end another process that has got the number since.
    """
    try:
        pid = int((home / render.PID_FILE).read_text())
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    ours = os.fsencode((home / render.CONFIG).resolve())
    named = any(os.path.realpath(one) == ours.decode() for one in map(os.fsdecode, argv[1:]) if one)
    return pid if Path(os.fsdecode(argv[0])).name == "mosquitto" and named else None
