"""Which steps an incident has: by origin, category, status and place; and by what a step pages whom."""

from __future__ import annotations

import pytest

from contract.messages import AlertStatus
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Board, Report
from duty_desk.incidents.entries import Category
from duty_desk.incidents.escalation import DEFAULT_STEPS, Escalation, Outlook, Rung, Step
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.policies import Match, Plan, Spot, inside
from tests.duty_desk.escalation.scene import S, Scene

ONE = Actor("Operator 112", "call_taker", "Layar 2")
SQUARE = ((-6.93, 107.60), (-6.91, 107.62))
TRIANGLE = ((0.0, 0.0), (0.0, 10.0), (10.0, 0.0))
ALONE = (Step(0, ("supervisor",)),)


def call(category: Category, latitude: float | None = None, longitude: float | None = None) -> Incident:
    """Return an incident that was told by telephone."""
    board = Board()
    key = "0b0e6f4c-55a2-4f0f-8f0d-1f7b3c1d2e3f"
    record = board.report(Report(key, "call", category, latitude=latitude, longitude=longitude), ONE, 5 * S)
    incident = board.apply(record)
    assert incident is not None
    return incident


def press(status: AlertStatus = "Actual") -> Incident:
    """Return an incident of box-1."""
    return Scene().press(status=status)


@pytest.mark.parametrize(
    ("match", "incident", "spot", "fits"),
    [
        (Match(), press(), Spot(), True),
        (Match(origins=frozenset({"call"})), press(), Spot(), False),
        (Match(origins=frozenset({"call"})), call("fire"), Spot(), True),
        (Match(categories=frozenset({"fire"})), call("fire"), Spot(), True),
        (Match(categories=frozenset({"fire"})), call("crime"), Spot(), False),
        (Match(categories=frozenset({"fire"})), press(), Spot(), False),
        (Match(statuses=frozenset({"Exercise"})), press(), Spot(), False),
        (Match(statuses=frozenset({"Exercise"})), press("Exercise"), Spot(), True),
        (Match(devices=("box-*",)), press(), Spot(), True),
        (Match(devices=("bo?",)), press(), Spot(), False),
        (Match(devices=("box-*",)), call("fire"), Spot("braga"), False),
        (Match(sites=("braga*",)), press(), Spot("braga-10"), True),
        (Match(sites=("braga*",)), press(), Spot(), False),
        # One of the three is enough for the place, and each other key has to fit.
        (Match(devices=("x",), sites=("y",), areas=(SQUARE,)), press(), Spot(None, -6.92, 107.61), True),
        (Match(origins=frozenset({"call"}), areas=(SQUARE,)), press(), Spot(None, -6.92, 107.61), False),
        (Match(areas=(SQUARE,)), press(), Spot(None, -6.92, 107.63), False),
        (Match(areas=(SQUARE,)), press(), Spot(None, -6.92, None), False),
    ],
)
def test_a_match_is_of_origin_category_status_and_place(
    match: Match, incident: Incident, spot: Spot, fits: bool
) -> None:
    assert match.fits(incident, spot) is fits


@pytest.mark.parametrize(
    ("latitude", "longitude", "there"),
    [(1, 1, True), (4.9, 4.9, True), (5.1, 5.1, False), (-1, 5, False), (1, -0.1, False), (9, 0.5, True)],
)
def test_a_point_is_in_a_polygon_or_not(latitude: float, longitude: float, there: bool) -> None:
    for turned in range(3):
        area = (*TRIANGLE[turned:], *TRIANGLE[:turned])
        assert inside(area, latitude, longitude) is there
        assert inside(tuple(reversed(area)), latitude, longitude) is there


def test_a_box_may_be_given_by_any_two_opposite_corners() -> None:
    for area in (SQUARE, tuple(reversed(SQUARE)), ((-6.93, 107.62), (-6.91, 107.60))):
        assert inside(area, -6.92, 107.61)
        assert not inside(area, -6.94, 107.61)


def test_the_first_plan_that_fits_is_taken_and_the_rest_have_the_steps_of_all() -> None:
    fire = Plan("fire", Match(categories=frozenset({"fire"})), ALONE)
    calls = Plan("calls", Match(origins=frozenset({"call"})), (Step(0, ("officer",)), Step(5, ("everyone",))))
    both = Escalation(plans=(fire, calls))
    assert [rung.rings for rung in both.ladder(call("fire"))] == [("supervisor",)]
    assert [rung.after_ns // S for rung in both.ladder(call("crime"))] == [0, 5]
    assert [rung.after_ns // S for rung in both.ladder(press())] == [0, 15, 30, 60]
    plan = both.plan(call("fire"))
    assert plan is fire
    assert both.plan(press()) is None


def test_an_incident_keeps_its_plan_while_it_is_unanswered() -> None:
    """Where it is may be told otherwise meanwhile; its steps would be counted by another list then."""
    spots = [Spot("braga"), Spot("other")]
    here = Plan("here", Match(sites=("braga",)), ALONE)
    climbing = Escalation(plans=(here,), spot=lambda _: spots[0])
    incident = press()
    climbing.begin(incident, frozenset(), monotonic_ns=0)
    spots.pop(0)
    assert climbing.plan(incident) is here
    climbing.due([], frozenset(), wall_ns=0, monotonic_ns=0)
    assert climbing.plan(incident) is None


def test_the_default_pages_officers_then_supervisors_then_all_by_what_else_there_is() -> None:
    ladder = Escalation(channels=("push", "sms", "telegram")).ladder(press())
    assert [(rung.channels, rung.pages) for rung in ladder] == [
        (("push",), ("officer",)),
        ((), ()),
        (("push",), ("supervisor",)),
        (("sms", "telegram"), ("officer", "supervisor")),
    ]
    assert [rung.repeat_ns for rung in ladder] == [60 * S, None, 60 * S, 120 * S]


def test_without_channels_the_steps_are_as_they_were() -> None:
    ladder = Escalation().ladder(press())
    assert {(rung.channels, rung.pages, rung.repeat_ns) for rung in ladder} == {((), (), None)}


def test_a_drill_is_paged_and_no_siren_sounds_by_whatever_channel() -> None:
    steps = (*DEFAULT_STEPS[:3], Step(60, ("siren",), channels=("siren", "sms")), Step(90, ("siren",)))
    ladder = Escalation(steps, channels=("push", "sms", "siren")).ladder(press("Exercise"))
    assert [(rung.step, rung.channels, rung.rings[-1]) for rung in ladder[3:]] == [(3, ("sms",), "supervisor")]


def test_what_a_step_pages_can_be_said() -> None:
    steps = (Step(0, ("officer",), channels=("sms", "sms"), pages=("everyone",)),)
    (rung,) = Escalation(steps, channels=("sms",)).ladder(press())
    assert (rung.channels, rung.pages) == (("sms",), ("everyone",))


@pytest.mark.parametrize(
    ("outlook", "screens", "at_once"),
    [
        ("nobody", True, False),
        ("nobody", False, True),
        # A phone that may still be picked up is somebody of the step.
        ("hopeful", False, False),
        ("hopeful", True, False),
        # Whoever is at the screen was paged too, and said no.
        ("declined", True, True),
    ],
)
def test_the_next_step_comes_at_once_when_nobody_of_this_one_can_answer(
    outlook: Outlook, screens: bool, at_once: bool
) -> None:
    climbing = Escalation((Step(0, ("officer",), channels=("push",)), Step(15, ("everyone",))), channels=("push",))
    incident = press()
    asked: list[int] = []

    def told(_incident: Incident, rung: Rung) -> Outlook:
        asked.append(rung.step)
        return outlook

    present = frozenset({"officer"}) if screens else frozenset()
    due = climbing.begin(incident, present, monotonic_ns=0, outlook=told)  # type: ignore[arg-type]
    assert [each.step for each in due] == ([] if not at_once else [1])
    assert set(asked) == {0}
