"""What an outbox asks of its files, apart from SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.outbox import files


def test_what_is_beside_a_file_goes_with_it(tmp_path: Path) -> None:
    for suffix in files.SUFFIXES:
        (tmp_path / f"a.db{suffix}").write_text(suffix)
    aside = files.set_aside(tmp_path / "a.db")
    assert aside.name == "a.db.corrupt-1"
    assert {path.name for path in tmp_path.iterdir()} == {f"a.db.corrupt-1{suffix}" for suffix in files.SUFFIXES}


def test_a_setting_aside_that_was_interrupted_is_done_again_under_one_number(tmp_path: Path) -> None:
    (tmp_path / "a.db.corrupt-1-wal").write_text("went first")
    (tmp_path / "a.db").write_text("was left")
    assert files.set_aside(tmp_path / "a.db").name == "a.db.corrupt-1"


def test_numbers_go_on_after_the_highest(tmp_path: Path) -> None:
    for name in ("a.db.corrupt-9", "a.db.corrupt-x", "b.db.corrupt-20", "a.db"):
        (tmp_path / name).write_text("")
    assert files.set_aside(tmp_path / "a.db").name == "a.db.corrupt-10"


def test_a_file_is_complete_when_its_log_is_empty_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert not files.is_complete(path)
    path.write_text("x")
    assert files.is_complete(path)
    (tmp_path / "a.db-wal").write_text("")
    assert files.is_complete(path)
    (tmp_path / "a.db-wal").write_text("x")
    assert not files.is_complete(path)


def test_only_regular_files_are_in_no_ones_way(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert not files.is_obstructed(path)
    path.write_text("")
    assert not files.is_obstructed(path)
    (tmp_path / "a.db-shm").symlink_to(tmp_path / "elsewhere")
    assert files.is_obstructed(path)


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db-wal"
    files.write_again(path)
    assert not path.exists()
    content = bytes(range(256)) * 5_000
    path.write_bytes(content)
    files.write_again(path)
    assert path.read_bytes() == content
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        files.write_again(tmp_path / "folder")


def test_the_database_goes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rescued file in its place would take the log of the damaged one for its own."""
    for suffix in files.SUFFIXES:
        (tmp_path / f"a.db{suffix}").write_text("")
    renamed: list[str] = []
    rename = Path.rename

    def note(path: Path, target: Path) -> Path:
        renamed.append(path.name)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", note)
    files.set_aside(tmp_path / "a.db")
    assert renamed == ["a.db-wal", "a.db-shm", "a.db"]
