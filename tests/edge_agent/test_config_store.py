"""`config.json`: whole or as it was, wherever a kill strikes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contract.errors import BodyError
from edge_agent.config_state import ConfigState, Pushed, taken
from edge_agent.config_store import NAME, ConfigStore

REPO = Path(__file__).parents[2]
BEFORE = ConfigState(file_sha256="0" * 64)
AFTER = taken(BEFORE, Pushed(version=7, toml="x" * 40_000, confirm_s=180, since_ns=1), "1" * 64)

_WRITES = """
import sys
from pathlib import Path
from tests.edge_agent.test_config_store import AFTER, ConfigStore
ConfigStore(Path(sys.argv[1])).write(AFTER)
"""


def test_what_was_written_is_read_and_only_its_owner_may(tmp_path: Path) -> None:
    store = ConfigStore(tmp_path)
    assert store.read() is None
    store.write(BEFORE)
    assert store.read() == BEFORE
    store.write(AFTER)
    assert store.read() == AFTER
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "number", "kept"),
    [
        ("write", 1, BEFORE),  # of the new file
        ("fsync", 1, BEFORE),
        ("rename", 1, BEFORE),
        ("fsync", 2, AFTER),  # of the folder
    ],
)
def test_fault_44_a_kill_at_each_step_of_the_writing_leaves_the_old_one_or_the_new_one(
    tmp_path: Path, call: str, number: int, kept: ConfigState
) -> None:
    store = ConfigStore(tmp_path)
    store.write(BEFORE)
    # Only calls on the data folder count: -P is by path, and the folder's own fsync is on its descriptor.
    paths = [str(tmp_path), str(store.path), str(tmp_path / f".{NAME}.new")]
    traced = ["strace", "-f", "-qq", "-o", str(tmp_path / "trace"), *(f"--trace-path={path}" for path in paths)]
    inject = ["-e", "trace=write,fsync,rename", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    done = subprocess.run(
        [*traced, *inject, sys.executable, "-c", _WRITES, str(tmp_path)], cwd=REPO, timeout=30, check=False
    )
    assert done.returncode != 0, "it was killed"
    assert store.read() == kept
    store.write(AFTER)
    assert store.read() == AFTER, "what a dead writer left is in nobody's way"


def test_a_card_that_takes_nothing_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    store = ConfigStore(tmp_path)
    store.write(BEFORE)
    (tmp_path / f".{NAME}.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        store.write(AFTER)
    assert store.read() == BEFORE


@pytest.mark.parametrize("damage", [b"", b"{}", b"\x00" * 4_096, b"x" * 300_000])
def test_a_damaged_file_is_told(tmp_path: Path, damage: bytes) -> None:
    store = ConfigStore(tmp_path)
    store.path.write_bytes(damage)
    with pytest.raises(BodyError):
        store.read()
