"""Two desks of one ledger, with real processes, brokers and database: one owns, and the other takes over."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from contract import topics
from duty_desk.access.people import Account
from duty_desk.access.store import ACCOUNT, open_accounts, put_account
from duty_desk.pair import shared
from duty_desk.pair.run import STOOD_DOWN
from duty_desk.pair.shared import Link
from duty_desk.pair.watch import Sight
from tests.duty_desk.conftest import PASSWORD_HASH, Box, box
from tests.duty_desk.ledger.servers import Postgres
from tests.duty_desk.pair.conftest import Half, Presser, Two, two_desks, until
from tests.warm import Warm

pytestmark = pytest.mark.slow

TAKEN_OVER_S = 10.0
SHORT = "lease_s = 3\n"
"""For what is not about how long a take-over takes."""
STEPS = """
[escalation]
steps = [
    { after_s = 0, rings = ["officer"] },
    { after_s = 1, rings = ["everyone"] },
    { after_s = 11, rings = ["supervisor"] },
]
"""
Tell = Callable[[str, object], None]


async def started(two: Two) -> tuple[Half, Half]:
    """Start both at once; return the one that owns, and the other."""
    await asyncio.gather(*(asyncio.to_thread(half.start) for half in (two.first, two.second)))
    await until(lambda: (two.first.owns, two.second.owns) in ((True, False), (False, True)))
    owner, other = (two.first, two.second) if two.first.owns else (two.second, two.first)
    await two.beat_of(owner.name)
    await until(lambda: (told := other.health()).get("status") == "standby" and told["owner"] == owner.name)
    return owner, other


async def _taken_over(two: Two, street: Box, by: Half, since: float, tell: Tell, how: str) -> str:
    """Wait until a press of just now is stored by the other desk; return its id."""
    press = Presser(street)
    stored = await press.until("stored", TAKEN_OVER_S + since - time.monotonic())
    beat = await two.beat_of(by.name, since)
    tell("told", f"take-over, {how}: first heartbeat after {beat - since:.1f} s, receipt after {stored - since:.1f} s")
    assert stored - since <= TAKEN_OVER_S
    assert beat - since <= TAKEN_OVER_S
    await until(lambda: bool(_others(two, beat)))  # the witness has another connection than the box
    first = min(_others(two, beat))
    assert first >= beat, "a new owner tells who it is before anything else"
    return press.event_id


def _others(two: Two, beat: float) -> list[float]:
    """Return when there came what is no heartbeat, from a heartbeat on."""
    return [at for at, topic, _ in two.heard.messages if at >= beat - 0.001 and topic != topics.HEARTBEAT]


def _lease(two: Two) -> Sight:
    link = Link(two.place)
    try:
        return link.call(shared.see)
    finally:
        link.close()


def _steps(two: Two) -> list[dict[str, Any]]:
    return [entry for entry in two.entries() if entry["kind"] == "escalated"]


def _no_step_twice(two: Two) -> None:
    entries = two.entries()
    steps = [(entry["incident_id"], entry["step"]) for entry in entries if entry["kind"] == "escalated"]
    presses = Counter(entry["alarm"]["event_id"] for entry in entries if entry["kind"] == "press")
    assert len(set(steps)) == len(steps), steps
    assert set(presses.values()) <= {1}, presses
    assert len({entry["incident_id"] for entry in entries if entry["kind"] == "press"}) == 1, "all of one button"


async def _is_silent(two: Two, old: Half, other: Half, *, beats_on: bool = False) -> None:
    """Assert that an owner of before made no message once the other had told that it owns; the network may be late.

    `beats_on`: one that was cut off may still beat, with its lower epoch, to hear whether anybody else is there.
    """
    await two.beat_of(other.name, time.monotonic())
    beats = [beat for _, beat in two.heard.beats()]
    since_ns = next(beat.timestamp_ns for beat in beats if beat.desk == other.name)
    assert beats_on or all(beat.timestamp_ns < since_ns for beat in beats if beat.desk == old.name)
    lamps = [json.loads(body) for _, _, body in two.heard.of(topics.lamp("box-1"))]
    old_run, new_run = lamps[0]["run"], lamps[-1]["run"]
    assert old_run != new_run
    assert all(lamp["centre_time_ns"] < since_ns for lamp in lamps if lamp["run"] == old_run)


def _page(half: Half) -> str:
    with pytest.raises(urllib.error.HTTPError, match="503") as caught:
        urllib.request.urlopen(half.desk.url, timeout=5)
    with closing(caught.value) as answer:
        return str(answer.read().decode())


def _accounts(half: Half) -> list[str]:
    engine = open_accounts(half.desk.accounts)
    with engine.connect() as connection:
        names = list(connection.execute(select(ACCOUNT.c.name)).scalars())
    engine.dispose()
    return names


async def test_fault_35_of_two_desks_one_owns_the_other_takes_over_from_a_killed_one_and_at_once_from_one_that_stops(
    tmp_path: Path, postgres: Postgres, warm: Warm, record_property: Tell
) -> None:
    async with two_desks(tmp_path, postgres, warm) as two, box(two.alarm) as street:
        owner, other = await started(two)
        first = Presser(street)
        await first.until("stored")
        await _copied(owner, other)
        page = await asyncio.to_thread(_page, other)
        assert f'<a href="{owner.desk.url}">{owner.name}</a>' in page
        assert "siaga sebagai cadangan" in page
        assert "stands by" in page
        assert "push.pem" in page  # which no database should have: both machines have it by deployment
        assert two.heard.beats()
        assert {beat.desk for _, beat in two.heard.beats()} == {owner.name}

        lacks = "cadangan / standby: push.pem"  # each second it tells, and each 3 s the owner tells its pages
        await until(lambda: owner.desk.get("/api/state")["desks"].get(other.name, "").startswith(lacks))

        killed = time.monotonic()
        owner.process.kill()
        await _taken_over(two, street, other, killed, record_property, "killed")
        assert len(await asyncio.to_thread(other.desk.incidents)) == 1
        assert "petugas-9" in await asyncio.to_thread(_accounts, other)
        _no_step_twice(two)

        await asyncio.to_thread(owner.start)
        await until(lambda: owner.health().get("status") == "standby")
        stopped = time.monotonic()
        await asyncio.to_thread(other.process.stop, 20.0)
        assert other.process.returncode == 0
        sight = await asyncio.to_thread(_lease, two)
        assert sight.holder == owner.name or sight.until_ms == 0, "a lease that was given back need not lapse"
        await _taken_over(two, street, owner, stopped, record_property, "stopped")
        _no_step_twice(two)
        epochs = [beat.epoch for _, beat in two.heard.beats()]
        assert epochs == sorted(epochs, key=lambda epoch: epoch or 0)
        turns = [owner.name, other.name, owner.name]
        await until(lambda: [entry["desk"] for entry in two.entries() if entry["kind"] == "started"] == turns)


async def _copied(owner: Half, other: Half) -> None:
    """Add an account at the owner, and wait until the other has it."""

    def add() -> None:
        engine = open_accounts(owner.desk.accounts)
        with engine.begin() as connection:
            put_account(connection, Account("petugas-9", "Petugas 9", "officer", PASSWORD_HASH, False, 1, 1))
        engine.dispose()

    await asyncio.to_thread(add)
    path = other.desk.accounts
    await until(lambda: b"petugas-9" in path.read_bytes(), 20.0)


async def test_fault_35_a_frozen_owner_is_taken_over_from_and_once_it_goes_on_it_writes_and_sends_nothing(
    tmp_path: Path, postgres: Postgres, warm: Warm, record_property: Tell
) -> None:
    async with two_desks(tmp_path, postgres, warm, more=STEPS) as two, box(two.alarm) as street:
        owner, other = await started(two)
        await Presser(street).until("stored")
        await until(lambda: len(_steps(two)) == 2)
        frozen = time.monotonic()
        owner.process.freeze()
        await _taken_over(two, street, other, frozen, record_property, "frozen")
        await until(lambda: any(each["kind"] == "started" and each["desk"] == other.name for each in two.entries()))
        rows = len(two.entries())
        owner.process.thaw()
        assert await asyncio.to_thread(owner.process.wait) == STOOD_DOWN
        assert "stands down" in owner.process.output()
        await Presser(street).until("stored")
        await _is_silent(two, owner, other)
        await until(lambda: len(_steps(two)) == 3)
        first, second, last = _steps(two)
        assert [each["step"] for each in (first, second, last)] == [0, 1, 2]
        # Counted anew, from the take-over on, it would come after 16 s or more.
        assert 10.0 < (last["at_ns"] - first["at_ns"]) / 1e9 < 14.0, "it comes when it would have come"
        assert {entry["kind"] for entry in two.entries()[rows:]} <= {"press", "escalated"}
        _no_step_twice(two)


async def test_fault_35_an_owner_cut_off_from_everything_is_taken_over_from_and_stands_down(
    tmp_path: Path, postgres: Postgres, warm: Warm, record_property: Tell
) -> None:
    async with two_desks(tmp_path, postgres, warm, far=True) as two, box(two.alarm) as street:
        owner, other = await started(two)
        await Presser(street).until("stored")
        cut = time.monotonic()
        owner.cut_off()
        await _taken_over(two, street, other, cut, record_property, "cut off")
        assert owner.health()["status"] == "standby", "no front leads there"
        await until(lambda: "may not act" in owner.desk.get("/api/state")["desks"].get(owner.name, ""))  # each second
        owner.join()
        assert await asyncio.to_thread(owner.process.wait) == STOOD_DOWN
        await _is_silent(two, owner, other, beats_on=True)
        _no_step_twice(two)


async def test_fault_35_an_owner_that_hears_no_broker_leaves_it_to_the_other(
    tmp_path: Path, postgres: Postgres, warm: Warm, record_property: Tell
) -> None:
    async with two_desks(tmp_path, postgres, warm, far=True) as two, box(two.alarm) as street:
        owner, other = await started(two)
        await Presser(street).until("stored")
        cut = time.monotonic()
        owner.lose_brokers()
        await _taken_over(two, street, other, cut, record_property, "deaf")
        assert await asyncio.to_thread(owner.process.wait) == STOOD_DOWN
        await _is_silent(two, owner, other)


async def test_fault_35_the_owner_goes_on_without_a_database_and_the_other_stands_by(
    tmp_path: Path, postgres: Postgres, warm: Warm
) -> None:
    async with two_desks(tmp_path, postgres, warm, more=SHORT) as two, box(two.alarm) as street:
        owner, other = await started(two)
        for half in (owner, other):
            await half.lose_database()
        away = time.monotonic()
        await until(lambda: other.health().get("database") is False)
        press = Presser(street)
        await asyncio.sleep(
            max(0.0, away + 4.0 - time.monotonic())
        )  # the lease is over by then: 3 s, and what is asked
        assert await press.until("ringing") - away >= 4.0
        state: dict[str, Any] = await asyncio.to_thread(owner.health)
        assert state["recording"] is False
        assert other.health()["status"] == "standby"
        # The database is there again for the other alone: it takes over, and the owner hears of it from the brokers.
        back = time.monotonic()
        await other.find_database()
        await two.beat_of(other.name, back)
        assert await asyncio.to_thread(owner.process.wait) == STOOD_DOWN
        assert "has taken over" in owner.process.output()
        await press.until("stored")
        _no_step_twice(two)
