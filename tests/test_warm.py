"""A forked program is handled as a child is, also in the moment of its end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

from tests.warm import Forked, Warm


def test_a_program_that_is_gone_and_not_yet_told_of_is_sent_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        theirs.send(str(gone.pid).encode())
        forked = Forked(ours)
        forked.send_signal(signal.SIGTERM)
        theirs.send(b"0")
        assert forked.wait(5) == 0


def test_who_waits_no_more_for_a_program_costs_the_others_nothing(warm: Warm) -> None:
    with open("/dev/null", "wb") as log:
        given_up, other = (warm.fork(["-c", "import time; time.sleep(60)"], log.fileno()) for _ in range(2))
        given_up._told.close()
        signals = (signal.SIGKILL, signal.SIGTERM)
        for pid, number in zip((given_up.pid, other.pid), signals, strict=True):
            subprocess.run(["kill", f"-{number.value}", str(pid)], check=True)
        assert other.wait(30) == -signal.SIGTERM
        after = warm.fork(["-c", ""], log.fileno())
        assert after.wait(30) == 0
