"""The last reading of each sensor and kind."""

from __future__ import annotations

from edge_agent.drivers.base import Sample
from edge_agent.latest import MOST, Latest


def test_the_last_of_each_kind_and_no_more_than_there_is_room_for() -> None:
    latest = Latest()
    latest.take("gps", Sample("position", {"latitude": 1.0}, 1, None))
    latest.take("gps", Sample("time", {}, 2, None))
    latest.take("gps", Sample("position", {"latitude": 2.0}, 3, None))
    assert [(one.kind, one.monotonic_ns) for one in latest.of("gps")] == [("position", 3), ("time", 2)]
    assert latest.of("river") == []
    for number in range(2 * MOST):
        latest.take(f"s{number}", Sample("time", {}, 4, None))
    assert sum(len(latest.of(f"s{number}")) for number in range(2 * MOST)) == MOST - 2
    latest.take("gps", Sample("position", {}, 5, None))
    assert latest.of("gps")[0].monotonic_ns == 5, "who has a place keeps it"
