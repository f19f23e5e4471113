"""Days of duty in virtual time; a whole month, many of them, is `make soak-duty`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from duty_desk.duty.duty import Duty
from duty_desk.duty.shifts import Limits
from tests.duty_desk.duty.month import play

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", [1, 7])
def test_no_minute_of_ten_days_in_which_a_press_would_reach_nobody_without_a_fault_that_rang(seed: int) -> None:
    told = play(10, seed)
    assert told.broken == []
    assert told.unheard == 0
    assert told.presses > 400
    assert told.restarts > 10
    assert {"channel", "consoles", "nobody", "unconfirmed", "roster"} <= told.faults.keys()


def blind(duty: Duty) -> None:
    """Let a desk believe in screens that are not there."""
    duty.consoles = lambda: 9


def patient(duty: Duty) -> None:
    """Let a desk wait for ever until somebody confirms their shift."""
    duty.shifts.limits = Limits(confirm_ns=10**18)


@pytest.mark.parametrize("breaks", [blind, patient], ids=["blind", "patient"])
def test_a_desk_that_is_broken_is_found_by_its_days(breaks: Callable[[Duty], None]) -> None:
    assert play(4, 1, breaks).broken != []
