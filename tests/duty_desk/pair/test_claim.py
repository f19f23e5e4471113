"""Two desks at length: an owner that is started again, and brokers that neither reaches."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from duty_desk.pair.run import STOOD_DOWN
from tests.duty_desk.conftest import box
from tests.duty_desk.ledger.servers import Postgres
from tests.duty_desk.pair.conftest import Presser, two_desks, until
from tests.duty_desk.pair.test_two_desks import started
from tests.warm import Warm


@pytest.mark.long
async def test_fault_35_an_owner_started_again_without_a_database_rings_on_and_stands_down_once_another_owns(
    tmp_path: Path, postgres: Postgres, warm: Warm
) -> None:
    async with two_desks(tmp_path, postgres, warm) as two, box(two.alarm) as street:
        owner, other = await started(two)
        await Presser(street).until("stored")
        for half in (owner, other):
            await half.lose_database()
        owner.process.kill()
        again = time.monotonic()
        await asyncio.to_thread(owner.start)
        press = Presser(street)
        # 3 s for the database, 2 s for the ledger, 3 s to listen; then its box sends again, after 15 s or 25 s.
        assert await press.until("ringing", 30.0) - again >= 6.0, "it listens first"
        assert other.health()["status"] == "standby"
        await other.find_database()
        await until(lambda: other.owns)
        assert await asyncio.to_thread(owner.process.wait) == STOOD_DOWN
        await press.until("stored")
        assert other.health()["recording"]


@pytest.mark.long
async def test_an_owner_that_ends_takes_over_from_itself_once_and_then_the_other_does(
    tmp_path: Path, postgres: Postgres, warm: Warm
) -> None:
    async with two_desks(tmp_path, postgres, warm) as two:
        owner, other = await started(two)
        owner.process.kill()
        await asyncio.to_thread(owner.start)
        await until(lambda: owner.owns)
        assert other.health()["status"] == "standby"
        owner.process.kill()
        await asyncio.to_thread(owner.start)
        await until(lambda: other.owns)
        await until(lambda: owner.health().get("owner") == other.name)
        assert [entry["desk"] for entry in two.entries()] == [owner.name, owner.name, other.name]


@pytest.mark.long
async def test_an_owner_that_hears_no_broker_keeps_it_while_the_other_reaches_none_either(
    tmp_path: Path, postgres: Postgres, warm: Warm
) -> None:
    async with two_desks(tmp_path, postgres, warm, far=True) as two:
        owner, other = await started(two)
        for half in (other, owner):
            half.lose_brokers()
            if half is other:
                await until(lambda: "not reached" in (other.health().get("fault") or ""), 30.0)
        deaf = time.monotonic()
        await until(lambda: not any(owner.health()["links"].values()), 15.0)
        await asyncio.sleep(max(0.0, deaf + 8.0 - time.monotonic()))
        assert owner.owns
        assert other.health()["status"] == "standby"
