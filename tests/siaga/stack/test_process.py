"""A child process is started, told apart from its log, stopped, and never outlives its parent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from siaga.stack.process import Process, ProcessError
from tests.siaga.ends import Ends

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
PARENT = """
import sys, time, pathlib
from siaga.stack.process import Process
child = Process(["sleep", "60"], name="child", folder=pathlib.Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""


def python(code: str, folder: Path, name: str = "child") -> Process:
    return Process([sys.executable, "-c", code], name=name, folder=folder)


def test_stop_ends_a_process_that_listens_to_sigterm(tmp_path: Path) -> None:
    process = Process(["sleep", "60"], name="sleep", folder=tmp_path)
    process.start()
    assert process.running
    process.stop()
    assert process.returncode == -15
    process.stop()


def test_stop_kills_a_process_that_ignores_sigterm_or_is_frozen(tmp_path: Path) -> None:
    process = python(STUBBORN, tmp_path)
    process.start()
    process.wait_ready()
    process.freeze()
    assert psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    process.stop(timeout_s=0.05)
    assert process.returncode == -9


def test_waiting_for_ready_tells_the_last_lines_of_a_process_that_ended(tmp_path: Path) -> None:
    process = python("import sys; print('not yet ready'); sys.exit('no broker')", tmp_path)
    process.start()
    with pytest.raises(ProcessError, match=r"(?s)child ended with status 1 .*child\.log.*no broker"):
        process.wait_ready()


def test_waiting_for_ready_ends(tmp_path: Path) -> None:
    process = Process(["sleep", "60"], name="sleep", folder=tmp_path)
    process.start()
    with pytest.raises(ProcessError, match=r"not ready within 0\.05 s"):
        process.wait_ready(timeout_s=0.05)
    process.kill()


def test_ready_is_looked_for_since_the_last_start_only(tmp_path: Path) -> None:
    process = python("print('ready')", tmp_path)
    process.start()
    process.wait_ready()
    process.wait()
    process.argv = ["sleep", "60"]
    process.start()
    with pytest.raises(ProcessError):
        process.wait_ready(timeout_s=0.05)
    process.kill()


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="no-such-broker is not installed"):
        Process(["no-such-broker"], name="broker", folder=tmp_path).start()


def test_a_process_is_not_started_twice(tmp_path: Path) -> None:
    process = Process(["sleep", "60"], name="sleep", folder=tmp_path)
    process.start()
    with pytest.raises(ProcessError, match="runs already"):
        process.start()
    process.kill()


@pytest.mark.slow
def test_a_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        with Ends([int(parent.stdout.readline())]) as child:
            assert len(child.alive_after(0)) == 1
            parent.kill()
            assert child.alive_after(5) == []
