"""10,000 damaged inputs for each parser; `make fuzz-drivers` takes a million."""

from __future__ import annotations

import pytest

from tests.edge_agent.drivers.fuzz import drivers, fuzz

_FEW_BLOCKS = 2_000
"""What counters, interned numbers and the test run's own may take; a block kept for each input would be 9,000."""


@pytest.mark.slow
@pytest.mark.parametrize("driver", drivers())
def test_any_damage_gives_plausible_readings_or_counted_errors_nothing_else(driver: str) -> None:
    run = fuzz(driver, 10_000)
    assert run.inputs == 10_000
    assert run.readings > 500, "the damage is such that hardly anything comes through: nothing was tried"
    assert len(run.counters) > 5
    assert run.blocks_grown < _FEW_BLOCKS
