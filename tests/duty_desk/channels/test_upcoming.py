"""What will happen next, as the page reads it: from a desk in virtual time."""

from __future__ import annotations

import asyncio

from contract.inventory import parse_inventory
from duty_desk.incidents.escalation import Step
from duty_desk.web.upcoming_view import MAX_SHOWN, ChannelViews, Desk, UpcomingViews, channels, upcoming
from duty_desk.web.view import Places
from tests.duty_desk.channels.night import MIDNIGHT_NS, Fake, Night, answer
from tests.duty_desk.channels.virtual import run
from tests.duty_desk.conftest import INVENTORY

PLACES = Places(parse_inventory(INVENTORY, source="test"))
STEPS = (
    Step(0, ("officer",), channels=("push",), repeat_s=20),
    Step(15, ("everyone",)),
    Step(30, ("supervisor",), channels=("push", "sms")),
)
BEGAN_MS = MIDNIGHT_NS // 1_000_000 + 1_000_000


def seen(night: Night) -> Desk:
    """Return what the views are made from."""
    return Desk(
        escalation=night.ringing.escalation,
        pager=night.pager,
        places=PLACES,
        display=night.display,
        wall_ns=night.wall_ns(),
        monotonic_ns=night.monotonic_ns(),
        screens={"officer": 0, "everyone": 1, "supervisor": 1},
    )


def told(night: Night) -> UpcomingViews:
    """Return what the page is told now."""
    return upcoming(night.board.active(), seen(night), veil=False)


def reached(night: Night) -> ChannelViews:
    """Return what it is told of the channels."""
    return channels(seen(night))


def test_each_step_is_told_with_its_time_whom_it_pages_and_what_was_tried() -> None:
    async def night() -> None:
        desk = Night([Fake("push", modes=["works", "fails"]), Fake("sms")], STEPS)
        incident = desk.press()
        await asyncio.sleep(10)
        (one,) = told(desk).incidents
        assert (one.id, one.policy, one.unanswered_since_ms) == (incident.id, None, BEGAN_MS)
        assert [(step.at_ms - BEGAN_MS, step.reached) for step in one.steps] == [
            (0, True),
            (15_000, False),
            (30_000, False),
        ]
        assert [step.rings for step in one.steps] == [["officer"], ["everyone"], ["supervisor"]]
        assert [step.people for step in one.steps] == [["Petugas 1", "Petugas 2"], [], ["Penyelia 1"]]
        assert [step.channels for step in one.steps] == [["push"], [], ["push", "sms"]]
        assert [step.screens for step in one.steps] == [{"officer": 0}, {"everyone": 1}, {"supervisor": 1}]
        first = one.steps[0]
        assert (first.repeat_s, first.again_at_ms) == (20, BEGAN_MS + 20_000)
        assert [(each.who, each.outcome, each.detail, each.round) for each in first.tried] == [
            ("Petugas 1", "handed", None, 0),
            ("Petugas 2", "failed", "no network", 0),
        ]
        assert [step.again_at_ms for step in one.steps[1:]] == [None, None]

    run(night())


def test_what_is_being_sent_who_cannot_come_and_a_step_before_its_time_are_told() -> None:
    async def night() -> None:
        push = Fake("push", takes_s=2)
        desk = Night([push, Fake("sms")], STEPS)
        desk.press()
        await asyncio.sleep(1)
        assert [each.outcome for each in told(desk).incidents[0].steps[0].tried] == ["sending", "sending"]
        await asyncio.sleep(2)
        for page in list(push.arrived):
            answer(push, page, "cannot")
        await asyncio.sleep(0.5)
        first, second, _ = told(desk).incidents[0].steps
        assert {(each.outcome, each.detail) for each in first.tried} == {("answered", "cannot")}
        assert (first.people, first.nobody, first.again_at_ms) == ([], ["push"], None)
        assert (second.reached, second.at_ms - BEGAN_MS) == (True, 3_000)

    run(night())


def test_after_a_restart_it_tells_the_same_and_after_an_answer_nothing() -> None:
    async def night() -> None:
        desk = Night([Fake("push"), Fake("sms")], STEPS)
        incident = desk.press()
        await asyncio.sleep(10)
        before = told(desk).incidents
        await desk.restart(3)
        await asyncio.sleep(0.5)
        assert told(desk).incidents == before
        desk.act(incident.id)
        assert told(desk).incidents == []

    run(night())


def test_those_that_wait_for_longest_are_told_and_how_many_more_there_are() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], STEPS)
        ids = []
        for number in range(MAX_SHOWN + 5):
            ids.append(desk.press(f"b{number}").id)
            await asyncio.sleep(0.01)
        views = told(desk)
        assert ([one.id for one in views.incidents], views.more) == (ids[:MAX_SHOWN], 5)

    run(night())


def test_each_channel_is_told_with_its_fault_and_whom_it_reaches() -> None:
    async def night() -> None:
        sms = Fake("sms", strangers=frozenset({"petugas-2"}), mode="fails")
        telegram = Fake("telegram", strangers=frozenset(Night([]).shift.everyone()))
        desk = Night([Fake("push"), sms, telegram, Fake("webhook", personal=False)], STEPS)
        views = {one.name: one for one in reached(desk).channels}
        assert {name: one.fault for name, one in views.items()} == {
            "push": "untested",
            "sms": "untested",
            "telegram": "unused",
            "webhook": "untested",
        }
        assert desk.pager.faults() == {"push": "untested", "sms": "untested", "webhook": "untested"}
        await asyncio.sleep(65)
        views = {one.name: one for one in reached(desk).channels}
        assert {name: one.fault for name, one in views.items()} == {
            "push": None,
            "sms": "failing",
            "telegram": "unused",
            "webhook": None,
        }
        assert (views["sms"].why, views["sms"].worked_ms) == ("no network", None)
        assert [(each.who, each.reached, each.fault) for each in views["sms"].people] == [
            ("Petugas 1", True, "failing"),
            ("Petugas 2", False, "unused"),
            ("Penyelia 1", True, "failing"),
        ]
        assert views["webhook"].people == []
        answer(desk.fakes["push"], desk.fakes["push"].arrived[0], "accept")
        person = {one.name: one for one in reached(desk).channels}["push"].people[0]
        assert person.confirmed_ms is not None
        assert person.worked_ms is not None

    run(night())


def test_a_desk_without_channels_tells_its_steps() -> None:
    async def night() -> None:
        desk = Night([], STEPS)
        desk.press()
        (one,) = told(desk).incidents
        assert [(step.channels, step.people, step.tried) for step in one.steps] == [([], [], [])] * 3
        assert reached(desk).channels == []

    run(night())
