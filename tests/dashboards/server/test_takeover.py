"""Which incident stands on which screen, with the time given."""

from __future__ import annotations

from typing import Any

from contract.messages import IncidentMessage
from dashboards.server.takeover import MAX_INCIDENTS, Takeover

S = 10**9
T0 = 1_800_000_000 * S


def told(name: str, *, at_s: float = 0, changed_s: float | None = None, **more: Any) -> IncidentMessage:
    opened = T0 + int(at_s * S)
    known: dict[str, Any] = {
        "incident_id": name,
        "state": "open",
        "status": "Actual",
        "opened_at_ns": opened,
        "changed_at_ns": opened if changed_s is None else T0 + int(changed_s * S),
        "presses": 1,
        "incomplete": False,
    }
    return IncidentMessage.model_validate(known | more)


def test_one_incident_takes_every_chosen_screen_and_gives_them_back_when_closed() -> None:
    takeover = Takeover((1, 2, 4), 900)
    assert takeover.hear(told("a"), T0 + S)
    assert takeover.shown(T0 + S) == {1: "a", 2: "a", 4: "a"}
    assert takeover.hear(told("a", changed_s=60, state="accepted"), T0 + 60 * S)
    assert takeover.shown(T0 + 60 * S)
    assert takeover.hear(told("a", changed_s=61, state="closed"), T0 + 61 * S)
    assert takeover.shown(T0 + 61 * S) == {}


def test_it_gives_them_back_after_its_time_and_a_repeat_does_not_take_them_again() -> None:
    takeover = Takeover((1,), 900)
    takeover.hear(told("a"), T0)
    assert takeover.shown(T0 + 899 * S) == {1: "a"}
    assert takeover.shown(T0 + 900 * S) == {}
    takeover.hear(told("a", changed_s=1_000, state="on_the_way"), T0 + 1_000 * S)
    assert takeover.shown(T0 + 1_000 * S) == {}
    takeover.hear(told("a", changed_s=1_100, presses=2), T0 + 1_100 * S)
    assert takeover.shown(T0 + 1_100 * S) == {1: "a"}, "somebody pressed again"


def test_one_heard_of_late_does_not_begin_now() -> None:
    takeover = Takeover((1,), 900)
    takeover.hear(told("a"), T0 + 1_200 * S)
    assert takeover.shown(T0 + 1_200 * S) == {}


def test_the_same_from_the_other_broker_and_an_older_one_change_nothing() -> None:
    takeover = Takeover((1,), 900)
    takeover.hear(told("a", changed_s=5, state="closed"), T0)
    assert not takeover.hear(told("a", changed_s=5, state="closed"), T0)
    assert not takeover.hear(told("a", changed_s=4, state="accepted"), T0)
    assert takeover.shown(T0) == {}


def test_two_share_and_a_drill_never_takes_the_last_screen_of_somebody_in_need() -> None:
    takeover = Takeover((1, 2, 3), 900)
    takeover.hear(told("drill", at_s=9, status="Exercise"), T0 + 9 * S)
    takeover.hear(told("a", at_s=1), T0 + 9 * S)
    assert takeover.shown(T0 + 9 * S) == {1: "a", 2: "drill", 3: "a"}
    takeover.hear(told("b", at_s=2), T0 + 9 * S)
    takeover.hear(told("c", at_s=3), T0 + 9 * S)
    assert takeover.shown(T0 + 9 * S) == {1: "c", 2: "b", 3: "a"}
    assert takeover.others(T0 + 9 * S) == 1


def test_what_is_remembered_is_bounded() -> None:
    takeover = Takeover((1,), 900)
    for number in range(MAX_INCIDENTS + 50):
        takeover.hear(told(f"i-{number}", at_s=number / 1_000), T0 + S)
    assert takeover.known("i-0") is None
    assert len(takeover.active(T0 + S)) == MAX_INCIDENTS
