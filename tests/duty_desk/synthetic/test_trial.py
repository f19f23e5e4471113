"""What became of a test press, hop by hop, and what is the centre's and what a box's."""

from __future__ import annotations

from typing import Final

import pytest

from contract.messages import CommandOutcome, CommandReply
from contract.topics import Lane
from duty_desk.synthetic.judge import Judge, Turns
from duty_desk.synthetic.trial import HOLD_NS, HOPS, IN_TIME_NS, LANES, LIMIT_NS, Hop, Press, Result, Trial

MS: Final = 10**6
S: Final = 10**9
UP: Final[dict[Lane, bool]] = {"alarm": True, "telemetry": True}
EVENT: Final = "01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e0f"


def trial(device: str = "box-1", *, at_ns: int = 0) -> Trial:
    return Trial("c", device, "sos", "schedule", at_ns, sent_ns=0)


def told(outcome: CommandOutcome = "done", detail: str | None = EVENT) -> CommandReply:
    return CommandReply(device="box-1", id=EVENT, outcome=outcome, detail=detail, timestamp_ns=0)


def whole(without: tuple[Hop, ...] = (), *, first_ns: int = 40 * MS) -> Trial:
    """Return a test that passed every hop, but for some."""
    made = trial()
    if "command" not in without:
        made.answered(told(), 30 * MS)
    made.press = Press("box-1", "sos", EVENT, 0)
    if "alarm" not in without:
        made.press.came("alarm", first_ns)
    if "telemetry" not in without:
        made.press.came("telemetry", first_ns + 3 * S)
    made.press.stored_ns = None if "store" in without else first_ns + 5 * MS
    made.press.receipt_ns = None if {"receipt", "store"} & set(without) else first_ns + 3_001 * MS
    return made


def test_every_hop_has_its_time() -> None:
    result = whole().result()
    assert (result.outcome, result.missing, result.in_time, result.counted) == ("good", (), True, True)
    assert result.ms == {"command": 30, "alarm": 40, "store": 45, "telemetry": 3_040, "receipt": 3_041}


@pytest.mark.parametrize("hop", HOPS)
def test_what_is_missing_names_the_broken_hop(hop: Hop) -> None:
    result = whole((hop,)).result()
    assert (result.outcome, result.missing) == ("broken", (hop,))
    assert result.in_time is (hop != "store")


def test_what_lies_behind_a_broken_hop_is_not_named() -> None:
    assert trial().result().missing == ("command",)
    answered = trial()
    answered.answered(told(), 30 * MS)
    assert answered.result().missing == LANES


def test_a_press_that_came_too_late_by_both_lanes_is_late() -> None:
    assert whole(first_ns=IN_TIME_NS).result().outcome == "good"
    late = whole(first_ns=IN_TIME_NS + MS).result()
    assert (late.outcome, late.in_time, late.counted) == ("late", False, True)


@pytest.mark.parametrize(
    ("outcome", "detail", "became", "missing", "suspect"),
    [
        ("refused", "test too soon", "refused", (), ()),
        ("unknown", "no button 'sos'; it has: b", "refused", (), ()),
        ("refused", "test waits", "broken", ("receipt",), ("receipt",)),
        ("refused", "clock not trusted: it needs NTP", "broken", ("command",), ()),
        ("refused", "button sos: no line", "broken", ("command",), ()),
        ("expired", "3.0 s too late by this box's clock", "broken", ("command",), ()),
    ],
)
def test_a_box_that_cannot_says_why(
    outcome: CommandOutcome, detail: str, became: str, missing: tuple[Hop, ...], suspect: tuple[Hop, ...]
) -> None:
    refused = trial()
    refused.answered(told(outcome, detail), 30 * MS)
    result = refused.result()
    assert (result.outcome, result.missing, result.suspect) == (became, missing, suspect)
    assert result.counted is (became == "broken")
    assert result.detail == f"{outcome}: {detail}"


def test_the_receipt_waits_for_the_other_lane_and_not_for_ever() -> None:
    press = Press("box-1", "sos", EVENT, 0, held_ns=HOLD_NS)
    press.came("alarm", 40 * MS)
    assert not press.due(50 * MS), "it is not stored"
    press.stored_ns = 45 * MS
    assert not press.due(HOLD_NS - 1)
    assert press.due(HOLD_NS)
    press.came("telemetry", 3 * S)
    assert press.due(3 * S)
    assert Press("box-1", "sos", EVENT, 0, stored_ns=1).due(2), "nobody asked for it: it does not wait"


def test_a_repeat_long_after_the_receipt_says_that_it_did_not_arrive() -> None:
    # The lane sends at 0, 1, 3, 7 s; the receipt goes out at 3 s: what comes then was on its way.
    passing, lost = whole(), whole()
    assert passing.press is not None
    assert lost.press is not None
    passing.press.came("alarm", 3_100 * MS)
    lost.press.came("alarm", 7 * S)
    assert passing.result().outcome == "good"
    assert lost.result().missing == ("receipt",)


def test_only_the_press_that_was_asked_for_is_its() -> None:
    made = trial()
    assert made.is_its("box-1", EVENT, 0, 40 * MS)
    assert not made.is_its("box-2", EVENT, 0, 40 * MS)
    assert not made.is_its("box-1", EVENT, 41, 40 * MS), "it was pressed before it was asked for"
    assert not made.is_its("box-1", EVENT, None, 40 * MS), "it is from before a restart"
    made.event_id = EVENT
    assert made.is_its("box-1", EVENT, 41, 40 * MS)
    assert not made.is_its("box-1", "another", 0, 40 * MS)
    refused = trial()
    refused.answered(told("refused", "test too soon"), 1)
    assert not refused.is_its("box-1", EVENT, 0, 40 * MS)


def result(device: str, *missing: Hop, at_ns: int = 0) -> Result:
    made = whole(missing)
    made.device, made.at_ns = device, at_ns
    return made.result()


@pytest.mark.parametrize("hop", [hop for hop in HOPS if hop != "store"])
def test_a_hop_that_two_boxes_lack_is_the_centres_and_of_one_it_is_the_boxs(hop: Hop) -> None:
    judge = Judge()
    judge.take(result("box-1", hop, at_ns=5), UP, alone=False)
    assert judge.broken == []
    assert judge.again == {"box-1"}
    judge.take(result("box-2"), UP, alone=False)
    assert (judge.broken, judge.again) == ([], frozenset())
    judge.take(result("box-1", hop, at_ns=7), UP, alone=False)
    judge.take(result("box-2", hop, at_ns=9), UP, alone=False)
    assert [(one.hop, one.since_ns) for one in judge.broken] == [(hop, 7)]
    assert judge.again == frozenset(), "it is known"
    judge.take(result("box-3", hop, at_ns=11), UP, alone=False)
    assert [one.since_ns for one in judge.broken] == [7]
    judge.take(result("box-1"), UP, alone=False)
    assert judge.broken == []


def test_a_box_is_no_second_opinion_of_itself_but_where_it_is_the_only_one() -> None:
    judge = Judge()
    for _ in range(3):
        judge.take(result("box-1", "telemetry"), UP, alone=False)
    assert judge.broken == []
    judge.take(result("box-1", "telemetry"), UP, alone=True)
    assert [one.hop for one in judge.broken] == ["telemetry"]


def test_what_the_desk_knows_itself_takes_no_second_opinion() -> None:
    judge = Judge()
    judge.take(result("box-1", "store"), UP, alone=False)
    judge.take(result("box-1", "alarm"), {"alarm": False, "telemetry": True}, alone=False)
    judge.take(result("box-1", "alarm", "telemetry"), {"alarm": False, "telemetry": True}, alone=False)
    assert [one.hop for one in judge.broken] == ["alarm"], "what was stored since is whole"
    assert judge.again == {"box-1"}


def test_a_box_that_refused_says_nothing_of_the_centre() -> None:
    judge = Judge()
    for device in ("box-1", "box-2"):
        refused = trial(device)
        refused.answered(told("refused", "clock not trusted"), 1)
        judge.take(refused.result(), UP, alone=False)
    assert (judge.broken, judge.again) == ([], frozenset())


def test_the_boxes_have_their_turns() -> None:
    turns = Turns([("box-1", "a"), ("box-1", "b"), ("box-2", "a"), ("box-3", "a")])
    assert [turns.next(()) for _ in range(5)] == [
        ("box-1", "a"),
        ("box-1", "b"),
        ("box-2", "a"),
        ("box-3", "a"),
        ("box-1", "a"),
    ]
    assert turns.next({"box-1"}) == ("box-2", "a")
    assert turns.next((), {"box-1", "box-3"}) == ("box-2", "a")
    assert turns.next({"box-2", "box-3"}, {"box-1"}) == ("box-1", "b"), "there is no other"
    assert turns.next({"box-1", "box-2", "box-3"}) is None
    assert (turns.count(()), turns.count({"box-1"})) == (3, 2)


def test_a_hop_of_the_centre_is_named_within_60_s_by_the_settings_of_the_start() -> None:
    from duty_desk.synthetic.settings import SyntheticSettings
    from duty_desk.synthetic.synthetic import SOON_S

    assert SyntheticSettings().each_s + 2 * LIMIT_NS / S + SOON_S < 60
