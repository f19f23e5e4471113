"""Faults 1, 3, 5 to 8, 11 and 49: a real agent on a real card that refuses, stalls, fills up, rots, or is too late.

The presses' receiver is the ears of the street, or a desk where the row speaks of the officer's screen.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from contract import topics
from contract.topics import Lane
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk
from tests.edge_agent.card_faults.card import fill, held, kept, remount, small_card, tampered
from tests.edge_agent.network_faults.street import BOX, Street, lamps, street

pytestmark = pytest.mark.slow


@pytest.fixture
def brokers(alarm_broker: Mosquitto, telemetry_broker: Mosquitto) -> dict[Lane, Mosquitto]:
    """Return both brokers, running."""
    return {"alarm": alarm_broker, "telemetry": telemetry_broker}


@pytest.fixture
async def box(brokers: dict[Lane, Mosquitto]) -> AsyncIterator[Street]:
    """Yield a box whose agent is not started yet."""
    async with street(brokers) as running:
        yield running


def event_ids(box: Street) -> list[str]:
    return [heard.body["event_id"] for heard in box.ears.presses()]


async def heard(box: Street, different: int) -> None:
    """Wait until the centre has heard of so many different presses."""
    await box.ears.until(lambda: len(set(event_ids(box))) >= different, f"{different} presses are heard")


async def receipt(box: Street, event_id: str) -> None:
    await box.ears.say("alarm", topics.alarm_receipt(BOX), {"device": BOX, "stage": "stored", "event_id": event_id})


async def test_fault_01_killed_before_the_commit_and_the_held_button_is_read_again(
    box: Street, brokers: dict[Lane, Mosquitto]
) -> None:
    """Nobody has the press: it is not on the card, and no broker was up. The button is still held."""
    await box.start()
    for broker in brokers.values():
        broker.kill()
    async with tampered(box.agent, "pwrite64:signal=SIGKILL", only=box.folder / BOX / "alarms.db-wal"):
        box.press(hold_ms=120_000)
        await box.comes(lambda: not box.agent.running, "the agent dies as it begins to write the press")
    assert kept(box.folder / BOX) == []
    for broker in brokers.values():
        broker.start()
    await box.start()
    await heard(box, 1)
    assert len(set(event_ids(box))) == 1
    # It is sent at the moment at which its commit begins.
    await box.comes(lambda: len(kept(box.folder / BOX)) == 1, "it is on the card")


async def test_fault_02_killed_after_the_commit_and_sent_again_as_the_same_press(
    box: Street, brokers: dict[Lane, Mosquitto]
) -> None:
    """The button is still held at the restart, and it is still that press."""
    await box.start()
    for broker in brokers.values():
        broker.kill()
    box.press(hold_ms=120_000)
    await box.comes(lambda: kept(box.folder / BOX), "the press is committed")
    (event_id,) = kept(box.folder / BOX)
    box.agent.kill()
    for broker in brokers.values():
        broker.start()
    await box.start()
    await heard(box, 1)
    assert set(event_ids(box)) == {event_id}


async def test_fault_03_killed_between_receipt_and_delete_and_the_same_receipt_comes_again(box: Street) -> None:
    await box.start()
    box.press()
    await heard(box, 1)
    await box.comes(lambda: kept(box.folder / BOX), "the press is committed")
    (event_id,) = kept(box.folder / BOX)
    await box.comes(lambda: not held(box.folder / BOX), "the button was let go")
    async with tampered(box.agent, "pwrite64:signal=SIGKILL", only=box.folder / BOX / "alarms.db-wal"):
        await receipt(box, event_id)
        await box.comes(lambda: not box.agent.running, "the agent dies as it begins to delete")
    assert kept(box.folder / BOX) == [event_id]
    before = len(event_ids(box))
    await box.start()
    await box.ears.until(lambda: len(event_ids(box)) > before, "it is sent again")
    await receipt(box, event_id)
    await box.comes(lambda: not kept(box.folder / BOX), "it is deleted")
    assert set(event_ids(box)) == {event_id}


async def test_fault_05_card_read_only_press_is_sent_from_memory(box: Street) -> None:
    """What the life before left on it is sent as well, though SQLite cannot even make its index there."""
    with small_card(box, "4m") as card:
        await box.start()
        box.press()
        await box.comes(lambda: kept(card), "the press is committed")
        await asyncio.to_thread(box.agent.stop)
        (left,) = kept(card)
        before = len(event_ids(box))
        remount(card, "ro")
        box.agent.start()
        await box.ears.until(lambda: len(event_ids(box)) > before, "the press of the last life is sent")
        await box.watched()
        box.press()
        await heard(box, 2)
        (new,) = set(event_ids(box)) - {left}
        # Its status socket lies on the card, so only the log and the report can tell.
        await box.comes(lambda: f"press {new} goes out from memory only" in box.agent.output(), "a fault is raised")
        await asyncio.to_thread(box.agent.stop)
        assert box.agent.returncode == 0


async def test_fault_06_card_full_press_is_sent_from_memory_and_what_is_kept_stays(box: Street) -> None:
    with small_card(box, "2m") as card:
        await box.start()
        box.press()
        await box.comes(lambda: kept(card), "the first press is committed")
        await box.comes(lambda: not held(card), "the button was let go")
        ballast = fill(card)
        # The last block of the log has room for some more.
        for number in range(2, 5):
            box.press(hold_ms=20)
            await heard(box, number)
            await box.comes(lambda: not _is_down(box), "the button was let go")
        said = await box.says(lambda agent: agent["report"]["faults"].get("press not on the card"), "a fault is raised")
        assert "full" in said["outboxes"]["alarms.db"]["fault"]
        pressed = list(dict.fromkeys(event_ids(box)))
        there = kept(card)
        assert there == pressed[: len(there)], "the card keeps those before"
        assert 1 <= len(there) < len(pressed)
        ballast.unlink()
        await asyncio.to_thread(box.agent.stop)
        assert kept(card) == pressed, "the stop kept the others, as there is room again"


async def test_fault_07_corrupt_outboxes_are_set_aside_and_the_box_goes_on(box: Street) -> None:
    card = box.folder / BOX
    card.mkdir()
    for name in ("alarms.db", "telemetry.db"):
        (card / name).write_bytes(b"SQLite format 3\0" + b"\xa5" * 20_000)
    await box.start()
    box.press()
    await heard(box, 1)
    said = await box.says(lambda agent: all(box["set_aside"] for box in agent["outboxes"].values()), "both set aside")
    assert said["report"]["faults"]["outbox of presses set aside"] == 1
    await box.comes(lambda: kept(card), "the press is on the new file")
    assert sorted(path.name for path in card.glob("*.corrupt-*")) == ["alarms.db.corrupt-1", "telemetry.db.corrupt-1"]
    box.agent.kill()
    await box.start()
    assert [path.name for path in card.glob("*.corrupt-2")] == [], "no loop"


async def test_fault_08_a_sync_that_fails_is_a_fault_and_the_press_goes_out(box: Street) -> None:
    await box.start()
    async with tampered(box.agent, "fdatasync:error=EIO", "fsync:error=EIO"):
        box.press()
        await heard(box, 1)
        said = await box.says(lambda agent: agent["report"]["faults"].get("press not on the card"), "a fault is raised")
        assert re.search("I/O error|Input/output error", said["outboxes"]["alarms.db"]["fault"])
    (event_id,) = set(event_ids(box))
    # It is refused as often as it is tried, and kept once the card takes it: at the latest at the stop.
    await asyncio.to_thread(box.agent.stop)
    assert kept(box.folder / BOX) == [event_id]


async def test_fault_11_old_receipts_delete_nothing_of_a_new_file(brokers: dict[Lane, Mosquitto]) -> None:
    async with street(brokers, rate_hz=5) as box:
        await box.start()
        await box.ears.say("alarm", topics.lamp(BOX), lamps(1, "off"))
        await box.ears.until(box.ears.batches, "readings flow")
        await asyncio.to_thread(box.agent.stop)
        old = {heard.body["stream"] for heard in box.ears.batches()}
        (box.folder / BOX / "telemetry.db").write_bytes(b"\xa5" * 20_000)
        await box.start()
        await box.ears.until(lambda: _streams(box) - old, "readings of a new stream")
        for stream in old:
            await _receipt_all(box, stream)
        await box.heard_all("telemetry")
        said = await box.says(lambda agent: agent["outboxes"]["telemetry.db"]["set_aside"] == 1, "it was set aside")
        assert said["report"]["readings"]["receipted"] == 0
        for stream in _streams(box) - old:
            await _receipt_all(box, stream)
        await box.says(lambda agent: agent["report"]["readings"]["receipted"] > 0, "their own receipt counts")


async def test_fault_49_card_stalls_and_the_press_is_on_the_officers_screen_meanwhile(
    tmp_path: Path, brokers: dict[Lane, Mosquitto]
) -> None:
    desk = Desk(tmp_path, brokers["alarm"], brokers["telemetry"])
    desk.start()
    try:
        async with street(brokers, deaf=True) as box:
            await box.start()
            async with tampered(box.agent, "fdatasync:delay_enter=60s"):  # more than this machine needs to look
                box.press()
                await box.comes(lambda: _shown(desk), "the press is on the screen")
                await box.says(lambda agent: "stands still" in (_fault(agent) or ""), "the stall is told")
                assert _fault(await box.status()) is not None, "it lasts"
    finally:
        desk.process.stop()


def _is_down(box: Street) -> bool:
    return "sos" in box.board._releases


def _fault(agent: Any) -> str | None:
    fault: str | None = agent["outboxes"]["alarms.db"]["fault"]
    return fault


def _shown(desk: Desk) -> bool:
    with contextlib.suppress(OSError):
        return [len(incident["rows"]) for incident in desk.incidents()] == [1]
    return False


def _streams(box: Street) -> set[str]:
    return {heard.body["stream"] for heard in box.ears.batches()}


async def _receipt_all(box: Street, stream: str) -> None:
    ranges = [{"stream": stream, "first": 0, "last": 1_000}]
    await box.ears.say("telemetry", topics.telemetry_receipt(BOX), {"device": BOX, "ranges": ranges})
