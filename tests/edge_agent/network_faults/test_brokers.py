"""Faults 9, 10, 13 and 21: brokers that are killed, come back empty, stand still, and are dialled by all at once."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import topics
from contract.topics import Lane
from link import Session
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk
from tests.edge_agent.network_faults.scenarios import quicker, shown
from tests.edge_agent.network_faults.storm import storm
from tests.edge_agent.network_faults.street import BOX, LANES, Ears, street

pytestmark = pytest.mark.slow


async def test_fault_09_killed_brokers_cost_no_press_and_no_batch(brokers: dict[Lane, Mosquitto]) -> None:
    """Both die under a press; what they had acknowledged dies with them."""
    async with street(brokers, rate_hz=5) as box:
        await box.start()
        box.ears.answers = {"alarm", "telemetry"}
        await box.ears.until(box.ears.batches, "readings flow")
        for broker in brokers.values():
            broker.kill()
        pressed_s = box.press()
        await box.says(lambda agent: agent["report"]["presses"]["waiting"] == 1, "the press waits")
        for broker in brokers.values():
            broker.start()
        await box.stands()
        assert time.monotonic() - pressed_s < 15.0
        await box.says(
            lambda agent: agent["report"]["presses"]["waiting"] == 0 and agent["report"]["readings"]["waiting"] <= 10,
            "receipts for the press and for what was gathered meanwhile",
        )
        seen = {heard.body["event_id"] for heard in box.ears.presses()}
        assert len(seen) == 1
        # One that was lost under way may come after a later one.
        await box.ears.until(lambda: (got := _numbers(box.ears)) == set(range(len(got))), "every batch")
        assert (await box.status())["report"]["readings"]["dropped"] == {}


def _numbers(ears: Ears) -> set[int]:
    return {heard.body["batch"] for heard in ears.batches()}


async def test_fault_10_a_broker_that_comes_back_empty_is_filled_by_the_owners(
    brokers: dict[Lane, Mosquitto], desk: Desk
) -> None:
    """The box owns its status on each lane, the desk the inventory; lamps are not retained and follow each birth."""
    async with street(brokers) as box:
        await box.start()
        box.press()
        await box.ears.until(lambda: _lamp_is(box.ears, "received"), "the desk has the press")
        for broker in brokers.values():
            broker.kill()
        await box.comes(lambda: not any(each.connected for each in box.ears.sessions.values()), "it has all they said")
        box.ears.heard.clear()
        for broker in brokers.values():
            broker.start()
        await _owners_spoke(box.ears)
        await box.ears.until(lambda: _lamp_is(box.ears, "received"), "the lamps are told again")
        late = Ears("late")
        async with late.listening(brokers):
            await _owners_spoke(late)
        kept = {(heard.lane, heard.topic): heard.body for heard in late.heard if heard.retained}
        assert {lane: kept[lane, topics.status(BOX, lane)]["state"] for lane in LANES} == dict.fromkeys(LANES, "online")
        assert kept["telemetry", topics.INVENTORY]["version"] == 3
        assert len(kept) == 3, "something else is retained, and has an owner that this test does not know"
        await box.comes(lambda: all(desk.get("/api/state")["links"].values()), "the desk is back on both")


async def _owners_spoke(ears: Ears) -> None:
    for lane in LANES:
        await ears.until(lambda lane=lane: ears.on(topics.status(BOX, lane), lane), f"the box's status on {lane}")  # type: ignore[misc]
    await ears.until(lambda: ears.on(topics.INVENTORY, "telemetry"), "the inventory")


def _lamp_is(ears: Ears, state: str) -> bool:
    return any(heard.body["lamps"]["sos"] == state for heard in ears.on(topics.lamp(BOX)))


KEEP_ALIVE_S = 1
QUICKER = (
    f"import link.session as s; s.Session.__init__.__kwdefaults__['keep_alive_s'] = {KEEP_ALIVE_S}\n"
    "s.keep_alive_s = lambda least_s, handshake_s: least_s"  # a machine that is slow with it is no slow link
)


async def test_fault_13_a_frozen_broker_is_shown_after_twice_the_keep_alive_and_2_s(
    tmp_path: Path, brokers: dict[Lane, Mosquitto], record_property: Callable[[str, object], None]
) -> None:
    """By `siaga edge status` and on the desk's page. With a keep-alive of 1 s; with the real one in `full_scale`."""
    real_s = inspect.signature(Session).parameters["keep_alive_s"].default
    assert 2 * real_s + 2 <= 20
    desk = Desk(tmp_path, brokers["alarm"], brokers["telemetry"])
    # The desk has one of its own, shorter than what others have.
    desk.process = quicker(desk, f"{QUICKER}\nimport duty_desk.lanes as d; d.KEEP_ALIVE_S = {KEEP_ALIVE_S}")
    desk.start()
    command = [sys.executable, "-P", "-c", f"{QUICKER}\nimport sys; from edge_agent.main import main; sys.exit(main())"]
    try:
        took_s = await shown(brokers, desk, 20.0, command)
        assert took_s < 2 * KEEP_ALIVE_S + 2 + 1
        record_property("told", f"frozen broker, keep-alive {KEEP_ALIVE_S} s: shown after {took_s:.1f} s")
    finally:
        desk.process.stop()


async def test_fault_21_all_boxes_come_back_spread_and_a_press_goes_through_meanwhile(
    alarm_broker: Mosquitto, record_property: Callable[[str, object], None]
) -> None:
    """120 sessions here; a thousand in `make faults-edge`.

    Whatever spread they have, a machine that stood still brings them back together: then they are sent off again.
    """
    for left in (2, 1, 0):
        found = await storm(alarm_broker, sessions=120, processes=1, dead_s=2.0)
        assert len(found.returns_s) == 120
        if not left or found.busiest_tenth < 120 / 3:
            break
    record_property("told", f"fault 21: {found}")
    assert found.share(0.9) - found.share(0.1) > 0.5
    assert found.busiest_tenth < 120 / 3
    assert found.share(1) < 12.0
    assert len(found.presses_s) >= 5
    assert max(found.presses_s) < 2.0
