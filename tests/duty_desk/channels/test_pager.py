"""Pages in virtual time: whom, by what, when, and what becomes of them."""

from __future__ import annotations

import asyncio

from duty_desk.channels.channel import Report
from duty_desk.incidents.escalation import Audience, Step
from tests.duty_desk.channels.night import Fake, Night, answer
from tests.duty_desk.channels.virtual import run

ONE: tuple[Step, ...] = (Step(0, ("officer",), channels=("push",)), Step(30, ("supervisor",)))
AGAIN: tuple[Step, ...] = (Step(0, ("officer",), channels=("push",), repeat_s=20), Step(600, ("supervisor",)))
NOBODY: frozenset[Audience] = frozenset()


def test_officers_are_paged_with_the_press_supervisors_at_30_s_and_both_by_all_else_at_60() -> None:
    async def night() -> None:
        desk = Night([Fake("push"), Fake("sms"), Fake("telegram")])
        incident = desk.press()
        await asyncio.sleep(65)
        assert desk.sent("push") == [
            (0.0, "petugas-1"),
            (0.0, "petugas-2"),
            (30.0, "penyelia-1"),
            (60.0, "petugas-1"),
            (60.0, "petugas-2"),
        ]
        for other in ("sms", "telegram"):
            assert desk.sent(other) == [(60.0, "petugas-1"), (60.0, "petugas-2"), (60.0, "penyelia-1")]
        assert desk.reached(incident) == [(0, 0.0), (1, 15.0), (2, 30.0), (3, 60.0)]
        assert {page.outcome for page in desk.pages()} == {"handed"}
        assert {page.took_ms for page in desk.pages()} == {50}
        assert {page.status for page in desk.fakes["push"].arrived} == {"Actual"}

    run(night())


def test_a_page_is_written_down_with_what_it_belongs_to_and_without_a_name() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], ONE)
        incident = desk.press()
        await asyncio.sleep(1)
        first = desk.pages()[0]
        assert (first.incident_id, first.step, first.round, first.channel) == (incident.id, 0, 0, "push")
        assert first.unanswered_since_ns == incident.unanswered_since_ns
        record = next(each for each in desk.log if each.entry is first)
        assert record.text("who") == "petugas-1"
        assert first.who == record.asides["who"].hash
        assert "petugas" not in first.model_dump_json()
        page = desk.fakes["push"].arrived[0]
        assert (page.id, page.who, page.display) == (first.page, "petugas-1", "Petugas 1")
        assert page.path == f"/?incident={incident.id}"
        assert set(desk.news) == {incident.id}

    run(night())


def test_it_is_sent_again_until_it_is_answered_and_never_after() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], AGAIN)
        incident = desk.press()
        await asyncio.sleep(45)
        assert [at for at, who in desk.sent("push") if who == "petugas-1"] == [0.0, 20.0, 40.0]
        assert [page.round for page in desk.pages()] == [0, 0, 1, 1, 2, 2]
        desk.act(incident.id)
        await asyncio.sleep(300)
        assert len(desk.sent("push")) == 6

    run(night())


def test_right_before_it_is_sent_it_is_looked_whether_somebody_answered() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], ONE)
        incident = desk.press()
        desk.act(incident.id)  # in the same moment: the tasks have not begun
        await asyncio.sleep(60)
        assert desk.sent("push") == []
        assert desk.pages() == []

    run(night())


def test_a_press_that_joins_what_was_accepted_is_paged_anew() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], ONE)
        incident = desk.press()
        await asyncio.sleep(3)
        desk.act(incident.id)
        await asyncio.sleep(3)
        assert desk.press().id == incident.id
        await asyncio.sleep(3)
        assert [at for at, _ in desk.sent("push")] == [0.0, 0.0, 6.0, 6.0]

    run(night())


def test_what_comes_late_of_a_page_of_before_the_answer_is_no_page_of_what_joined() -> None:
    async def night() -> None:
        desk = Night([Fake("push", takes_s=4)], ONE)
        incident = desk.press()
        await asyncio.sleep(1)
        desk.act(incident.id)
        await asyncio.sleep(1)
        joined = desk.press()
        await asyncio.sleep(2.5)
        assert len(desk.pages("handed")) == 2
        assert desk.board.find(joined.id).pages == {}
        await asyncio.sleep(7.5)
        # Handed over at 4 s, after the second press: that one is sent all the same.
        assert [at for at, _ in desk.sent("push")] == [0.0, 0.0, 2.0, 2.0]
        assert len({page.unanswered_since_ns for page in desk.pages("handed")}) == 2

    run(night())


def test_who_accepts_by_a_page_has_it_and_nobody_is_paged_any_more() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], AGAIN)
        incident = desk.press()
        await asyncio.sleep(7)
        push = desk.fakes["push"]
        answer(push, push.arrived[1], "accept")
        answer(push, push.arrived[0], "accept")  # the other in the same moment
        assert desk.board.find(incident.id).officer == "petugas-2"
        assert desk.accepted == [(incident.id, "petugas-2")]
        # Written down before the act it led to.
        kinds = [each.entry.kind for each in desk.log[-3:]]
        assert kinds == ["page", "accept", "page"]
        await asyncio.sleep(60)
        assert len(desk.sent("push")) == 2
        assert [page.detail for page in desk.pages("answered")] == ["accept", "accept"]

    run(night())


def test_when_everybody_says_that_they_cannot_the_next_step_comes_at_once_and_they_are_left_alone() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], AGAIN)
        incident = desk.press()
        await asyncio.sleep(1)
        push = desk.fakes["push"]
        answer(push, push.arrived[0], "cannot")
        await asyncio.sleep(1)
        assert [step for step, _ in desk.reached(incident)] == [0]
        await asyncio.sleep(20)
        assert [who for at, who in desk.sent("push") if at > 1] == ["petugas-2"]
        answer(push, push.arrived[1], "cannot")  # the page of before the second round
        await asyncio.sleep(0.3)
        assert [step for step, _ in desk.reached(incident)] == [0, 1]
        await asyncio.sleep(60)
        assert len(desk.sent("push")) == 3
        assert desk.accepted == []

    run(night())


def test_a_report_of_before_a_restart_is_understood_and_the_same_again_changes_nothing() -> None:
    async def night() -> None:
        desk = Night([Fake("sms")], (Step(0, ("officer",), channels=("sms",)), Step(300, ("supervisor",))))
        incident = desk.press()
        await asyncio.sleep(1)
        await desk.restart(3)
        sms = desk.fakes["sms"]
        for _ in range(2):
            sms.tell(Report(sms.arrived[0].id, "delivered"))
        sms.tell(Report("01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e0f", "delivered"))
        assert len(desk.pages("delivered")) == 1
        answer(sms, sms.arrived[0], "accept")
        assert desk.accepted == [(incident.id, "petugas-1")]
        sms.tell(Report(sms.arrived[0].id, "failed", detail="late"))
        assert desk.pages("failed") == []

    run(night())


def test_fault_34_after_a_restart_nothing_is_sent_twice_and_what_was_being_sent_is_sent_again() -> None:
    async def night() -> None:
        steps = (Step(0, ("officer",), channels=("push", "sms"), repeat_s=60), Step(300, ("supervisor",)))
        desk = Night([Fake("push"), Fake("sms", takes_s=4)], steps)
        desk.press()
        await asyncio.sleep(2)
        await desk.restart(3)
        await asyncio.sleep(50)
        assert [at for at, _ in desk.sent("push")] == [0.0, 0.0]
        assert [at for at, _ in desk.sent("sms")] == [0.0, 0.0, 5.0, 5.0]
        await asyncio.sleep(10)
        assert [at for at, _ in desk.sent("push")] == [0.0, 0.0, 60.0, 60.0]
        # Several rounds came due while it was away: they come as one.
        await desk.restart(200)
        await asyncio.sleep(1)
        assert [at for at, _ in desk.sent("push")][4:] == [265.0, 265.0]
        assert {page.round for page in desk.pages(channel="push")} == {0, 1, 2}
        await asyncio.sleep(60)
        assert [at for at, _ in desk.sent("push")][6:] == [300.0, 300.0]

    run(night())


def test_fault_28_a_clock_that_is_set_neither_repeats_nor_stops_the_rounds() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], AGAIN)
        desk.press()
        for hours in (-5, 7, -3):
            await asyncio.sleep(20)
            desk.wall_offset_ns += hours * 3_600 * 10**9
        await asyncio.sleep(5)
        assert [at for at, who in desk.sent("push") if who == "petugas-1"] == [0.0, 20.0, 40.0, 60.0]
        # At a restart with a clock that was set back the time to the next round begins again.
        desk.wall_offset_ns -= 9 * 3_600 * 10**9
        await desk.restart(2)
        await asyncio.sleep(25)
        assert len([at for at, who in desk.sent("push") if at > 66 and who == "petugas-1"]) == 1

    run(night())


def test_fault_28_after_a_restart_with_a_clock_set_back_the_time_to_the_next_round_begins_again() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], AGAIN)
        desk.press()
        await asyncio.sleep(65)
        desk.wall_offset_ns -= 9 * 3_600 * 10**9
        await desk.restart(2)
        await asyncio.sleep(25)
        assert [at for at, who in desk.sent("push") if who == "petugas-1"] == [0.0, 20.0, 40.0, 60.0, 87.0]

    run(night())


def test_a_clock_that_is_pulled_back_a_little_makes_no_round_come_twice_after_a_restart() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], AGAIN)
        desk.press()
        await asyncio.sleep(10)
        desk.wall_offset_ns -= 5 * 10**8
        await asyncio.sleep(12)
        await desk.restart(1)
        await asyncio.sleep(5)
        assert [at for at, who in desk.sent("push") if who == "petugas-1"] == [0.0, 20.0]

    run(night())


def test_who_has_no_address_is_written_down_once_and_paged_once_there_is_one() -> None:
    async def night() -> None:
        desk = Night([Fake("push", strangers=frozenset({"petugas-2"}))], AGAIN)
        desk.press()
        await asyncio.sleep(50)
        (skipped,) = desk.pages("skipped")
        assert (skipped.detail, skipped.took_ms) == ("no_address", None)
        assert {who for _, who in desk.sent("push")} == {"petugas-1"}
        desk.fakes["push"].strangers = frozenset()
        await asyncio.sleep(0.5)
        assert desk.sent("push")[-1] == (50.0, "petugas-2")

    run(night())


def test_who_comes_on_duty_is_paged_and_a_step_for_nobody_is_written_down() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], ONE)
        desk.shift.on = ()
        await asyncio.sleep(0.5)
        desk.press()
        await asyncio.sleep(2)
        (skipped,) = desk.pages()
        assert (skipped.outcome, skipped.detail, skipped.who) == ("skipped", "nobody", None)
        desk.shift.on = ("petugas-3",)
        await asyncio.sleep(1)
        assert desk.sent("push") == [(2.5, "petugas-3")]

    run(night())
