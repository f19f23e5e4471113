"""The record a life leaves on the card: torn writes, damage and what is in its way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from edge_agent.clock_floor import LifeRecord
from edge_agent.life_file import NAME, LifeFile


def record(number: int) -> LifeRecord:
    return LifeRecord(number, number * 2, f"{number:016x}", "boot-1", clean=bool(number % 2))


def test_what_was_written_last_is_read_by_the_next(tmp_path: Path) -> None:
    assert LifeFile(tmp_path).read() is None
    first = LifeFile(tmp_path)
    for number in range(5):
        first.write(record(number))
    second = LifeFile(tmp_path)
    assert second.read() == record(4)
    second.write(record(9))
    assert LifeFile(tmp_path).read() == record(9)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert (tmp_path / NAME).stat().st_size == 8_192


def test_a_write_torn_at_any_byte_leaves_the_record_before_it(tmp_path: Path) -> None:
    life = LifeFile(tmp_path)
    life.write(record(1))
    life.write(record(2))
    before = (tmp_path / NAME).read_bytes()
    life.write(record(3))
    after = (tmp_path / NAME).read_bytes()
    changed = [place for place in range(8_192) if before[place] != after[place]]
    for place in range(changed[0], changed[-1] + 1):
        (tmp_path / NAME).write_bytes(after[:place] + before[place:])
        assert LifeFile(tmp_path).read() == record(2), place
        (tmp_path / NAME).write_bytes(before[:place] + after[place:])
        assert LifeFile(tmp_path).read() in (record(2), record(3)), place


@pytest.mark.parametrize("content", [b"", b"\x00" * 8_192, b"0" * 100, b"00000000 {}\n", os.urandom(9_000)])
def test_damage_is_no_record_and_is_written_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    life = LifeFile(tmp_path)
    assert life.read() is None
    assert life.damaged
    life.write(record(7))
    assert LifeFile(tmp_path).read() == record(7)


def test_a_record_of_another_version_is_no_record(tmp_path: Path) -> None:
    life = LifeFile(tmp_path)
    life.write(record(1))
    known = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(known.replace(b"stream", b"strain"))
    assert LifeFile(tmp_path).read() is None


def test_what_is_in_its_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "else").write_text("somebody's")
    (tmp_path / NAME).symlink_to(tmp_path / "else")
    with pytest.raises(OSError, match="symbolic"):
        LifeFile(tmp_path).write(record(1))
    with pytest.raises(OSError, match="symbolic"):
        LifeFile(tmp_path).read()
    assert (tmp_path / "else").read_text() == "somebody's"
