"""The outbox killed at its write and sync calls: what was committed is there. `make sweep-edge` takes every point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.edge_agent.card_faults.sweep import LEAST_POINTS, SESSIONS, Left, sweep

pytestmark = pytest.mark.slow


def test_what_was_committed_survives_a_kill_at_each_kind_of_call(
    tmp_path: Path, record_property: Callable[[str, object], None], seed: int
) -> None:
    swept = sweep(tmp_path, 110, seed)
    record_property("told", swept.in_words())
    assert swept.failed == []
    assert swept.points >= LEAST_POINTS
    assert swept.promises > 500
    assert {"pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "rename"} <= set(swept.calls)


def test_a_broken_promise_is_seen() -> None:
    told: list[tuple[str, object]] = [("committed", "a"), ("committed", [1, 2]), ("removing", [2])]
    whole = {"presses": {"a": True}, "batches": {"1": True}, "unreadable": 0}
    assert Left(told, whole).wrong() == []
    assert Left(told, {**whole, "presses": {}}).wrong() == ["a was committed and is lost"]
    assert Left(told, {**whole, "batches": {"2": False}}).wrong() == [
        "1 was committed and is lost",
        "2 has another content",
    ]
    assert Left(told, {**whole, "alarms_set_aside": 1}).wrong() == ["alarms was set aside"]
    assert Left(told, {**whole, "alarms_check": "row missing"}).wrong() == ["alarms: row missing"]
    assert Left(told, {"raised": "why"}).wrong() == ["opening raised: why"]
    assert len({session.name for session in SESSIONS}) == len(SESSIONS)
