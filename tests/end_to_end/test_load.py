"""The demo's set-up under a city's morning: 20 boxes, 300 readings a second, equal counts at both ends."""

from __future__ import annotations

import time

import pytest

from siaga.demo.stack import Size
from tests.end_to_end.conftest import MakeStack
from tests.end_to_end.oracle import eventually, stop_hardware, stored_fixes

pytestmark = pytest.mark.slow

_MINUTE_OF_READINGS = 300 * 60


def test_a_minute_of_300_readings_a_second_from_20_boxes(make_stack: MakeStack) -> None:
    stack = make_stack(Size(boxes=20, trackers_per_box=2, rate_hz=7.5))
    began = time.monotonic()
    eventually(lambda: stored_fixes(stack) >= _MINUTE_OF_READINGS, "a minute of readings stored", timeout_s=150)
    took_s = time.monotonic() - began
    sent = stop_hardware(stack)
    eventually(lambda: stored_fixes(stack) >= sent, f"all {sent} readings stored")
    assert stored_fixes(stack) == sent
    print(f"{sent} readings sent, {stored_fixes(stack)} stored; {_MINUTE_OF_READINGS} of them within {took_s:.1f} s")
