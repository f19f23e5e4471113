"""The process that has imported what a desk needs and forks desks; see `warm`.

It ends when the other end of its socket is closed, and the kernel then kills each desk that is left.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
from importlib import import_module
from typing import Final

MODULES: Final = ("duty_desk.cli", "duty_desk.service", "uvloop", "sqlalchemy.dialects.sqlite")
_PR_SET_PDEATHSIG: Final = 1


def serve(control: socket.socket) -> bool:
    """Fork what is asked for; return True in each new process, ready to be it, and False in this one at its end."""
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    desks: dict[int, socket.socket] = {}
    while True:
        ready = select.select([control, woken], [], [])[0]
        if woken in ready:
            woken.recv(1_024)
            _tell_ends(desks)
        if control not in ready:
            continue
        wanted, files, _, _ = socket.recv_fds(control, 1 << 20, 2)
        if not wanted:
            return False
        log, told = files
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (control, woken, wake, *desks.values()):
                end.close()
            os.close(told)
            _become(json.loads(wanted), log)
            return True
        os.close(log)
        desks[pid] = socket.socket(fileno=told)
        desks[pid].send(str(pid).encode())


def _tell_ends(desks: dict[int, socket.socket]) -> None:
    while desks:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with desks.pop(pid) as told:
            told.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(wanted: dict[str, object], log: int) -> None:
    """Give this process what a command line, a folder, an environment and a log file make of it."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, log, log)):
        os.dup2(file, number)
    os.close(nothing)
    os.close(log)
    arguments, folder, environment = wanted["arguments"], wanted["folder"], wanted["environment"]
    assert isinstance(arguments, list)
    assert isinstance(folder, str)
    assert isinstance(environment, dict)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["siaga desk", *arguments]


def main() -> None:
    """Fork desks until the socket is closed, or be one."""
    for module in MODULES:
        import_module(module)
    gc.freeze()
    from duty_desk.cli import app

    if serve(socket.socket(fileno=int(sys.argv[1]))):
        app()


if __name__ == "__main__":
    main()
