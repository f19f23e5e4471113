"""One question for all screens: the store's stand-in answers when the test lets it."""

from __future__ import annotations

import asyncio

import pytest

from dashboards.server.asking import AT_ONCE, TELL_EACH_S, WAITING, Asking, NoAnswer
from siaga.stack.influxdb import ADMIN, InfluxDB
from store import Account, InfluxDB1, Row, StoreRetryError


class Scripted:
    """Answers with one row when `gate` is open, or with its fault."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.fault: StoreRetryError | None = None

    async def query(self, influxql: str) -> list[Row]:
        """Return a row."""
        self.asked.append(influxql)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        if self.fault is not None:
            raise self.fault
        return [{"time": 1, "n": len(self.asked)}]


class Clock:
    """Both clocks, set by the test."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        """Return seconds."""
        return self.s


async def test_24_screens_cost_one_question_and_a_second_later_one_more() -> None:
    store, clock = Scripted(), Clock()
    asking = Asking(store, lambda: int(clock.s * 1_000), monotonic=clock)
    asked = [asyncio.create_task(asking.ask("SELECT 1")) for _ in range(24)]
    await asyncio.sleep(0)
    store.gate.set()
    replies = await asyncio.gather(*asked)
    assert store.asked == ["SELECT 1"]
    assert {id(reply) for reply in replies} == {id(replies[0])}
    clock.s += 0.9
    await asking.ask("SELECT 1")
    assert len(store.asked) == 1
    clock.s += 0.2
    await asking.ask("SELECT 1")
    assert len(store.asked) == 2


async def test_four_at_once_and_who_finds_too_many_waiting_is_told_so() -> None:
    store, clock = Scripted(), Clock()
    asking = Asking(store, lambda: 0, monotonic=clock)
    asked = [asyncio.create_task(asking.ask(f"SELECT {n}")) for n in range(WAITING)]
    for _ in range(10):
        await asyncio.sleep(0)
    with pytest.raises(NoAnswer, match="wait for the store"):
        await asking.ask("SELECT one more")
    store.gate.set()
    await asyncio.gather(*asked)
    assert store.most == AT_ONCE


async def test_no_answer_says_since_when_until_there_is_one_again() -> None:
    store, clock = Scripted(), Clock()
    asking = Asking(store, lambda: int(clock.s * 1_000), monotonic=clock, timeout_s=0.02)
    with pytest.raises(NoAnswer, match=r"0\.02 s"):
        await asking.ask("SELECT 1")
    assert asking.no_answer_since_ms == 1_000_000
    clock.s += 60
    store.gate.set()
    store.fault = StoreRetryError("connection refused")
    with pytest.raises(NoAnswer, match="connection refused"):
        await asking.ask("SELECT 1")
    assert asking.no_answer_since_ms == 1_000_000, "the first failure counts"
    store.fault = None
    await asking.ask("SELECT 1")
    assert asking.no_answer_since_ms is None


async def test_a_store_that_answers_every_other_question_is_told_of_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "siaga.wall")
    store, clock = Scripted(), Clock()
    store.gate.set()
    asking = Asking(store, lambda: int(clock.s * 1_000), monotonic=clock)

    async def ask_in_turn(seconds: int) -> list[str]:
        caplog.clear()
        for n in range(seconds):
            store.fault = None
            await asking.ask(f"SELECT good {n}")
            assert asking.no_answer_since_ms is None
            store.fault = StoreRetryError("retention policy not found: day")
            with pytest.raises(NoAnswer, match="siaga store init"):
                await asking.ask(f"SELECT bad {n}")
            assert asking.no_answer_since_ms is not None
            clock.s += 1.001
        return [record.getMessage().split(":")[0] for record in caplog.records]

    assert await ask_in_turn(30) == ["the store gives no answer", "the store answers again"]
    assert await ask_in_turn(int(TELL_EACH_S) - 31) == []
    assert await ask_in_turn(3) == ["the store gives no answer", "the store answers again"]
    clock.s += TELL_EACH_S
    caplog.clear()
    with pytest.raises(NoAnswer):
        await asking.ask("SELECT bad at last")
    assert len(caplog.records) == 1, "an outage that began untold is told once the minute is over"


async def test_who_asked_first_may_leave_and_the_others_still_get_the_answer() -> None:
    store, clock = Scripted(), Clock()
    asking = Asking(store, lambda: 0, monotonic=clock)
    first = asyncio.create_task(asking.ask("SELECT 1"))
    await asyncio.sleep(0)
    second = asyncio.create_task(asking.ask("SELECT 1"))
    await asyncio.sleep(0)
    first.cancel()
    store.gate.set()
    assert (await second).rows == [{"time": 1, "n": 1}]
    assert len(store.asked) == 1


@pytest.mark.slow
async def test_a_store_without_the_database_is_one_line_that_says_what_to_do(
    influxdb_server: InfluxDB, caplog: pytest.LogCaptureFixture
) -> None:
    account = Account(ADMIN, influxdb_server.password_file(ADMIN))
    async with InfluxDB1(influxdb_server.url, "nobody_made_it", account) as store:
        asking = Asking(store, lambda: 1_000)
        for _ in range(3):
            with pytest.raises(NoAnswer, match=r"database not found.*; next: siaga store init"):
                await asking.ask('SELECT "level_m" FROM "autogen"."water_level"')
    assert asking.no_answer_since_ms == 1_000
    told = [record.getMessage() for record in caplog.records if record.name == "siaga.wall"]
    assert len(told) == 1, "told once, not with each question"
    assert "siaga store init" in told[0]
