"""What the uplink does when card, receipt and button come in an awkward order."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from contract import topics
from contract.identity import new_event_id, new_stream_id
from contract.messages import AlarmReceipt, Command, Lamps, Press, encode
from edge_agent import alarm_uplink
from edge_agent.alarm_lane import AlarmLane, KeptPress
from edge_agent.clock import EARLIEST_NS, Clock
from edge_agent.config import Box as ConfiguredBox
from edge_agent.config import BoxSettings
from edge_agent.gatherer import Gatherer
from edge_agent.lamp import LampPanel
from edge_agent.outbox.alarms import AlarmOutbox, HeldButton
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.telemetry_lane import TelemetryLane
from edge_agent.uplink import Uplink
from link import Endpoint
from link.dial import Dialer
from tests.link.harness import listening

DEAD = Endpoint("127.0.0.1", 1)
BOOT = "boot-1"
S = 10**9


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
        # Told as held, a restart would take the next press for this one. The card may be long over an earlier attempt.
        async with asyncio.timeout(5):
            while await box.on_card() != ([press], {}):  # noqa: ASYNC110 - the card tells nobody
                await asyncio.sleep(0.005)


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
        (tmp_path / "alarms.db.rescued").unlink()  # what could be read of it: here it shall be nothing
        (tmp_path / "alarms.db").write_bytes(b"no database" * 500)
        box.uplink.press(second)
        await until(box, "outbox of presses set aside")
        await asyncio.sleep(0.05)
        assert {press.press.event_id for press in (await box.on_card())[0]} == {
            first.press.event_id,
            second.press.event_id,
        }


def lose_the_file(folder: Path) -> None:
    """Take the file of presses away under the agent, so that nothing of it can be read."""
    for name in ("alarms.db", "alarms.db-wal", "alarms.db-shm"):
        (folder / name).unlink()


async def test_a_lost_file_is_seen_when_a_button_is_let_go(tmp_path: Path) -> None:
    async with box_on(tmp_path) as box:
        press = kept()
        box.uplink.press(press)
        await box.on_card()
        lose_the_file(tmp_path)
        box.uplink.released("sos")
        await until(box, "outbox of presses set aside")
        assert (await box.on_card())[0] == [press]


async def test_a_stop_keeps_the_presses_of_a_file_that_was_lost_unseen(tmp_path: Path) -> None:
    async with box_on(tmp_path) as box:
        press = kept()
        box.uplink.press(press)
        await box.on_card()
        await asyncio.sleep(0)
        lose_the_file(tmp_path)
        assert await box.on_card() == ([], {}), "it was lost, and is opened anew"
        await box.uplink.keep_all()
        assert (await box.on_card())[0] == [press]


async def test_many_receipts_at_once_keep_no_press_from_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with box_on(tmp_path) as box:
        presses = [kept() for _ in range(200)]
        for press in presses:
            box.uplink.press(press)
        while len((await box.on_card())[0]) < len(presses):
            pass
        commits, run = Counter[str](), box.alarms.writer.run

        async def counted(job: Callable[[sqlite3.Connection], Any]) -> Any:
            commits["made"] += 1
            return await run(job)

        monkeypatch.setattr(box.alarms.writer, "run", counted)
        for press in presses:
            box.receipt(press)
        while (await box.on_card())[0]:
            pass
        assert commits["made"] < 50, "one for each of those that wait was 20,000"


async def _end_at_the_press(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a broker that answers CONNECT, SUBSCRIBE and the birth, and ends the connection at the next PUBLISH."""
    births = 0
    while True:
        (kind,) = await reader.readexactly(1)
        length, shift = 0, 0
        while True:
            (part,) = await reader.readexactly(1)
            length |= (part & 0x7F) << shift
            shift += 7
            if part < 0x80:
                break
        body = await reader.readexactly(length)
        match kind >> 4:
            case 1:
                writer.write(bytes.fromhex("20 03 00 00 00"))
            case 8:
                writer.write(b"\x90\x05" + body[:2] + b"\x00\x01\x01")
            case 3 if births:
                return
            case 3:
                births = 1
                after_topic = 2 + int.from_bytes(body[:2])
                writer.write(b"\x40\x02" + body[after_topic : after_topic + 2])


async def test_a_connection_that_ended_under_a_press_is_made_again_in_its_own_time(tmp_path: Path) -> None:
    """A broker that ends each connection at the press, as one that denies it does: no storm of log-ins comes of it."""
    async with listening(_end_at_the_press) as port, box_on(tmp_path) as box:
        session = box.uplink.sessions["alarm"]
        session._dialer = Dialer(Endpoint("127.0.0.1", port))
        box.uplink.press(kept())
        async with asyncio.timeout(20):
            while session.connects < 4:  # noqa: ASYNC110 - its counter is all it shows
                await asyncio.sleep(0.01)
        before, began_s = session.connects, time.monotonic()
        await asyncio.sleep(1.0)
        assert session.connects - before <= 2 + (time.monotonic() - began_s)


async def test_a_lamp_message_that_somebody_had_retained_tells_neither_lamp_nor_time(tmp_path: Path) -> None:
    async with box_on(tmp_path) as box:
        lamps = Lamps(device="box-1", version=7, centre_time_ns=EARLIEST_NS + S, lamps={"sos": "accepted"})
        for retained in (True, False):
            box.uplink._heard(topics.lamp("box-1"), encode(lamps), retained)
            assert box.uplink._clock.trusted is not retained
            assert box.uplink._panel["sos"].pattern(0)[0] == ("off" if retained else "accepted")


async def test_a_message_that_fails_unforeseen_takes_no_other_with_it(tmp_path: Path) -> None:
    async with box_on(tmp_path) as box:

        async def fail() -> None:
            raise KeyError("unforeseen")

        box.uplink.workers.spawn(fail(), "send-press-alarm")
        await until(box, "send-press-alarm: failed")
        press = kept()
        box.uplink.press(press)
        assert (await box.on_card())[0] == [press]


async def test_a_command_that_this_box_does_not_know_changes_nothing_and_is_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = Command(id=new_event_id(), device="box-1", expires_at_ns=1, command="siren", on=True, seconds=30)
    async with box_on(tmp_path) as box:
        press = kept()
        box.uplink.press(press)
        for body in (encode(command), b"", b"\xff{", b"x" * 100_000):
            box.uplink._heard(topics.command("box-1"), body, False)
        assert await box.on_card() == ([press], {"sos": HeldButton(BOOT, press.monotonic_ns)})
        assert not box.faults
        # Without brokers it tells that it finds none, and nothing else.
        assert all(record.name.startswith("siaga.link") for record in caplog.records)
