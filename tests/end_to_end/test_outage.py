"""Fault 31 with a real box: after an outage of the store its backlog drains behind what is fresh."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from collector.top import fetch
from contract.batch import Batch, Reading, encode_batch
from contract.identity import new_stream_id
from edge_agent.batch_commands import NewRow
from edge_agent.outbox.batches import BatchOutbox
from siaga.demo.stack import DemoStack, Size
from tests.end_to_end.oracle import eventually, stored_fixes
from tests.end_to_end.readings_only import running

pytestmark = pytest.mark.slow

_BATCHES: Final = 200
_READINGS: Final = 200
_S: Final = 10**9
_FRESH_S: Final = 4.0
"""A batch is closed after a second, written after 0.1 s at most; the rest is for a machine that does other work."""


def test_fault_31_after_an_outage_what_is_fresh_is_stored_before_the_backlog(
    record_property: Callable[[str, object], None],
) -> None:
    with running(Size(boxes=1, trackers_per_box=1, rate_hz=5)) as stack:
        agent = stack.agents["box-1"]
        agent.stop()
        asyncio.run(_fill(stack.folder / "box-1"))
        stack.influxdb.kill()
        agent.start()
        agent.wait_ready()
        stack.switch_on()
        url = f"http://127.0.0.1:{stack.metrics_port}"
        eventually(lambda: not (told := fetch(url))["store_ok"] and told["held_messages"] > 0, "the store is missed")
        stack.influxdb.start()
        eventually(lambda: stored_fixes(stack) > 0, "something fresh is stored")
        ages_s = []
        while _drained(stack) < _BATCHES * _READINGS:
            ages_s.append(_age_s(stack))
            assert ages_s[-1] < _FRESH_S, f"after {len(ages_s)} looks, {_drained(stack)} of the backlog are stored"
        record_property("told", f"a backlog drained behind fresh readings, {max(ages_s):.1f} s old at most")
        assert len(ages_s) > 10, "looked at while the backlog drained"


async def _fill(folder: Path) -> None:
    """Leave a backlog of readings an hour old on a box's card, as an outage does."""
    outbox = BatchOutbox(folder)
    outbox.writer.start()
    stream, began_ns = new_stream_id(), time.time_ns() - 3_600 * _S
    rows = []
    for number in range(_BATCHES):
        readings: list[Reading] = [
            {
                "timestamp_ns": began_ns + (number * _READINGS + place) * _S // 100,
                "sensor": "river",
                "kind": "water_level",
                "fields": {"level_m": 1.5 + place / 1_000},
                "clock": "ntp",
            }
            for place in range(_READINGS)
        ]
        batch = Batch(device="box-1", stream=stream, batch=number, readings=readings)
        rows.append(NewRow((stream, number), _READINGS, encode_batch(batch), sent=False))
    await outbox.keep(rows)
    assert outbox.writer.stop(10.0)


def _drained(stack: DemoStack) -> int:
    series = stack.influxdb.query("SELECT count(level_m) FROM water_level")
    return int(series[0]["values"][0][1]) if series else 0


def _age_s(stack: DemoStack) -> float:
    """Return how old the newest fix in the store was when it was asked, in seconds."""
    asked_ns = time.time_ns()
    series = stack.influxdb.query("SELECT last(latitude) FROM position")
    return float((asked_ns - series[0]["values"][0][0]) / _S)
