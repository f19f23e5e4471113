"""Channels that hang, fail or are flooded, in virtual time: what the pager makes of them."""

from __future__ import annotations

import asyncio

import pytest

from duty_desk.channels.channel import Report
from duty_desk.channels.hands import MAX_AT_ONCE
from duty_desk.incidents.escalation import Audience, Step
from duty_desk.incidents.policies import DEFAULT_STEPS
from tests.duty_desk.channels.night import Fake, Mode, Night
from tests.duty_desk.channels.virtual import run

ONE: tuple[Step, ...] = (Step(0, ("officer",), channels=("push",)), Step(30, ("supervisor",)))
AGAIN: tuple[Step, ...] = (Step(0, ("officer",), channels=("push",), repeat_s=20), Step(600, ("supervisor",)))
NOBODY: frozenset[Audience] = frozenset()


@pytest.mark.parametrize("mode", ["hangs", "deaf"])
def test_a_channel_that_hangs_fails_after_5_s_and_delays_no_other(mode: Mode) -> None:
    async def night() -> None:
        steps = (Step(0, ("officer",), channels=("push", "sms")), Step(30, ("supervisor",)))
        desk = Night([Fake("push", mode=mode), Fake("sms")], steps)
        incident = desk.press()
        await asyncio.sleep(0.1)
        assert len(desk.pages("handed", channel="sms")) == 2
        await asyncio.sleep(4.8)
        assert desk.pages("failed") == []
        await asyncio.sleep(0.2)
        assert [(page.channel, page.detail) for page in desk.pages("failed")] == [("push", "no answer within 5 s")] * 2
        assert {page.took_ms for page in desk.pages("failed")} == {5_000}
        assert desk.board.find(incident.id).step == 0

    run(night())


@pytest.mark.parametrize(("mode", "after_s"), [("fails", 0.25), ("breaks", 0.25), ("gone", 0.25), ("hangs", 5.25)])
def test_when_every_page_of_a_step_failed_and_no_screen_is_there_the_next_comes_at_once(
    mode: Mode, after_s: float
) -> None:
    async def night() -> None:
        desk = Night([Fake("push", mode=mode)], ONE)
        desk.present = NOBODY
        incident = desk.press()
        await asyncio.sleep(after_s + 0.1)
        assert [step for step, _ in desk.reached(incident)] == [0, 1]
        assert desk.reached(incident)[1][1] <= after_s

    run(night())


def test_a_phone_that_was_handed_a_page_is_waited_for_though_no_screen_is_there() -> None:
    async def night() -> None:
        desk = Night([Fake("push", modes=["fails"])], ONE)
        desk.present = NOBODY
        incident = desk.press()
        await asyncio.sleep(29.9)
        assert [step for step, _ in desk.reached(incident)] == [0]
        await asyncio.sleep(0.2)
        assert desk.reached(incident) == [(0, 0.0), (1, 30.0)]

    run(night())


def test_a_page_that_is_told_to_have_failed_after_all_is_waited_for_no_more() -> None:
    async def night() -> None:
        desk = Night([Fake("sms")], (Step(0, ("officer",), channels=("sms",)), Step(30, ("supervisor",))))
        desk.present = NOBODY
        incident = desk.press()
        await asyncio.sleep(1)
        sms = desk.fakes["sms"]
        for page in sms.arrived:
            assert [step for step, _ in desk.reached(incident)] == [0]
            sms.tell(Report(page.id, "failed", detail="not delivered"))
        await asyncio.sleep(0.3)
        assert [step for step, _ in desk.reached(incident)] == [0, 1]

    run(night())


def test_fault_37_a_channel_that_is_down_is_tried_and_not_waited_for() -> None:
    async def night() -> None:
        steps = (*ONE[:1], Step(30, ("supervisor",), channels=("sms",)))
        desk = Night([Fake("push", mode="hangs"), Fake("sms")], steps)
        desk.present = NOBODY
        desk.shift.on = ("petugas-1",)
        await asyncio.sleep(0.5)
        waited = []
        for number in range(4):
            incident = desk.press(f"b{number}")
            await asyncio.sleep(8)
            waited.append(desk.reached(incident)[1][1])
            assert len(desk.pages("handed", channel="sms")) == number + 1
            desk.act(incident.id)
        assert waited == [5.0, 5.0, 5.0, 0.0]
        assert len(desk.sent("push")) == 4
        assert desk.pager.faults() == {"push": "down"}
        # One that works again is waited for again.
        desk.fakes["push"].mode = "works"
        desk.act(desk.press("b5").id)
        desk.press("b6")
        await asyncio.sleep(1)
        incident = desk.press("b7")
        await asyncio.sleep(8)
        assert [step for step, _ in desk.reached(incident)] == [0]

    run(night())


def test_an_address_that_is_gone_is_not_the_channels_fault() -> None:
    async def night() -> None:
        desk = Night([Fake("push", mode="gone")], AGAIN)
        desk.press()
        await asyncio.sleep(100)
        assert len(desk.pages("failed")) > 6
        assert not desk.pager.schedule.failures.get("push")
        assert desk.pager.fault("push") == "untested"

    run(night())


def test_a_channel_that_is_nobodys_own_is_used_once_a_step_and_not_at_all_by_a_siren_in_a_drill() -> None:
    async def night() -> None:
        steps = (*DEFAULT_STEPS[:1], Step(5, ("siren",), channels=("webhook", "siren")))
        for status, called in (("Actual", 1), ("Exercise", 0)):
            desk = Night([Fake("webhook", personal=False), Fake("siren", personal=False)], steps)
            desk.press(status=status)  # type: ignore[arg-type]
            await asyncio.sleep(10)
            assert [who for _, who in desk.sent("webhook")] == [None]
            assert len(desk.sent("siren")) == called
            assert desk.fakes["webhook"].sent[0].page.status == status
            await desk.stop()

    run(night())


def test_a_flood_is_sent_in_portions_by_each_channel_the_oldest_first_and_all_of_it() -> None:
    async def night() -> None:
        push, sms = Fake("push", takes_s=1), Fake("sms")
        desk = Night([push, sms], (Step(0, ("officer",), channels=("push", "sms")), Step(300, ("supervisor",))))
        for number in range(100):
            desk.press(f"b{number}")
        await asyncio.sleep(0.5)
        assert len(push.sent) == MAX_AT_ONCE
        assert [each.page.text for each in push.sent[:2]] == [f"{each.id} 0" for each in desk.board.active()[:1] * 2]
        await asyncio.sleep(2)
        assert len(sms.sent) == 200
        await asyncio.sleep(10)
        assert len(push.sent) == len(push.arrived) == 200
        assert len({(each.page.incident_id, each.page.who) for each in push.sent}) == 200

    run(night())


def test_channels_that_do_not_end_keep_their_places_and_no_more() -> None:
    async def night() -> None:
        desk = Night([Fake("push", mode="deaf")], ONE)
        for number in range(40):
            desk.press(f"b{number}")
        await asyncio.sleep(20)
        assert len(desk.fakes["push"].sent) == MAX_AT_ONCE
        await asyncio.sleep(40)
        assert len(desk.fakes["push"].sent) > MAX_AT_ONCE

    run(night())


def test_a_fault_of_the_pager_keeps_no_press_from_ringing_and_no_step_from_coming() -> None:
    async def night() -> None:
        desk = Night([Fake("push")], ONE)
        faults: list[Exception] = []
        desk.pager._on_fault = faults.append

        def reaches(_who: str) -> bool:
            raise KeyError("unforeseen")

        desk.fakes["push"].reaches = reaches  # type: ignore[method-assign,assignment]
        desk.pager.crew = None  # type: ignore[assignment]
        incident = desk.press()
        assert desk.reached(incident) == [(0, 0.0)]
        await asyncio.sleep(31)
        assert desk.reached(incident) == [(0, 0.0), (1, 30.0)]
        assert {type(fault) for fault in faults} == {KeyError, AttributeError}

    run(night())
