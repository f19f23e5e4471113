"""Tells when a siren of the demo begins to sound and why, and when it is silent again: nobody hears a simulated one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from simulator.control import BoardControl
from simulator.layout import SIREN, board_path
from simulator.panel import PanelError

_CITY: Final = ZoneInfo("Asia/Jakarta")
"""As the desk shows times, by default (`[duty] time_zone`)."""
_ASK_S: Final = 2.0


def city_time(at_ms: int) -> str:
    """Return a moment as the city's clocks show it, with the zone's name: `2026-11-22 21:03:10 WIB`."""
    return f"{datetime.fromtimestamp(at_ms / 1_000, _CITY):%Y-%m-%d %H:%M:%S %Z}"


def why_a_box(incidents: Sequence[dict[str, Any]]) -> str:
    """Return why a box's siren sounds, from the incidents the desk shows, and what ends it."""
    waiting = sorted((each for each in incidents if each["state"] == "open"), key=lambda each: each["received_at_ms"])
    if not waiting:
        return "a test or an operator's command; it ends by itself"
    first = waiting[0]
    what = " ".join(filter(None, (first["device"], first["button"])))
    more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    end = "accept it" if len(waiting) == 1 else "accept them"
    return f"nobody has accepted {what} of {city_time(first['received_at_ms'])}{more}; {end} on the page"


def why_the_bell(data: Path) -> str:
    """Return why the bell sounds, by its own word, and what ends it.

    Args:
        data: Its data folder.
    """
    from duty_desk.bell.service import SOCKET  # half a second that only a bell that sounds takes
    from duty_desk.bell.words import explained
    from duty_desk.control import ask

    try:
        told = ask(data, {"ask": "status"}, _ASK_S, SOCKET) or {}
    except (OSError, ValueError):
        told = {}
    reasons = "; ".join(explained(reason) for reason in told.get("reasons", []))
    return f"{reasons or 'a test, which ends by itself'}; siaga bell silence ends it"


class SirenWatch:
    """Looks at the boards of boxes that have a siren.

    Args:
        hardware: The folder of the boards.
        boxes: Those that have one.
        why: Returns why that of a box sounds.
    """

    def __init__(self, hardware: Path, boxes: Iterable[str], why: Callable[[str], str]) -> None:
        self._hardware = hardware
        self._why = why
        self._sounds = dict.fromkeys(boxes, False)

    def look(self) -> list[str]:
        """Return a line for each that changed since the last look."""
        told = []
        for box, before in self._sounds.items():
            try:
                with BoardControl(board_path(self._hardware, box)) as board:
                    now = board.lamp(SIREN).on
            except (OSError, PanelError, ValueError):
                continue  # the simulator is started again
            if now != before:
                told.append(f"{box}: the siren {f'SOUNDS: {self._why(box)}' if now else 'is silent'}")
            self._sounds[box] = now
        return told
