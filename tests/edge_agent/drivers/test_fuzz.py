"""10,000 damaged inputs for each parser; `make fuzz-drivers` takes a million."""

from __future__ import annotations

import pytest

from tests.edge_agent.drivers.fuzz import MODBUS, drivers, fuzz

_FEW_BLOCKS = 2_000
"""What counters, interned numbers and the test run's own may take; a block kept for each input would be 9,000."""


@pytest.mark.slow
@pytest.mark.parametrize("driver", drivers())
def test_any_damage_gives_plausible_readings_or_counted_errors_nothing_else(driver: str) -> None:
    # Modbus has 10,000 in test_modbus_wire.py; here its part of this program is tried.
    inputs = 1_000 if driver == MODBUS else 10_000
    run = fuzz(driver, inputs)
    assert run.inputs == inputs
    assert run.readings > 500, "the damage is such that hardly anything comes through: nothing was tried"
    assert len(run.counters) >= 4
    assert run.blocks_grown < _FEW_BLOCKS
