"""Days of duty in virtual time; a whole month, many of them, is `make soak-duty`."""

from __future__ import annotations

import pytest

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
