from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.pattern.cutter import LineCutter


def _cut(*chunks: bytes, begins: bytes = b"", most: int = 16) -> tuple[list[bytes], Counter[str]]:
    cutter = LineCutter(b"\r\n", begins, most, Counter())
    lines = [line for chunk in chunks for line in cutter.feed(chunk)]
    cutter.flush()
    return lines, cutter.counters


def test_the_first_line_may_be_the_end_of_one() -> None:
    assert _cut(b"45\r\n12.5\r\n")[0] == [b"\x0045", b"12.5"]
    assert _cut(b"\n45\r\n")[0] == [b"45"]


def test_empty_lines_are_none() -> None:
    lines, counters = _cut(b"\r\n\r\r\n\n")
    assert lines == []
    assert counters == {}


def test_the_last_bytes_of_a_line_that_is_too_long_are_kept() -> None:
    lines, counters = _cut(b"\n" + b"x" * 100 + b"R1234\nR1235\n")
    assert lines == [b"\0" + b"x" * 11 + b"R1234", b"R1235"]
    assert counters == {"lines": 2, "too long": 1, "garbage bytes": 89}


def test_a_line_of_just_the_most_is_whole() -> None:
    assert _cut(b"\n" + b"x" * 16 + b"\n")[0] == [b"x" * 16]


def test_what_a_lost_line_left_is_dropped() -> None:
    cutter = LineCutter(b"\n", b"", 16, Counter())
    assert cutter.feed(b"\n12") == []
    cutter.flush()
    assert cutter.counters == {"cut off": 1}
    assert cutter.feed(b"34\n56\n") == [b"\x0034", b"56"]


def test_a_known_beginning_tells_a_whole_line() -> None:
    lines, counters = _cut(b"45\rR1R1234\rx\rR1235\r", begins=b"R")
    assert lines == [b"", b"R1234", b"", b"R1235"]
    assert counters == {"lines": 4, "garbage bytes": 2 + 2 + 1}


def test_a_megabyte_without_an_end_is_held_nowhere() -> None:
    cutter = LineCutter(b"\n", b"", 1_024, Counter())
    for _ in range(256):
        assert cutter.feed(b"U" * 4_096) == []
        assert len(cutter._buffer) == 1_024
    assert cutter.counters == {"too long": 1, "garbage bytes": 256 * 4_096 - 1_024}
    assert cutter.feed(b"\nR1234\n")[-1] == b"R1234"


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"\r\n", b"\n", b"R", b"R12\r"])), st.booleans())
def test_splits_change_nothing(chunks: list[bytes], begins: bool) -> None:
    how = b"R" if begins else b""
    whole = _cut(b"".join(chunks), begins=how)
    assert _cut(*chunks, begins=how) == whole
    assert _cut(*(bytes([byte]) for byte in b"".join(chunks)), begins=how) == whole
    assert all(len(line) <= 17 for line in whole[0])
