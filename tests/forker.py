"""The process that has imported what our programs need and forks them; see `warm`.

It imports a room when the first program of it is asked for. It ends when the other end of its socket is closed, and the
kernel then kills each program that is left.
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
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

import uuid_utils

ALL: Final = ("siaga.main", "typer", "uvloop")
ROOMS: Final = {
    "desk": ("duty_desk.cli", "duty_desk.service", "sqlalchemy.dialects.sqlite"),
    "edge": ("edge_agent.cli", "edge_agent.main", "edge_agent.drivers.nmea.driver"),
    "collector": ("collector.cli", "collector.service"),
    "simulator": ("simulator.cli", "simulator.service"),
}
"""By what stands in a command line: the noun, or the room's package."""
_PR_SET_PDEATHSIG: Final = 1


def serve(control: socket.socket) -> list[str]:
    """Fork what is asked for; return its arguments in each new process, ready to be it, none in this one at its end."""
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    forked: dict[int, socket.socket] = {}
    while True:
        ready = select.select([control, woken], [], [])[0]
        if woken in ready:
            woken.recv(1_024)
            _tell_ends(forked)
        if control not in ready:
            continue
        body, files, _, _ = socket.recv_fds(control, 1 << 20, 2)
        if not body:
            return []
        log, told = files
        wanted = json.loads(body)
        _import_for(wanted["arguments"])
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (control, woken, wake, *forked.values()):
                end.close()
            os.close(told)
            return _become(wanted, log)
        os.close(log)
        forked[pid] = socket.socket(fileno=told)
        forked[pid].send(str(pid).encode())


def _import_for(arguments: list[str]) -> None:
    named = " ".join(arguments)
    found = [module for noun, modules in ROOMS.items() if noun in named for module in modules]
    missing = [module for module in (*ALL, *found) if module not in sys.modules]
    for module in missing:
        import_module(module)
    if missing:
        gc.freeze()


def _tell_ends(forked: dict[int, socket.socket]) -> None:
    while forked:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        # Whoever waits no more is not told, and all others go on.
        with forked.pop(pid) as told, suppress(OSError):
            told.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(wanted: dict[str, Any], log: int) -> list[str]:
    """Give this process what a folder, an environment and a log file make of it; return its arguments."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, log, log)):
        os.dup2(file, number)
    os.close(nothing)
    os.close(log)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    uuid_utils.reseed_rng()  # else all would make the same ids
    arguments: list[str] = wanted["arguments"]
    return arguments


def be(arguments: list[str]) -> None:
    """Run what Python would run with `[-P] -m module …` or `[-P] -c code …`."""
    sys.orig_argv = [sys.executable, *arguments]  # by which an agent starts itself anew
    kind, what, *rest = arguments[1:] if arguments[0] == "-P" else arguments
    if kind == "-c":
        sys.argv = ["-c", *rest]
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    else:
        assert kind == "-m", arguments
        module = import_module(what)
        sys.argv = [module.__file__ or what, *rest]
        sys.exit(module.main())


def main() -> None:
    """Fork programs until the socket is closed, or be one."""
    arguments = serve(socket.socket(fileno=int(sys.argv[1])))
    if arguments:
        be(arguments)


if __name__ == "__main__":
    main()
