"""Every count that a built-in driver makes of its captured logs, and of junk, has its Indonesian name."""

from __future__ import annotations

import random

import pytest

from edge_agent.count_words import COUNTS_ID
from tests.edge_agent.drivers.testcases import Case, line_cases


def test_no_two_have_one_name() -> None:
    assert len(set(COUNTS_ID.values())) == len(COUNTS_ID), "they would be told as one"


@pytest.mark.parametrize("case", line_cases(), ids=lambda case: f"{case.driver}-{case.folder.name}")
def test_every_count_has_its_name(case: Case) -> None:
    decoder, draw = case.decoder(), random.Random(1)
    for frame in case.frames():
        broken = bytearray(frame)
        broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
        for data in (frame, bytes(broken), draw.randbytes(40), frame[: len(frame) // 2]):
            decoder.feed(data, 0)
    decoder.flush()
    counted = {name for name in decoder.counters if not name.startswith("implausible ")}
    assert counted
    assert counted - set(COUNTS_ID) == set()
