"""What a box remembers of pushes: each transition, and what a start makes of each state."""

from __future__ import annotations

import pytest

from edge_agent.config_state import (
    CHANGED_BY_HAND,
    ENDED,
    NOT_REACHED,
    ConfigState,
    Pushed,
    at_start,
    begun,
    confirmed,
    reverted,
    taken,
)

FILE, OTHER, BODY = "0" * 64, "1" * 64, "2" * 64
NEW = ConfigState(file_sha256=FILE)


def pushed(version: int) -> Pushed:
    return Pushed(version=version, toml=f"# {version}", confirm_s=180, since_ns=version)


SEVEN = confirmed(begun(taken(NEW, pushed(7), BODY)), 70)
EIGHT = taken(SEVEN, pushed(8), BODY)


def test_a_push_is_tried_and_confirmed() -> None:
    waiting = taken(NEW, pushed(7), BODY)
    assert at_start(waiting, FILE, 9) == waiting, "it is to be begun"
    assert waiting.trial == pushed(7)
    assert not waiting.begun
    assert SEVEN.trial is None
    assert SEVEN.confirmed is not None
    assert (SEVEN.confirmed.version, SEVEN.confirmed.since_ns) == (7, 70)
    assert at_start(SEVEN, FILE, 9) == SEVEN
    assert SEVEN.last is not None
    assert (SEVEN.last.outcome, SEVEN.last.version, SEVEN.last.body_sha256) == ("confirmed", 7, BODY)


def test_fault_44_a_revert_goes_back_to_the_last_good_one_and_the_version_is_not_tried_again() -> None:
    back = reverted(begun(EIGHT), NOT_REACHED, "x" * 900, 9)
    assert back.confirmed == SEVEN.confirmed
    assert back.trial is None
    assert back.newest == 8
    assert back.last is not None
    assert (back.last.outcome, back.last.reason, len(back.last.detail or "")) == ("reverted", NOT_REACHED, 500)


def test_fault_44_a_trial_that_had_begun_before_a_start_ended_badly() -> None:
    back = at_start(begun(EIGHT), FILE, 9)
    assert (back.trial, back.begun, back.confirmed) == (None, False, SEVEN.confirmed)
    assert back.last is not None
    assert (back.last.outcome, back.last.reason) == ("reverted", ENDED)


@pytest.mark.parametrize("state", [SEVEN, EIGHT, begun(EIGHT)])
def test_a_file_that_was_changed_by_hand_rules(state: ConfigState) -> None:
    ruled = at_start(state, OTHER, 9)
    assert (ruled.confirmed, ruled.trial, ruled.newest, ruled.file_sha256) == (None, None, state.newest, OTHER)
    assert ruled.last is not None
    assert (ruled.last.outcome, ruled.last.reason) == ("overruled", CHANGED_BY_HAND)
    assert at_start(ruled, OTHER, 10) == ruled, "told once"


def test_a_file_changed_where_nothing_was_pushed_is_nothing_to_tell() -> None:
    assert at_start(NEW, OTHER, 9) == ConfigState(file_sha256=OTHER)


def test_a_newer_push_takes_the_place_of_a_trial() -> None:
    nine = taken(begun(EIGHT), pushed(9), BODY)
    assert (nine.trial, nine.begun, nine.confirmed) == (pushed(9), False, SEVEN.confirmed)
