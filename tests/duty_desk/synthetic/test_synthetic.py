"""Test presses heard, answered and judged by the desk's own parts, from boxes that are made by hand."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from contract import chronicle, topics
from contract.chronicle import beat_point
from contract.identity import new_event_id
from contract.inventory import parse_inventory
from contract.messages import AlarmReceipt, Command, CommandOutcome, CommandReply, PathTests, decode, encode
from contract.signed import verify
from contract.topics import Lane
from duty_desk.command_key import CommandKey
from duty_desk.desk import DutyDesk
from duty_desk.incidents.board import Board
from duty_desk.incidents.intake import read_alarm
from duty_desk.ledger.writer import Ledger
from duty_desk.synthetic.asked import MOST, Asked
from duty_desk.synthetic.book import KEPT_NS, Book
from duty_desk.synthetic.summary import Share, percentile, summarize
from duty_desk.synthetic.synthetic import is_test
from duty_desk.synthetic.trial import Result
from duty_desk.web.view import Places
from tests.duty_desk.access.conftest import until
from tests.duty_desk.conftest import INVENTORY, press_body
from tests.duty_desk.test_commander import KEY

pytestmark = pytest.mark.slow
MS: Final = 10**6


class Street:
    """Boxes that make the test presses they are told to, but for what is `cut`; and what they were sent."""

    def __init__(self, folder: Path) -> None:
        self.cut: set[str] = set()
        """`lane` or `device lane` that brings nothing, and `device` that is not there."""
        self.outcome: CommandOutcome = "done"
        self.detail: str | None = None
        self.commanded: list[str] = []
        self.receipts: list[AlarmReceipt] = []
        self.told_lamps: list[str] = []
        self.second_s = 0.02
        self.changed = asyncio.Event()
        self.desk = DutyDesk(
            "desk",
            Places(parse_inventory(INVENTORY, source="test")),
            self,
            time.time_ns,
            command_key=CommandKey(KEY),
        )
        self.desk.ledger = Ledger(
            folder / "ledger.db",
            past=Board,
            on_loaded=lambda _epoch_ms: None,
            on_committed=lambda _records, _head: None,
            on_others=lambda _records: None,
            on_state=lambda: None,
        )
        for lane in ("alarm", "telemetry"):
            self.desk.link(lane, True)
        self.book = Book(folder / "synthetic.db", time.time_ns)
        self.synthetic = self.desk.synthetic
        self.synthetic.book = self.book
        self.synthetic.hold_ns, self.synthetic.limit_ns, self.synthetic.soon_s = 800 * MS, 1_500 * MS, 0.01

    def lamps(self, device: str) -> None:
        """Keep whose lamps were sent."""
        self.told_lamps.append(device)

    def send(self, topic: str, body: bytes) -> None:
        """Take what goes to both brokers."""
        device = topic.split("/")[3] if "/down/" in topic else ""
        if topic == topics.command(device) and device not in self.cut:
            document = verify(body, [KEY.public_key()], device=device, kind="command", newer_than=None)
            self.obey(Command.model_validate(document.content))
        elif topic == topics.alarm_receipt(device):
            self.receipts.append(decode(AlarmReceipt, body))
        self.changed.set()

    def obey(self, command: Command) -> None:
        """Press, and answer after that, as the answer has the longer way."""
        self.commanded.append(command.device)
        event_id, loop = new_event_id(), asyncio.get_running_loop()
        if self.outcome == "done":
            self.press(command.device, event_id=event_id)
            loop.call_later(self.second_s, lambda: self.press(command.device, "telemetry", event_id=event_id))
        reply = CommandReply(
            device=command.device,
            id=command.id,
            outcome=self.outcome,
            detail=event_id if self.outcome == "done" else self.detail,
            timestamp_ns=0,
        )
        loop.call_later(0.01, self.desk.hear, "alarm", topics.reply(command.device), encode(reply), False)

    def press(self, device: str = "box-1", lane: Lane = "alarm", **more: Any) -> None:
        """Let a box's alarm come by a lane."""
        if not {lane, f"{device} {lane}"} & self.cut:
            test: dict[str, Any] = {"cause": "synthetic", "status": "Test", "age_ms": 0}
            body = press_body(device, **(test | more))
            self.desk.hear(lane, topics.alarm(device), body, False)

    def stages(self, event_id: str | None = None) -> list[str]:
        """Return the stages of the receipts, of one press or all."""
        return [each.stage for each in self.receipts if event_id in (None, each.event_id)]

    async def until(self, look: Any) -> None:
        """Wait until a look is true; it is looked with each message."""
        async with asyncio.timeout(10):
            while not look():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def street_of(folder: Path) -> AsyncIterator[Street]:
    """Yield a street whose book is written."""
    street = Street(folder)
    writing = asyncio.create_task(street.book.run(street.synthetic.kept))
    try:
        yield street
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def test_a_test_press_is_no_incident_and_is_stored_before_it_is_told_so(tmp_path: Path) -> None:
    street = Street(tmp_path)
    event_id = new_event_id()
    street.press(event_id=event_id)
    street.press(event_id=event_id)
    assert street.stages(event_id) == ["ringing"], "it is on no disk"
    writing = asyncio.create_task(street.book.run(street.synthetic.kept))
    await street.until(lambda: "stored" in street.stages(event_id))
    street.press(event_id=event_id, lane="telemetry")
    assert street.stages(event_id) == ["ringing", "stored", "stored"]
    assert street.desk.board.active() == []
    assert (street.desk.push.pages, street.desk.ledger.waiting()) == (0, [])
    assert set(street.told_lamps) == {"box-1"}
    assert street.desk.lamps("box-1").lamps == {"sos": "off"}
    # The same id of another box is another press.
    street.press("box-2", event_id=event_id)
    await street.until(lambda: [each.device for each in street.receipts if each.stage == "stored"][-1] == "box-2")
    writing.cancel()


@pytest.mark.parametrize(
    "more",
    [{"status": "Actual"}, {"status": "Exercise"}, {"cause": "press"}, {"sequence": -1}, {"device": "box-9"}],
)
async def test_what_is_no_test_press_beyond_doubt_rings(tmp_path: Path, more: dict[str, Any]) -> None:
    street = Street(tmp_path)
    body = json.loads(press_body()) | {"cause": "synthetic", "status": "Test"} | more
    assert not is_test(read_alarm("box-1", json.dumps(body).encode()))
    street.desk.hear("alarm", topics.alarm("box-1"), json.dumps(body).encode(), False)
    assert len(street.desk.board.active()) == 1


async def test_a_test_goes_by_both_lanes_and_has_its_receipt_after_both(tmp_path: Path) -> None:
    async with street_of(tmp_path) as street:
        result = await street.synthetic.turn()
        assert result is not None
        assert (result.outcome, result.missing, result.by) == ("good", (), "schedule")
        assert set(result.ms) == {"command", "alarm", "telemetry", "store", "receipt"}
        assert result.ms["receipt"] >= result.ms["telemetry"] > result.ms["alarm"]
        assert street.stages() == ["stored"]
        assert street.desk.board.active() == []
        assert street.synthetic.faults == {}
        assert street.desk.heartbeat().tests is None, "it was not counted yet"
        await until(lambda: not street.book._waiting, 15)
        counting = asyncio.create_task(street.synthetic.count())
        await until(lambda: street.desk.heartbeat().tests is not None, 15)
        counting.cancel()
        tests = street.desk.heartbeat().tests
        assert tests is not None
        assert (tests.tests, tests.in_time, tests.broken, tests.p99_ms) == (1, 1, [], result.ms["alarm"])
        fields = beat_point(street.desk.heartbeat()).fields
        assert (fields["tests"], fields["tests_in_time"], fields["hops_broken"]) == (1, 1, 0)
        assert (fields["tests_share_pct"], fields["tests_budget_pct"]) == (100, 100)
        assert {hop: fields[f"tests_{hop}_s"] for hop in result.ms} == {
            hop: taken_ms / 1_000 for hop, taken_ms in result.ms.items()
        }


def test_the_share_of_tests_is_cut_and_an_overdrawn_budget_is_below_0() -> None:
    fields = chronicle.tests_fields(PathTests(tests=1_000_000, in_time=999_999, budget_left=-0.25))
    assert (fields["tests_share_pct"], fields["tests_budget_pct"]) == (99.99, -25)
    assert chronicle.tests_fields(PathTests(tests=0, in_time=0)) == {"tests": 0, "tests_in_time": 0, "hops_broken": 0}


async def test_a_broken_lane_of_the_centre_is_told_with_the_second_box_and_ends_with_the_next_good_one(
    tmp_path: Path,
) -> None:
    async with street_of(tmp_path) as street:
        street.cut = {"telemetry"}
        running = asyncio.create_task(street.synthetic.run(3_600))
        await street.until(lambda: len(street.receipts) == 2)
        await until(lambda: bool(street.synthetic.faults), 15)
        running.cancel()
        assert street.commanded == ["box-1", "box-2"], "the second opinion is asked for at once, and no third"
        assert list(street.synthetic.faults) == ["telemetry"]
        assert street.stages() == ["stored", "stored"], "who lacks a lane has its receipt all the same"
        street.cut = set()
        assert (await street.synthetic.turn()) is not None
        assert street.synthetic.faults == {}


async def test_a_box_that_lacks_a_lane_is_named_and_the_centre_is_not(tmp_path: Path) -> None:
    async with street_of(tmp_path) as street:
        street.cut = {"box-1 alarm"}
        results = [await street.synthetic.turn() for _ in range(4)]
        assert [(one.device, one.missing) for one in results if one is not None] == [
            ("box-1", ("alarm",)),
            ("box-2", ()),
            ("box-3", ()),
            ("box-1", ("alarm",)),
        ]
        assert street.synthetic.judge.broken == []
        await until(lambda: not street.book._waiting, 15)
        with street.book.engine().connect() as connection:
            boxes = {one.device: one for one in summarize(connection, time.time_ns()).boxes}
        assert boxes["box-1"].missing == ("alarm",)
        assert (boxes["box-2"].outcome, boxes["box-2"].by) == ("good", "schedule")


async def test_who_is_not_there_or_has_an_incident_is_left_out(tmp_path: Path) -> None:
    async with street_of(tmp_path) as street:
        street.desk.hear("alarm", topics.alarm("box-1"), press_body("box-1"), False)
        for _ in range(11):
            for device in ("box-1", "box-3"):
                street.desk.presence.hear(device, "alarm", "online", 1, retained=False)
            street.desk.presence.round()
        result = await street.synthetic.turn()
        assert result is not None
        assert result.device == "box-3"
        asked = Asked(street.desk)
        assert asked.answer({"synthetic_press": {"box": "box-1", "button": None}}) == {"error": "in use"}


async def test_the_disk_is_away_no_receipt_and_the_hop_is_named(tmp_path: Path) -> None:
    async with street_of(tmp_path) as street:
        street.book.path = tmp_path / "missing" / "synthetic.db"
        (tmp_path / "missing").write_text("a file")
        result = await street.synthetic.turn()
        assert result is not None
        assert result.missing == ("store",)
        assert street.stages() == []
        assert list(street.synthetic.faults) == ["synthetic"]
        assert street.book.fault is not None


async def test_what_the_answer_says_counts_and_not_what_came_beside(tmp_path: Path) -> None:
    async with street_of(tmp_path) as street:
        other = new_event_id()
        obey = street.obey

        def with_a_press_before(command: Command) -> None:
            street.press(command.device, event_id=other)
            obey(command)

        street.obey = with_a_press_before  # type: ignore[method-assign]
        result = await street.synthetic.turn()
        assert result is not None
        assert (result.outcome, result.event_id != other) == ("good", True)
        await street.until(lambda: "stored" in street.stages(other))


async def test_by_hand(tmp_path: Path) -> None:
    async with street_of(tmp_path) as street:
        asked = Asked(street.desk)

        async def end(number: int) -> dict[str, Any]:
            await until(asked._tests[number].done, 15)
            return asked.answer({"synthetic_result": number})

        begun = asked.answer({"synthetic_press": {"box": "box-2", "button": None}})
        told = await end(begun["begun"])
        assert (told["outcome"], told["button"], told["missing"]) == ("good", "sos", [])
        assert asked.answer({"synthetic_result": begun["begun"]}) == {"error": "not understood"}
        street.outcome, street.detail = "refused", "test too soon"
        told = await end(asked.answer({"synthetic_press": {"box": "box-2", "button": "sos"}})["begun"])
        assert (told["outcome"], told["detail"]) == ("refused", "refused: test too soon")
        assert asked.answer({"synthetic_press": {"box": "box-9", "button": None}}) == {"error": "no such box"}
        wrong = asked.answer({"synthetic_press": {"box": "box-2", "button": "b"}})
        assert wrong == {"error": "no such button", "detail": "sos"}
        for request in ({}, {"synthetic_press": 1}, {"synthetic_press": {"box": 1}}, {"synthetic_result": "1"}):
            assert asked.answer(request) == {"error": "not understood"}
        numbers = [asked.answer({"synthetic_press": {"box": "box-2", "button": None}}) for _ in range(MOST + 1)]
        assert numbers[-1] == {"error": "busy"}
        for task in asked._tests.values():
            task.cancel()


async def test_rows_are_bounded_old_ones_go_and_the_budget_is_counted(tmp_path: Path) -> None:
    now_ns = time.time_ns()
    book = Book(tmp_path / "synthetic.db", lambda: now_ns)
    day_ns = 86_400 * 10**9

    def row(number: int, *, age_ns: int, outcome: Any = "good", in_time: bool = True) -> Result:
        return Result(
            f"{number}", "box-1", "sos", "schedule", now_ns - age_ns, outcome, ms={"alarm": number}, in_time=in_time
        )

    rows = [row(number, age_ns=number) for number in range(1, 101)]
    rows += [row(200 + number, age_ns=2 * day_ns, outcome="broken", in_time=False) for number in range(1)]
    rows += [row(300, age_ns=5, outcome="refused", in_time=False), row(301, age_ns=KEPT_NS + 1)]
    for each in rows:
        book.add(each)
    done = asyncio.Event()
    writing = asyncio.create_task(book.run(lambda _: done.set()))
    await done.wait()
    with book.engine().connect() as connection:
        told = summarize(connection, now_ns)
    assert told.shares == (Share(1, 100, 100), Share(30, 101, 100))
    assert told.shares[0].budget_left == 1
    assert told.shares[1].budget_left == pytest.approx(1 - 1 / (101 * 0.001))
    assert Share(1, 0, 0).budget_left is None
    alarm = next(one for one in told.hops if one.hop == "alarm")
    assert (alarm.count, alarm.p50_ms, alarm.p99_ms) == (101, 51, 100)
    assert percentile([], 0.5) is None
    # The rows of before 31 days go with the next hundreds.
    for number in range(1_000, 1_500):
        done.clear()
        book.add(row(number, age_ns=1))
    await done.wait()
    writing.cancel()
    with book.engine().connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM synthetic WHERE id = '301'").scalar_one() == 0
        assert connection.exec_driver_sql("PRAGMA user_version").scalar_one() == 1
