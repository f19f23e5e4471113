"""The soak's schedule, and a few seconds of it; the long run is `make soak-collector SECONDS= SEED=`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.collector.soak import REPLICAS, run, schedule


def test_a_schedule_is_its_seeds_and_ends_healed() -> None:
    assert schedule(300, 1) == schedule(300, 1) != schedule(300, 2)
    for seed in range(20):
        events = schedule(120, seed)
        assert all(event.lasts_s > 0 and event.at_s + event.lasts_s <= 119.1 for event in events)
        assert {event.whom for event in schedule(600, seed)} == {*REPLICAS, "influxdb", "broker"}


@pytest.mark.slow
async def test_the_books_balance_to_the_reading(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    await run(tmp_path, 5.0, 9, lambda text: record_property("told", text))
