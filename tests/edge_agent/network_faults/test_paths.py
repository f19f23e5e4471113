"""Faults 12, 15 to 20 and 47: what is lost, late, refused, doubled or half open between a box and its brokers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import topics
from contract.topics import Lane
from duty_desk import lanes
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk
from tests.edge_agent.network_faults.packets import PUBACK, PUBLISH
from tests.edge_agent.network_faults.proxy import Wire
from tests.edge_agent.network_faults.scenarios import by_the_other_broker, quicker, repaired
from tests.edge_agent.network_faults.street import BOX, lamps, street

pytestmark = pytest.mark.slow

ROUND_S = 1.0
"""Between two lamp messages of the desk in these tests; it is 30 s in its code, and in `full_scale`."""


async def test_fault_12_a_lost_lamp_message_is_repaired_by_the_next_round(
    tmp_path: Path, brokers: dict[Lane, Mosquitto]
) -> None:
    """The message that says that an officer comes is lost on both ways; the next round of the desk says it again."""
    assert lanes.LAMPS_S <= 30.0
    desk = Desk(tmp_path, brokers["alarm"], brokers["telemetry"])
    desk.process = quicker(desk, f"import duty_desk.lanes as s; s.LAMPS_S = {ROUND_S}")
    desk.start()
    try:
        assert await repaired(brokers, desk) < 10.0, "not by these rounds"
    finally:
        desk.process.stop()


async def test_fault_16_a_press_that_nobody_hears_is_not_delivered(
    brokers: dict[Lane, Mosquitto], tmp_path: Path
) -> None:
    """Only the desk hears alarms: without it the broker answers 0x10, and the box goes on until somebody does."""
    async with street(brokers, deaf=True) as box:
        await box.start()
        box.press()
        said = await box.says(
            lambda agent: agent["report"]["faults"].get("press: nobody listens", 0) >= 2, "it is told"
        )
        assert said["report"]["presses"]["waiting"] == 1
        assert said["sessions"]["alarm"]["connects"] == 1, "the broker lives; a new connection would be no help"
        desk = Desk(tmp_path, brokers["alarm"], brokers["telemetry"])
        desk.start()
        try:
            await box.says(lambda agent: agent["report"]["presses"]["waiting"] == 0, "the desk's receipt")
            (incident,) = desk.incidents()
            assert incident["presses"] == 1
        finally:
            desk.process.stop()


async def test_fault_17_after_a_lost_puback_the_repeat_is_absorbed(brokers: dict[Lane, Mosquitto], desk: Desk) -> None:
    async with street(brokers, end_tls=True) as box:
        await box.start()
        for proxy in box.proxies.values():
            # Both its receipts too, `ringing` and `stored`, or the box would have no reason to ask again.
            proxy.drop("down", PUBLISH, holds=b"alarm/receipt", count=2)
        lost = box.proxies["alarm"].drop("down", PUBACK)
        box.press()
        await asyncio.wait_for(lost.wait(), 10)
        await box.says(lambda agent: agent["report"]["presses"]["waiting"] == 0, "the receipt")
        await box.says(lambda agent: agent["report"]["faults"].get("no PUBACK on alarm", 0) >= 1, "it is counted")
        assert len(box.ears.presses()) >= 2, "it was sent again"
        (incident,) = desk.incidents()
        assert incident["presses"] == 1


async def test_fault_18_states_that_come_in_another_order_never_go_backwards(brokers: dict[Lane, Mosquitto]) -> None:
    """What the slower way brings late is older than what the lamp shows, and is no news."""
    async with street(brokers) as box:
        await box.start()
        box.proxies["telemetry"].hold(("down",))
        await box.ears.say("telemetry", topics.lamp(BOX), lamps(11, "off"))
        await box.ears.say("alarm", topics.lamp(BOX), lamps(12, "accepted"))
        await box.comes(lambda: box.board.lamp("sos")[0], "the newer state is shown")
        changes = len(box.board.lamp("sos")[1])
        box.proxies["telemetry"].release()
        await box.ears.say("telemetry", topics.lamp(BOX), lamps(10, "off"))
        await box.ears.say("telemetry", topics.lamp(BOX), lamps(13, "accepted"))
        # When this one is shown, the late ones before it have been heard.
        await box.ears.say("telemetry", topics.lamp(BOX), lamps(14, "off"))
        await box.comes(lambda: not box.board.lamp("sos")[0], "the newest state is shown")
        await box.says(lambda agent: agent["sessions"]["telemetry"]["connected"], "nothing broke")
        assert len(box.board.lamp("sos")[1]) == changes + 1


async def test_fault_18_presses_that_come_in_another_order_are_all_there(
    brokers: dict[Lane, Mosquitto], desk: Desk
) -> None:
    async with street(brokers) as box:
        await box.start()
        box.proxies["alarm"].hold(("up",))
        box.press()
        await asyncio.sleep(0.15)  # the button is let go
        box.proxies["alarm"].release()
        box.proxies["alarm"].delay_s = (0.2, 0.5)
        box.press()
        await box.says(lambda agent: agent["report"]["presses"]["receipted"] == 2, "both have receipts")
        (incident,) = desk.incidents()
        assert incident["presses"] == 2


async def test_fault_19_a_press_on_a_half_open_connection_goes_by_a_fresh_one_after_2_s(
    brokers: dict[Lane, Mosquitto],
) -> None:
    async with street(brokers) as box:
        box.ears.answers = {"alarm"}
        await box.start()
        box.proxies["alarm"].hold()
        pressed_s = box.press()
        await box.ears.until(lambda: box.ears.presses("alarm"), "the press")
        assert 1.9 < box.ears.presses("alarm")[0].at_s - pressed_s < 5.0
        said = await box.says(lambda agent: agent["report"]["presses"]["waiting"] == 0, "the receipt")
        assert said["sessions"]["alarm"]["connects"] == 2
        assert said["sessions"]["telemetry"]["connects"] == 1


async def test_fault_47_the_press_comes_by_the_telemetry_broker_within_5_s(
    brokers: dict[Lane, Mosquitto], record_property: Callable[[str, object], None]
) -> None:
    """With a half-open connection and a peer that takes new ones in silence; the other ways to die in `full_scale`."""
    took_s = await by_the_other_broker(brokers, "half open")
    assert took_s < 5.0
    record_property("told", f"half-open alarm connection: by the other broker after {took_s:.2f} s")


async def test_fault_20_on_200_bytes_a_second_a_press_goes_before_the_backlog(
    brokers: dict[Lane, Mosquitto], record_property: Callable[[str, object], None]
) -> None:
    """Over TLS. The link breaks down under a box that has a backlog; telemetry stands still while the press waits."""
    wire = Wire()
    async with street(brokers, wire=wire, rate_hz=20) as box:
        box.ears.answers = {"alarm"}
        await box.start()
        await box.ears.until(box.ears.batches, "readings flow")
        await box.ears.say("telemetry", topics.telemetry_receipt(BOX), {"device": BOX, "retry_after_s": 3_600})
        await box.heard_all("telemetry")
        await box.says(lambda agent: agent["report"]["readings"]["waiting"] >= 30, "a backlog")
        batches = box.ears.batches()
        box.ears.answers = set()
        wire.set(200.0)
        pressed_s = box.press()
        # From here on the backlog could go out, were it not for the press.
        span = {"stream": batches[0].body["stream"], "first": 0, "last": batches[-1].body["batch"]}
        await box.ears.say("telemetry", topics.telemetry_receipt(BOX), {"device": BOX, "ranges": [span]})
        await box.ears.until(box.ears.presses, "the press", 40)
        took_s = box.ears.presses()[0].at_s - pressed_s
        # On the second path too: one batch before it would take half a minute.
        await box.ears.until(lambda: box.ears.presses("telemetry"), "the press on the other broker", 40)
        second_s = box.ears.presses("telemetry")[0].at_s - pressed_s
        assert box.ears.batches() == batches
        receipt = {"device": BOX, "stage": "stored", "event_id": box.ears.presses()[0].body["event_id"]}
        await box.ears.say("telemetry", topics.alarm_receipt(BOX), receipt)
        said = await box.says(lambda agent: agent["report"]["presses"]["waiting"] == 0, "its receipt", 40)
        assert said["report"]["readings"]["waiting"] >= 20, "there was no backlog to go before"
        record_property("told", f"200 bytes/s: press after {took_s:.1f} s, on the second path after {second_s:.1f} s")
        assert took_s < 10.0
        assert second_s < 20.0
