"""A folder holds one demo at a time, and the other commands find it."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from siaga.demo.state import DemoError, DemoState, is_running, load_state, locked

STATE = DemoState(
    1, "http://127.0.0.1:1/", 2, 3, "http://127.0.0.1:4", "siaga", "/p", "/x", "/a", ["box-1"], {"desk": 5}
)


def test_a_running_demo_is_found_and_a_stopped_one_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with pytest.raises(DemoError, match="no demo runs"):
        load_state(folder)
    with locked(folder):
        with pytest.raises(DemoError, match="still starting"):
            load_state(folder)
        STATE.save(folder)
        assert load_state(folder) == STATE
    assert not is_running(folder)
    with pytest.raises(DemoError, match="no demo runs"):
        load_state(folder)


def test_a_state_left_by_a_killed_demo_is_not_believed(tmp_path: Path) -> None:
    STATE.save(tmp_path)
    (tmp_path / "demo.lock").touch()
    with pytest.raises(DemoError, match="no demo runs"):
        load_state(tmp_path)


def test_a_second_demo_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(DemoError, match="runs in"), locked(tmp_path):
        pytest.fail("both hold the folder")


def test_who_only_looks_whether_one_runs_stops_none_from_starting(tmp_path: Path) -> None:
    with (tmp_path / "demo.lock").open("ab") as looks:
        fcntl.flock(looks, fcntl.LOCK_SH)
        looked = threading.Timer(0.1, looks.close)
        looked.start()
        with locked(tmp_path):
            assert looks.closed
            assert is_running(tmp_path)
        looked.join()
