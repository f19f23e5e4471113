"""The books by which `make test-deploy` says that no press was lost: they must find one that was."""

from __future__ import annotations

import pytest

from tests.deploy.presses import HOLD_MS, Recorded, doubled, unmatched

_S = 10**9


@pytest.mark.parametrize("late_s", [0.0, 0.2, HOLD_MS / 1_000])
def test_a_press_is_the_one_recorded_while_it_was_held(late_s: float) -> None:
    assert unmatched("box-1/sos", [100 * _S, 106 * _S], [100 * _S, int((106 + late_s) * _S)]) == []


def test_a_press_that_is_not_in_the_ledger_is_told() -> None:
    (fault,) = unmatched("box-1/sos", [100 * _S, 106 * _S], [100 * _S])

    assert fault == "box-1/sos: pressed at 00:01:46, not in the ledger"


def test_a_press_recorded_twice_under_two_names_is_told() -> None:
    (fault,) = unmatched("box-1/sos", [100 * _S], [100 * _S, 101 * _S])

    assert fault == "box-1/sos: in the ledger at 00:01:41, nobody pressed"


def test_a_press_recorded_long_after_it_was_let_go_is_another() -> None:
    assert len(unmatched("box-1/sos", [100 * _S], [106 * _S])) == 2


def test_one_name_twice_is_told() -> None:
    once, twice = (Recorded("box-1", "sos", key, 100 * _S, "incident") for key in ("a", "b"))

    assert doubled([once, twice, twice]) == [twice, twice]
