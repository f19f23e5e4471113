"""Why a siren of the demo sounds, in words and in the city's time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from siaga.demo.siren import city_time, why_a_box, why_the_bell

AT_MS = 1_795_381_390_000


def incident(state: str, later_ms: int = 0, button: str | None = "sos") -> dict[str, Any]:
    return {"state": state, "device": "box-1", "button": button, "received_at_ms": AT_MS + later_ms}


def test_times_are_the_citys_and_say_so() -> None:
    assert city_time(AT_MS) == "2026-11-23 04:03:10 WIB"


def test_the_oldest_press_that_nobody_accepted_is_why_a_box_sounds() -> None:
    told = why_a_box([incident("open", 60_000, "tower"), incident("accepted", -60_000), incident("open")])
    assert told == "nobody has accepted box-1 sos of 2026-11-23 04:03:10 WIB and 1 more; accept them on the page"
    assert why_a_box([incident("open", button=None)]).startswith("nobody has accepted box-1 of ")
    assert why_a_box([incident("accepted")]) == "a test or an operator's command; it ends by itself"


def test_a_bell_that_does_not_answer_is_told_without_a_reason(tmp_path: Path) -> None:
    assert "siaga bell silence" in why_the_bell(tmp_path)
