"""The demo's set-up under a city's morning: 20 boxes, 300 readings a second, equal counts at both ends."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from siaga.demo.stack import Size
from tests.end_to_end.conftest import MakeStack
from tests.end_to_end.oracle import eventually, stop_hardware, stored_fixes

pytestmark = pytest.mark.slow

_PER_SECOND = 300


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.long)])
def test_300_readings_a_second_from_20_boxes(
    make_stack: MakeStack, seconds: int, record_property: Callable[[str, object], None]
) -> None:
    expected = _PER_SECOND * seconds
    stack = make_stack(Size(boxes=20, trackers_per_box=2, rate_hz=7.5))
    began = time.monotonic()
    eventually(lambda: stored_fixes(stack) >= expected, f"{seconds} s of readings stored", timeout_s=150)
    took_s = time.monotonic() - began
    sent = stop_hardware(stack)
    eventually(lambda: stored_fixes(stack) >= sent, f"all {sent} readings stored")
    assert stored_fixes(stack) == sent
    record_property("told", f"20 boxes: {sent} readings sent and stored; {expected} of them within {took_s:.1f} s")
