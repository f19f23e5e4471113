"""What the uplink does when card, receipt and button come in an awkward order."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from contract import topics
from contract.identity import new_event_id, new_stream_id
from contract.messages import AlarmReceipt, Press, encode
from edge_agent import alarm_uplink
from edge_agent.alarm_lane import AlarmLane, KeptPress
from edge_agent.clock import Clock
from edge_agent.config import Box as ConfiguredBox
from edge_agent.config import BoxSettings
from edge_agent.gatherer import Gatherer
from edge_agent.lamp import LampPanel
from edge_agent.outbox.alarms import AlarmOutbox, HeldButton
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.telemetry_lane import TelemetryLane
from edge_agent.uplink import Uplink
from link import Endpoint

DEAD = Endpoint("127.0.0.1", 1)
BOOT = "boot-1"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the card be tried again soon."""
    monkeypatch.setattr(alarm_uplink, "RETRY_DISK_S", 0.02)


def kept() -> KeptPress:
    press = Press(
        event_id=new_event_id(),
        device="box-1",
        button="sos",
        cause="press",
        status="Actual",
        pressed_at_ns=1,
        clock="none",
        age_ms=0,
        stream=new_stream_id(),
        sequence=0,
    )
    return KeptPress(press, BOOT, time.monotonic_ns())


class Box:
    """An uplink without brokers, over real outboxes in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.faults: Counter[str] = Counter()
        self.alarms = AlarmOutbox(folder)
        self.batches = BatchOutbox(folder)
        self.presses = AlarmLane(BOOT, Clock(0, 0))
        clock, dropped = Clock(0, 0), Counter[str]()
        broker = {"host": "-", "port": 1, "ca": "-", "certificate": "-", "key": "-"}
        settings = {"device": "box-1", "data_dir": folder, "alarm_broker": broker, "telemetry_broker": broker}
        self.uplink = Uplink(
            ConfiguredBox(BoxSettings.model_validate(settings, strict=False), {"alarm": DEAD, "telemetry": DEAD}),
            BOOT,
            "0",
            clock=clock,
            panel=LampPanel(["sos"]),
            alarms=self.alarms,
            batches=self.batches,
            presses=self.presses,
            gatherer=Gatherer(clock, dropped),
            readings=TelemetryLane("box-1", new_stream_id(), dropped, max_bytes=10**9),
            faults=self.faults,
        )

    def receipt(self, press: KeptPress) -> None:
        body = encode(AlarmReceipt(device="box-1", stage="stored", event_id=press.press.event_id))
        self.uplink._heard(topics.alarm_receipt("box-1"), body, False)

    async def on_card(self) -> tuple[list[KeptPress], dict[str, HeldButton]]:
        await asyncio.sleep(0)  # the turn in which the uplink asks the card
        return await self.alarms.load()


@asynccontextmanager
async def box_on(folder: Path) -> AsyncIterator[Box]:
    box = Box(folder)
    box.alarms.writer.start()
    box.batches.writer.start()
    task = asyncio.create_task(box.uplink.run())
    await asyncio.sleep(0)
    try:
        yield box
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        box.alarms.writer.stop()
        box.batches.writer.stop()


async def until(box: Box, fault: str, count: int = 1) -> None:
    async with asyncio.timeout(5):
        while box.faults[fault] < count:  # noqa: ASYNC110 - its counters are all it shows
            await asyncio.sleep(0.005)


async def test_a_press_is_on_the_card_and_gone_after_its_receipt(tmp_path: Path) -> None:
    async with box_on(tmp_path) as box:
        press = kept()
        box.uplink.press(press)
        assert await box.on_card() == ([press], {"sos": HeldButton(BOOT, press.monotonic_ns)})
        box.receipt(press)
        await asyncio.sleep(0)
        assert (await box.on_card())[0] == []


async def test_a_press_receipted_before_its_commit_could_be_made_is_not_written_afterwards(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.write_text("not there")
    async with box_on(card) as box:
        press = kept()
        box.uplink.press(press)
        await until(box, "press not on the card")
        box.receipt(press)
        await until(box, "card")
        card.unlink()
        card.mkdir()
        await asyncio.sleep(0.1)
        assert (await box.on_card())[0] == [], "it would be sent again after each restart"


async def test_a_button_let_go_before_its_press_was_committed_is_not_told_as_held(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.write_text("not there")
    async with box_on(card) as box:
        press = kept()
        box.uplink.press(press)
        await until(box, "press not on the card")
        box.uplink.released("sos")
        await until(box, "card")
        card.unlink()
        card.mkdir()
        await asyncio.sleep(0.1)
        assert await box.on_card() == ([press], {}), "a restart would take the next press for this one"


async def test_a_stop_keeps_a_press_that_the_card_refused_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarm_uplink, "RETRY_DISK_S", 60.0)
    card = tmp_path / "card"
    card.write_text("not there")
    async with box_on(card) as box:
        press = kept()
        box.uplink.press(press)
        await until(box, "press not on the card")
        card.unlink()
        card.mkdir()
        await box.uplink.keep_all()
        assert (await box.on_card())[0] == [press]


async def test_fault_7_presses_are_committed_again_when_their_file_was_set_aside(tmp_path: Path) -> None:
    async with box_on(tmp_path) as box:
        first, second = kept(), kept()
        box.uplink.press(first)
        await box.on_card()
        # Damaged under the open file, as by a card that dies: SQLite sees it when it next reads the pages.
        await box.alarms.writer.run(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        await box.alarms.writer.run(lambda connection: None)
        box.alarms.writer._put_aside()
        (tmp_path / "alarms.db").write_bytes(b"no database" * 500)
        box.uplink.press(second)
        await until(box, "outbox of presses set aside")
        await asyncio.sleep(0.05)
        assert {press.press.event_id for press in (await box.on_card())[0]} == {
            first.press.event_id,
            second.press.event_id,
        }


async def test_a_message_that_fails_unforeseen_takes_no_other_with_it(tmp_path: Path) -> None:
    async with box_on(tmp_path) as box:

        async def fail() -> None:
            raise KeyError("unforeseen")

        box.uplink.workers.spawn(fail(), "send-press-alarm")
        await until(box, "send-press-alarm: failed")
        press = kept()
        box.uplink.press(press)
        assert (await box.on_card())[0] == [press]
