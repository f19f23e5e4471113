"""How long a button is held: what counts as a press, and what as stuck."""

from __future__ import annotations

import random

import pytest

from edge_agent.drivers.button.hold import Hold, Told

MS = 1_000_000
S = 10**9


def _hold(hold_ms: int = 0, stuck_s: int = 60) -> Hold:
    return Hold(hold_ns=hold_ms * MS, stuck_ns=stuck_s * S)


def test_without_a_hold_time_the_first_edge_sends() -> None:
    hold = _hold()
    assert hold.down(5 * S, press=True) == [Told("pressed", 5 * S)]
    assert hold.up(5 * S + 1) == [Told("released", 5 * S + 1)]


def test_a_press_is_told_once_it_was_held_long_enough_with_the_moment_of_its_first_edge() -> None:
    hold = _hold(300)
    assert hold.down(5 * S, press=True) == []
    assert hold.due_ns() == 5 * S + 300 * MS
    assert hold.tick(5 * S + 299 * MS) == []
    assert hold.tick(5 * S + 300 * MS) == [Told("pressed", 5 * S)]
    assert hold.tick(5 * S + 400 * MS) == []
    assert hold.up(6 * S) == [Told("released", 6 * S)]


def test_a_press_let_go_sooner_is_only_counted() -> None:
    hold = _hold(300)
    hold.down(5 * S, press=True)
    assert hold.up(5 * S + 299 * MS) == []
    assert hold.too_short == 1
    assert hold.due_ns() is None


def test_a_release_that_is_seen_before_the_timer_is_a_press_when_it_was_long_enough() -> None:
    """The process was busy: both edges wait, stamped by the kernel."""
    hold = _hold(300)
    hold.down(5 * S, press=True)
    assert hold.up(5 * S + 300 * MS) == [Told("pressed", 5 * S), Told("released", 5 * S + 300 * MS)]


def test_fault_40_a_press_of_which_only_the_release_was_seen_is_never_too_short() -> None:
    hold = _hold(300)
    hold.down(5 * S, press=True)
    assert hold.up(5 * S) == [Told("pressed", 5 * S), Told("released", 5 * S)]
    assert hold.too_short == 0


def test_a_line_lost_while_it_is_held_sends() -> None:
    hold = _hold(300)
    hold.down(5 * S, press=True)
    assert hold.lost() == [Told("pressed", 5 * S)]
    assert hold.due_ns() is None, "nobody knows whether it is held still"
    assert hold.down(9 * S, press=False) == [], "opened again, still held: the same press"
    assert hold.due_ns() == 65 * S


def test_fault_41_a_stuck_button_is_told_once_until_it_is_let_go() -> None:
    hold = _hold(300)
    hold.down(0, press=True)
    assert hold.tick(300 * MS) == [Told("pressed", 0)]
    assert hold.due_ns() == 60 * S
    assert hold.tick(60 * S) == [Told("stuck", 0)]
    assert hold.stuck
    assert hold.due_ns() is None
    assert hold.tick(3_600 * S) == []
    assert hold.lost() == []
    assert hold.down(4_000 * S, press=False) == []
    assert hold.stuck
    assert hold.up(5_000 * S) == [Told("released", 5_000 * S)]
    assert not hold.stuck
    hold.down(6_000 * S, press=True)
    assert hold.tick(7_000 * S) == [Told("pressed", 6_000 * S), Told("stuck", 6_000 * S)]


def test_a_button_found_held_whose_press_is_known_can_still_be_stuck() -> None:
    hold = _hold()
    assert hold.down(5 * S, press=False) == []
    assert hold.tick(65 * S) == [Told("stuck", 5 * S)]


def test_up_while_it_is_up_is_nothing() -> None:
    assert _hold(300).up(5 * S) == []
    assert _hold().tick(10**15) == []


@pytest.mark.parametrize("seed", range(50))
def test_whatever_happens_presses_and_releases_alternate_and_stuck_lies_between(seed: int) -> None:
    dice = random.Random(seed)
    hold = _hold(dice.choice((0, 300)), stuck_s=2)
    told: list[Told] = []
    now_ns = 0
    for _ in range(300):
        now_ns += dice.choice((0, 1, 200 * MS, 400 * MS, 3 * S))
        step = dice.randrange(4)
        if step == 0:
            told += hold.down(now_ns, press=True)
        elif step == 1:
            told += hold.up(now_ns)
        elif step == 2:
            told += hold.lost()
        else:
            told += hold.tick(now_ns)
    allowed = {None: ("pressed",), "pressed": ("released", "stuck"), "stuck": ("released",), "released": ("pressed",)}
    before: str | None = None
    for one in told:
        assert one.what in allowed[before]
        before = one.what
    assert len(told) > 20
