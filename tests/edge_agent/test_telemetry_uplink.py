"""The telemetry lane at work: how often it looks again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from edge_agent.clock import Clock
from edge_agent.gatherer import Gatherer
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.telemetry_lane import TelemetryLane
from edge_agent.telemetry_uplink import TelemetryUplink
from edge_agent.workers import Workers
from link import Endpoint, Session


@pytest.mark.slow
async def test_a_standstill_that_is_over_without_a_connection_makes_nothing_spin(tmp_path: Path) -> None:
    asked: list[int] = []
    over_ns = time.monotonic_ns() - 1

    def stands_still_until_ns() -> int:
        asked.append(1)
        return over_ns

    dropped: Counter[str] = Counter()
    uplink = TelemetryUplink(
        "box-1",
        Session(Endpoint("127.0.0.1", 1), "box-1"),
        Workers(Counter()),
        outbox=BatchOutbox(tmp_path),
        lane=TelemetryLane("box-1", "00000000000000aa", dropped, max_bytes=1_000),
        gatherer=Gatherer(Clock(0, 0), dropped),
        stands_still_until_ns=stands_still_until_ns,
    )
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await uplink.run()
    assert len(asked) <= 4
