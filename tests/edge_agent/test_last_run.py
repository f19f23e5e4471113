"""What the last run left is taken up from a real card, without what is of this run."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent import last_run as last_run_module
from edge_agent.alarm_lane import KeptPress
from edge_agent.books import Books
from edge_agent.clock import Clock
from edge_agent.gatherer import Gatherer
from edge_agent.last_run import LastRun
from edge_agent.outbox.alarms import AlarmOutbox, HeldButton
from edge_agent.telemetry_lane import TelemetryLane
from tests.edge_agent.outbox.test_writer import kept


@pytest.fixture
def alarms(tmp_path: Path) -> Iterator[AlarmOutbox]:
    outbox = AlarmOutbox(tmp_path)
    outbox.writer.start()
    yield outbox
    outbox.writer.stop()


def last_run(stream: str, taken: list[KeptPress]) -> LastRun:
    clock = Clock(time.time_ns(), time.monotonic_ns())
    dropped: Counter[str] = Counter()
    gatherer, lane = Gatherer(clock, dropped), TelemetryLane("box-1", stream, dropped, max_bytes=10**6)
    books = Books("boot-1", stream, clock=clock, gatherer=gatherer, lane=lane, dropped=dropped, faults=Counter())
    return LastRun(
        stream, faults=Counter(), dropped=dropped, books=books, readings=lane, take=taken.extend, wake=lambda: None
    )


async def test_a_press_of_this_very_run_is_not_taken_up_again_and_a_held_button_is_known(alarms: AlarmOutbox) -> None:
    before, mine = kept(0), kept(1)
    await alarms.add(before)
    await alarms.add(mine)
    taken: list[KeptPress] = []
    last = last_run(mine.press.stream, taken)
    await last.presses(alarms)
    assert taken == [before]
    assert last.held == {"sos": HeldButton("boot-1", 42)}
    async with asyncio.timeout(10):
        await last.wait_for_presses()


async def test_a_card_that_cannot_be_read_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_run_module, "_WAIT_S", 60.0)
    (tmp_path / "data").write_text("the card is not there")
    alarms = AlarmOutbox(tmp_path / "data")
    alarms.writer.start()
    last = last_run("00000000000000aa", [])
    reading = asyncio.create_task(last.presses(alarms))
    async with asyncio.timeout(10):
        await last.wait_for_presses()
    assert not reading.done(), "it tries again"
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    alarms.writer.stop()
