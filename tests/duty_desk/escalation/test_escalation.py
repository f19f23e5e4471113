"""Who rings when nobody answers, in virtual time."""

from __future__ import annotations

import pytest

from contract.messages import AlertStatus
from duty_desk.incidents.escalation import Audience, Step
from tests.duty_desk.escalation.scene import EVERYBODY, S, Scene

HOUR_NS = 3_600 * S


def test_officers_ring_with_the_press_then_everyone_then_supervisors_then_the_siren() -> None:
    scene = Scene()
    incident = scene.press()
    assert (incident.step, incident.rings) == (0, ("officer",))
    for seconds, step, rings in [
        (14.75, 0, ("officer",)),
        (0.25, 1, ("officer", "everyone")),
        (14.75, 1, ("officer", "everyone")),
        (0.25, 2, ("officer", "everyone", "supervisor")),
        (29.75, 2, ("officer", "everyone", "supervisor")),
        (0.25, 3, ("officer", "everyone", "supervisor", "siren")),
        (600, 3, ("officer", "everyone", "supervisor", "siren")),
    ]:
        scene.wait(seconds)
        now = scene.board.find(incident.id)
        assert (now.step, now.rings) == (step, rings)
    assert scene.of(incident) == [0, 1, 2, 3]
    assert {entry.nobody for entry in scene.reached} == {None}


@pytest.mark.parametrize("status", ["Exercise", "Test"])
def test_the_siren_never_sounds_for_a_drill_or_a_test(status: AlertStatus) -> None:
    scene = Scene(present=frozenset())
    incident = scene.press(status=status)
    scene.wait(120)
    assert scene.of(incident) == [0, 1, 2]
    assert "siren" not in scene.board.find(incident.id).rings


def test_a_drill_beside_a_press_of_the_same_button_climbs_by_itself() -> None:
    scene = Scene()
    drill = scene.press(status="Exercise")
    scene.wait(10)
    real = scene.press()
    scene.wait(10)
    assert (scene.of(drill), scene.of(real)) == ([0, 1], [0])


def test_an_answer_ends_it_and_a_press_that_joins_begins_again() -> None:
    scene = Scene()
    incident = scene.press()
    scene.wait(20)
    scene.accept(incident)
    assert scene.board.find(incident.id).rings == ()
    scene.wait(300)
    assert scene.of(incident) == [0, 1]
    joined = scene.press()
    assert (joined.id, joined.step, joined.rings) == (incident.id, 0, ("officer",))
    scene.wait(15)
    assert scene.of(incident) == [0, 1, 0, 1]


def test_an_unanswered_press_that_is_joined_goes_on_by_the_oldest() -> None:
    scene = Scene()
    incident = scene.press()
    scene.wait(14)
    scene.press()
    scene.wait(1)
    assert scene.of(incident) == [0, 1]


def test_where_nobody_is_there_the_next_step_comes_at_once_and_says_so() -> None:
    scene = Scene(present=frozenset({"supervisor", "siren"}))
    incident = scene.press()
    # Neither officers nor anybody else: supervisors ring with the press itself.
    assert [(entry.step, entry.nobody) for entry in scene.reached] == [
        (0, None),
        (1, ("officer",)),
        (2, ("everyone",)),
    ]
    scene.wait(59.75)
    assert scene.of(incident) == [0, 1, 2]
    scene.wait(0.25)
    assert scene.reached[-1].step == 3
    assert scene.reached[-1].nobody is None


def test_fault_36_when_the_last_screen_falls_asleep_the_next_step_comes_at_once() -> None:
    scene = Scene()
    incident = scene.press()
    scene.wait(5)
    scene.present = EVERYBODY - {"officer"}
    scene.wait(0.25)
    assert scene.of(incident) == [0, 1]
    assert scene.reached[-1].nobody == ("officer",)
    scene.wait(9)
    assert scene.of(incident) == [0, 1]


@pytest.mark.parametrize("hours", [-5, 5])
@pytest.mark.parametrize("at_s", [0, 14.5])
def test_fault_28_a_wall_clock_that_is_set_changes_nothing(hours: int, at_s: float) -> None:
    scene = Scene()
    incident = scene.press()
    scene.wait(at_s)
    scene.wall_ns += hours * HOUR_NS
    scene.wait(14.75 - at_s)
    assert scene.of(incident) == [0]
    scene.wait(0.25)
    assert scene.of(incident) == [0, 1]


def test_fault_34_after_a_restart_no_step_is_done_again_and_what_is_overdue_comes_at_once() -> None:
    scene = Scene()
    incident = scene.press()
    scene.wait(20)
    scene.restart(away_s=4)
    scene.tick()
    assert scene.of(incident) == [0, 1]
    scene.wait(5.75)
    assert scene.of(incident) == [0, 1]
    scene.wait(0.25)
    assert scene.of(incident) == [0, 1, 2]
    scene.restart(away_s=3_600)
    scene.tick()
    assert scene.of(incident) == [0, 1, 2, 3]


def test_after_a_restart_with_a_clock_set_back_the_time_begins_again_and_no_step_does() -> None:
    scene = Scene()
    incident = scene.press()
    scene.wait(20)
    scene.restart(away_s=-7_200)
    scene.tick()
    scene.wait(29.75)
    assert scene.of(incident) == [0, 1]
    scene.wait(0.25)
    assert scene.of(incident) == [0, 1, 2]


def test_steps_may_be_for_some_origins_only() -> None:
    steps = (
        Step(0, ("officer",)),
        Step(5, ("supervisor",), frozenset({"press"})),
        Step(10, ("siren",), frozenset({"press", "call"})),
    )
    scene = Scene(steps)
    press, fault = scene.press(), scene.press(cause="tamper")
    scene.wait(60)
    assert (scene.of(press), scene.of(fault)) == ([0, 1, 2], [0])


def test_a_policy_that_became_shorter_after_a_restart_ends_where_it_ends() -> None:
    scene = Scene()
    incident = scene.press()
    scene.wait(31)
    scene.steps = scene.steps[:2]
    scene.restart()
    scene.wait(60)
    assert scene.of(incident) == [0, 1, 2]


def test_one_step_may_let_several_ring_and_nobody_means_none_of_them() -> None:
    present: frozenset[Audience] = frozenset({"supervisor"})
    scene = Scene((Step(0, ("officer", "supervisor")), Step(30, ("siren",))), present=present)
    incident = scene.press()
    scene.wait(20)
    assert scene.of(incident) == [0]
    scene.present = frozenset()
    scene.wait(0.25)
    assert scene.of(incident) == [0, 1]
    assert scene.reached[-1].nobody == ("officer", "supervisor")


def test_timers_of_what_was_answered_are_forgotten() -> None:
    scene = Scene()
    for number in range(50):
        scene.accept(scene.press(f"b{number}"))
    scene.tick()
    assert not scene.escalation._timers
