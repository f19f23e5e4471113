"""When channels are tested: each at least once a day, people's with their shift, and none while somebody waits."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from duty_desk.channels.schedule import AGAIN_NS, DAILY_NS, FIRST_NS, MINUTE_NS, STALE_NS, Schedule
from duty_desk.incidents.entries import PageEntry
from duty_desk.incidents.escalation import Step
from tests.duty_desk.channels.night import Fake, Night, answer
from tests.duty_desk.channels.virtual import run

DAY_NS = 24 * 60 * MINUTE_NS
NOW = 1_800_000_000 * 10**9
BOTH = frozenset({"a", "b"})
STEPS = (Step(0, ("officer",), channels=("push",)), Step(600, ("supervisor",)))


def due(schedule: Schedule, wall_ns: int, *on: str) -> list[str | None]:
    """Return whose push is due now, at a desk that began long ago."""
    found = schedule.due({"push": BOTH}, on, wall_ns=wall_ns, monotonic_ns=FIRST_NS)
    return [who for _, who in found]


def test_nothing_is_tested_in_the_first_minute_then_everybody_on_duty_whom_it_reaches() -> None:
    schedule = Schedule(0)
    assert schedule.due({"push": BOTH}, ["a"], wall_ns=NOW, monotonic_ns=FIRST_NS - 1) == []
    assert schedule.due(
        {"push": BOTH, "sms": frozenset(), "webhook": None}, ["a", "c"], wall_ns=NOW, monotonic_ns=FIRST_NS
    ) == [("push", "a"), ("webhook", None)]


def test_there_is_a_test_in_each_24_hours() -> None:
    schedule = Schedule(0)
    tests = []
    for minute in range(0, 5 * 24 * 60, 10):
        now_ns = NOW + minute * MINUTE_NS
        for who in due(schedule, now_ns, "a"):
            schedule.tried("push", who, now_ns, None)
            tests.append(now_ns)
    assert len(tests) == 6
    assert max(later - one for one, later in pairwise(tests)) <= DAY_NS


def test_who_comes_on_duty_is_tested_unless_it_worked_in_the_last_ten_minutes() -> None:
    schedule = Schedule(0)
    for who in ("a", "b"):
        schedule.tried("push", who, NOW, None)
    assert due(schedule, NOW + 60 * MINUTE_NS, "a") == []
    assert due(schedule, NOW + 61 * MINUTE_NS, "a", "b") == ["b"]
    schedule.tried("push", "b", NOW + 61 * MINUTE_NS, None)
    assert due(schedule, NOW + 62 * MINUTE_NS, "a", "b") == []
    assert due(schedule, NOW + 63 * MINUTE_NS, "a") == []
    assert due(schedule, NOW + 64 * MINUTE_NS, "a", "b") == []
    assert due(schedule, NOW + 65 * MINUTE_NS, "a") == []
    assert due(schedule, NOW + 90 * MINUTE_NS, "a", "b") == ["b"]


def test_after_a_start_nobody_just_came_and_a_test_of_the_last_half_day_counts() -> None:
    schedule = Schedule(0)
    schedule.tried("push", "a", NOW - 11 * 60 * MINUTE_NS, None)
    schedule.tried("push", "b", NOW - 13 * 60 * MINUTE_NS, None)
    assert due(schedule, NOW, "a", "b") == ["b"]


def test_one_that_failed_is_tried_again_after_ten_minutes() -> None:
    schedule = Schedule(0)
    schedule.tried("push", "a", NOW, "no network")
    assert due(schedule, NOW + AGAIN_NS - 1, "a") == []
    assert due(schedule, NOW + AGAIN_NS, "a") == ["a"]


def test_a_clock_that_was_set_back_makes_one_test_and_not_many() -> None:
    schedule = Schedule(0)
    schedule.tried("push", "a", NOW, None)
    assert due(schedule, NOW - DAY_NS, "a") == ["a"]
    schedule.tried("push", "a", NOW - DAY_NS, None)
    assert due(schedule, NOW - DAY_NS + MINUTE_NS, "a") == []


def test_a_channel_is_untested_until_it_worked_failing_once_it_failed_and_down_after_three() -> None:
    schedule = Schedule(0)
    assert schedule.fault("push", BOTH, ["a"], NOW) == "untested"
    schedule.tried("push", "a", NOW, None)
    assert schedule.fault("push", BOTH, ["a"], NOW) is None
    assert schedule.fault("push", BOTH, ["c"], NOW) == "nobody"
    assert schedule.fault("push", frozenset(), ["a"], NOW) == "unused"
    assert schedule.fault("push", BOTH, ["a"], NOW + STALE_NS + 1) == "untested"
    assert STALE_NS > DAILY_NS
    for count in range(3):
        assert not schedule.down("push")
        schedule.tried("push", "a", NOW, "no network")
        assert schedule.fault("push", BOTH, ["a"], NOW) == ("failing" if count < 2 else "down")
    assert schedule.down("push")
    schedule.tried("push", "a", NOW, None)
    assert schedule.fault("push", BOTH, ["a"], NOW) is None


def test_an_address_that_is_gone_is_that_persons_fault_alone() -> None:
    schedule = Schedule(0)
    schedule.tried("push", "a", NOW, None)
    schedule.tried("push", "b", NOW, "gone", theirs=True)
    assert schedule.fault("push", BOTH, ["a"], NOW) is None
    assert schedule.fault_of("push", "b", NOW) == "failing"
    assert schedule.fault_of("push", "a", NOW) is None


def test_a_test_is_marked_as_one_belongs_to_no_incident_and_is_written_down() -> None:
    async def night() -> None:
        desk = Night([Fake("push"), Fake("webhook", personal=False)], STEPS)
        confirmed: list[tuple[str, str]] = []
        desk.pager.confirmed = lambda channel, who: confirmed.append((channel, who))
        await asyncio.sleep(61)
        pages = desk.fakes["push"].arrived
        assert {page.who for page in pages} == {"petugas-1", "petugas-2", "penyelia-1"}
        assert {(page.status, page.incident_id, page.title) for page in pages} == {("Test", None, "UJI Saluran push")}
        assert [page.who for page in desk.fakes["webhook"].arrived] == [None]
        entries = desk.pages("handed")
        assert len(entries) == 4
        assert {(entry.incident_id, entry.step) for entry in entries} == {(None, None)}
        await asyncio.sleep(3_600)
        assert len(desk.pages()) == 4
        answer(desk.fakes["push"], pages[0], "accept")
        assert confirmed == [("push", pages[0].who)]
        assert desk.accepted == []

    run(night())


def test_while_a_press_is_unanswered_no_test_begins() -> None:
    async def night() -> None:
        desk = Night([Fake("push"), Fake("sms")], STEPS)
        incident = desk.press()
        await asyncio.sleep(120)
        assert desk.fakes["sms"].sent == []
        desk.act(incident.id)
        await asyncio.sleep(1)
        # The push was as good as tested by the page itself.
        assert {page.who for page in desk.fakes["sms"].arrived} == {"petugas-1", "petugas-2", "penyelia-1"}
        assert [each.page.who for each in desk.fakes["push"].sent if each.page.incident_id is None] == ["penyelia-1"]

    run(night())


def test_the_ledger_tells_a_restarted_desk_what_was_tested() -> None:
    async def night() -> None:
        desk = Night([Fake("push"), Fake("sms", mode="fails")], STEPS)
        await asyncio.sleep(100)
        tested = len(desk.fakes["push"].sent)
        await desk.restart(5)
        desk.pager.remember(each for each in desk.log if isinstance(each.entry, PageEntry))
        assert desk.pager.fault("push") is None
        assert desk.pager.fault("sms") == "down"
        await asyncio.sleep(400)
        assert len(desk.fakes["push"].sent) == tested

    run(night())


def test_somebody_can_be_tested_at_once_by_all_that_reaches_them() -> None:
    async def night() -> None:
        desk = Night([Fake("push"), Fake("sms", strangers=frozenset({"petugas-1"})), Fake("siren", False)], STEPS)
        assert desk.pager.ways("petugas-1") == ("push",)
        assert Night([Fake("siren", personal=False)], STEPS).pager.ways("petugas-1") is None
        desk.pager.test("petugas-1")
        desk.pager.test("petugas-1")
        await asyncio.sleep(1)
        assert [each.page.who for each in desk.fakes["push"].sent] == ["petugas-1"]
        assert desk.fakes["sms"].sent == desk.fakes["siren"].sent == []

    run(night())
