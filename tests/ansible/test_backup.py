"""The archive of what the desk keeps: whole while it is written to, and nothing is ever overwritten on the way back."""

from __future__ import annotations

import importlib.util
import io
import json
import sqlite3
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.ansible.roles import ROLES


@pytest.fixture(scope="module")
def backup() -> ModuleType:
    """The program."""
    spec = importlib.util.spec_from_file_location("siaga_backup", ROLES / "backup/files/backup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What a desk keeps: a ledger, another file, and a map that is left out."""
    folder = tmp_path / "desk"
    (folder / "map").mkdir(parents=True)
    (folder / "map/base.bin").write_bytes(b"large")
    (folder / "roster.csv").write_text("who,when\n")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/inventory.toml").write_text("version = 1\n")
    (tmp_path / "into").mkdir()
    return folder


def _ledger(state: Path) -> sqlite3.Connection:
    ledger = sqlite3.connect(state / "ledger.db")
    ledger.execute("PRAGMA journal_mode = WAL")
    ledger.execute("CREATE TABLE IF NOT EXISTS row (number INTEGER PRIMARY KEY)")
    ledger.execute("INSERT INTO row DEFAULT VALUES")
    ledger.commit()
    return ledger


def _rows(state: Path) -> int:
    with sqlite3.connect(state / "ledger.db") as ledger:
        return int(ledger.execute("SELECT count(*) FROM row").fetchone()[0])


def _write(backup: ModuleType, state: Path, at_s: float = 0, keep: int = 72) -> Path:
    into, config = state.parent / "into", state.parent / "etc"
    path: Path = backup.write(state, config, into, keep, 1_800_000_000 + at_s)
    return path


def test_what_is_committed_is_in_it_while_the_desk_has_the_file_open(backup: ModuleType, state: Path) -> None:
    ledger = _ledger(state)
    for _ in range(9):
        ledger.execute("INSERT INTO row DEFAULT VALUES")
    ledger.commit()  # in the WAL beside the file, as the desk leaves it
    ledger.execute("INSERT INTO row DEFAULT VALUES")  # not committed
    archive = _write(backup, state)
    ledger.close()

    back = state.parent / "fresh/desk"
    assert backup.restore(archive, back, None) == ["ledger.db", "roster.csv"]
    assert _rows(back) == 10
    assert (back / "roster.csv").read_text() == "who,when\n"
    assert (back / "ledger.db").stat().st_mode & 0o777 == 0o600
    assert archive.stat().st_mode & 0o777 == 0o600


def test_where_something_is_nothing_is_restored(backup: ModuleType, state: Path) -> None:
    _ledger(state).close()
    archive = _write(backup, state)
    with sqlite3.connect(state / "ledger.db") as ledger:
        ledger.execute("INSERT INTO row DEFAULT VALUES")

    with pytest.raises(backup.BackupError, match="nothing is overwritten"):
        backup.restore(archive, state, None)
    assert _rows(state) == 2


def test_the_newest_stay(backup: ModuleType, state: Path) -> None:
    _ledger(state).close()
    made = [_write(backup, state, at_s=60 * number, keep=3) for number in range(5)]

    assert sorted((state.parent / "into").iterdir()) == made[2:]


def test_a_clock_that_was_set_back_costs_no_archive(backup: ModuleType, state: Path) -> None:
    _ledger(state).close()
    older = [_write(backup, state, at_s=60 * number, keep=2) for number in range(2)]
    newer = [_write(backup, state, at_s=-86_400, keep=2), _write(backup, state, at_s=-86_399, keep=2)]

    assert sorted((state.parent / "into").iterdir()) == newer
    assert max(older).name < newer[0].name < newer[1].name
    with tarfile.open(newer[0]) as archive:
        told = archive.extractfile("manifest.json")
        assert told is not None
        assert json.load(told)["made_at_s"] == 1_800_000_000 - 86_400


def test_a_damaged_database_makes_no_archive_and_the_older_ones_stay(backup: ModuleType, state: Path) -> None:
    ledger = _ledger(state)
    ledger.executemany("INSERT INTO row VALUES (?)", [(number,) for number in range(10, 5_000)])
    ledger.commit()
    ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.close()
    older = _write(backup, state)
    with (state / "ledger.db").open("rb+") as file:
        file.seek(4_096 * 3)
        file.write(b"\xff" * 4_096)

    with pytest.raises((backup.BackupError, sqlite3.DatabaseError)):
        _write(backup, state, at_s=60)
    assert list((state.parent / "into").iterdir()) == [older]


def test_a_desk_that_never_ran_is_told(backup: ModuleType, state: Path) -> None:
    with pytest.raises(backup.BackupError, match="no database is there"):
        _write(backup, state)
    assert list((state.parent / "into").iterdir()) == []


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "state.x/y", ".hidden"])
def test_an_archive_with_a_path_in_it_is_refused(backup: ModuleType, tmp_path: Path, name: str) -> None:
    archive = tmp_path / "bad.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())

    with pytest.raises(backup.BackupError, match="nothing that a backup of ours has"):
        backup.restore(archive, tmp_path / "desk", None)
    assert not (tmp_path / "desk").exists()


def test_a_file_that_is_not_the_one_of_its_sum_is_named(backup: ModuleType, tmp_path: Path) -> None:
    archive = tmp_path / "bad.tar.gz"
    manifest = json.dumps({"version": 1, "files": {"state.ledger.db": "0" * 64}}).encode()
    with tarfile.open(archive, "w:gz") as tar:
        for name, body in (("manifest.json", manifest), ("state.ledger.db", b"another")):
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))

    with pytest.raises(backup.BackupError, match=r"state\.ledger\.db is damaged or missing; take an older archive"):
        backup.restore(archive, tmp_path / "desk", None)
    assert not (tmp_path / "desk").exists()


def test_the_command_says_what_went_wrong_in_a_line(
    backup: ModuleType, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--state", str(state), "--config", str(state.parent / "etc"), "--into", str(state.parent / "into")]

    assert backup.main(["write", *options]) == 1
    assert capsys.readouterr().err.startswith(f"backup: {state}: no database is there")
    _ledger(state).close()
    assert backup.main(options) == 0
    assert backup.main(["restore", str(state.parent / "none.tar.gz"), *options]) == 1
