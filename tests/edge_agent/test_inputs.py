"""A press, or a button that is still held: told apart over lost lines and restarts."""

from __future__ import annotations

import pytest

from edge_agent.drivers.button.driver import Edge
from edge_agent.inputs import SAME_PRESS_NS, ButtonState
from edge_agent.outbox.alarms import HeldButton

S = 10**9


def edge(active: bool, timestamp_ns: int = 0, *, initial: bool = False) -> Edge:
    return Edge(active=active, timestamp_ns=timestamp_ns, sequence=0, initial=initial)


def test_each_rising_edge_is_a_press_and_a_held_button_is_one() -> None:
    state = ButtonState("boot-1", None)
    levels = [
        edge(False, initial=True),
        edge(True),
        edge(True),
        edge(False),
        edge(True),
    ]
    assert [state.edge(each) for each in levels] == [False, True, False, False, True]


def test_fault_1_a_button_found_pressed_at_the_start_is_a_press() -> None:
    assert ButtonState("boot-1", None).edge(edge(True, initial=True))


def test_fault_2_a_press_already_in_the_outbox_is_not_taken_again_while_the_button_is_held() -> None:
    state = ButtonState("boot-1", HeldButton("boot-1", 10 * S))
    assert not state.edge(edge(True, 12 * S, initial=True))
    assert not state.edge(edge(False, 13 * S))
    assert state.edge(edge(True, 14 * S)), "the next edge is a new press"


@pytest.mark.parametrize(
    ("boot", "at_ns"), [("boot-2", 12 * S), ("boot-1", 10 * S + SAME_PRESS_NS)], ids=["after a reboot", "long ago"]
)
def test_when_it_may_be_another_press_it_counts_as_one(boot: str, at_ns: int) -> None:
    assert ButtonState(boot, HeldButton("boot-1", 10 * S)).edge(edge(True, at_ns, initial=True))


def test_fault_40_a_line_lost_and_found_under_a_held_button_is_one_press() -> None:
    state = ButtonState("boot-1", None)
    assert state.edge(edge(False, initial=True)) is False
    assert state.edge(edge(True, 1 * S))
    assert not state.edge(edge(True, 2 * S, initial=True)), "reopened, still held"


def test_pressed_while_the_line_was_lost_is_found_at_reopening() -> None:
    state = ButtonState("boot-1", None)
    state.edge(edge(False, initial=True))
    assert state.edge(edge(True, 2 * S, initial=True))
