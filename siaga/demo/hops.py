"""Follows a press of each box hop by hop, and its positions into the database, with the time each hop took.

A button's edge and a lamp's changes are stamped by the board (CLOCK_MONOTONIC), what the desk says by when we saw it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from siaga.demo.desk_client import DeskClient
from siaga.demo.stack import DemoStack
from siaga.demo.state import DemoError
from simulator.control import BoardControl, Pattern
from simulator.layout import board_path
from simulator.streets import Place

SHOWN: Final = "press → the desk's page has it"
RECORDED: Final = "press → recorded in the ledger"
LIT: Final = "press → lamp lit at the button"
RECEIVED: Final = "press → lamp blinks fast: the desk has it"
ACCEPTED: Final = "accepted → lamp solid"
CLOSED: Final = "closed → lamp off"
ONCE: Final = "each press is there once"
STORED: Final = "GPS fix → in InfluxDB"
RISING: Final = "positions rise, inside Bandung"
HOPS: Final = (LIT, SHOWN, RECORDED, RECEIVED, ACCEPTED, CLOSED, ONCE, STORED, RISING)

_Found = TypeVar("_Found")

_TIMEOUT_S: Final = 10.0
_POINTS_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.004
_HALF_BLINK_MS: Final = 100
_SOUTH_WEST: Final = Place(-6.97, 107.55)
_NORTH_EAST: Final = Place(-6.83, 107.73)


class HopError(DemoError):
    """A hop failed; names it and the box."""

    def __init__(self, hop: str, box: str, what: str) -> None:
        self.hop = hop
        self.box = box
        super().__init__(f"hop failed: {hop} ({box}): {what}")


@dataclass(slots=True)
class Pressed:
    """What is known of one box's press."""

    box: str
    pressed_ns: int
    incident_id: str = ""
    acted_ns: int = 0
    hops: dict[str, str] = field(default_factory=dict)
    """What each hop took, in words for the table."""

    def took(self, hop: str, since_ns: int, at_ns: int) -> None:
        """Note how long a hop took, in ms.

        A blinking lamp that happens to be as it shall stay does not change: then it took at most half a blink.
        """
        self.hops[hop] = f"{(at_ns - since_ns) / 1e6:.0f} ms" if at_ns >= since_ns else f"<= {_HALF_BLINK_MS} ms"


def follow_presses(stack: DemoStack) -> list[Pressed]:
    """Press each box's button, accept and close its incident through the page's API; return each hop's time.

    Raises:
        HopError: A hop failed; the first one is named.
        DemoError: The desk does not answer or refuses.
    """
    with DeskClient(stack.page) as desk:
        presses = [_press(desk, stack.hardware, box) for box in stack.boxes]
        for press in presses:
            at_ns = _await_lamp(stack.hardware, press.box, RECEIVED, "fast")
            press.took(LIT, press.pressed_ns, _lit_ns(stack.hardware, press, at_ns))
            press.took(RECEIVED, press.pressed_ns, at_ns)
        _act(stack.hardware, presses, ACCEPTED, desk.accept, "solid")
        _act(stack.hardware, presses, CLOSED, desk.close, "off")
        _check_once(desk, stack.hardware, presses)
    return presses


def follow_points(stack: DemoStack, presses: list[Pressed]) -> None:
    """See the positions of each box arrive in the database.

    Raises:
        HopError: A hop failed.
    """
    counts: dict[str, int] = {}
    for press in presses:
        newest_ns, counts[press.box] = _await_points(stack, press.box, STORED, after_ns=0, more_than=0)
        newest_ns, _ = _await_points(stack, press.box, STORED, after_ns=newest_ns, more_than=0)
        press.took(STORED, newest_ns, time.time_ns())
    for press in presses:
        _, count = _await_points(stack, press.box, RISING, after_ns=0, more_than=counts[press.box])
        _check_inside(stack, press.box)
        press.hops[RISING] = f"{counts[press.box]} → {count}"


def _press(desk: DeskClient, hardware: Path, box: str) -> Pressed:
    known = {row["key"] for incident in desk.incidents() for row in incident["rows"]}
    with BoardControl(board_path(hardware, box)) as board:
        press = Pressed(box, board.press().timestamp_ns)

    def new_incident() -> dict[str, Any] | None:
        for incident in desk.incidents():
            if incident["device"] == box and any(row["key"] not in known for row in incident["rows"]):
                return incident
        return None

    incident = _await(SHOWN, box, new_incident, "the page's API does not show it")
    press.took(SHOWN, press.pressed_ns, time.monotonic_ns())
    press.incident_id = incident["id"]
    _await(RECORDED, box, lambda: (new_incident() or {}).get("recorded"), "it stays `not recorded`")
    press.took(RECORDED, press.pressed_ns, time.monotonic_ns())
    return press


def _act(hardware: Path, presses: list[Pressed], hop: str, act: Callable[[str], None], pattern: Pattern) -> None:
    for press in presses:
        press.acted_ns = time.monotonic_ns()
        act(press.incident_id)
    for press in presses:
        press.took(hop, press.acted_ns, _await_lamp(hardware, press.box, hop, pattern))


def _await_lamp(hardware: Path, box: str, hop: str, wanted: Pattern) -> int:
    """Return since when the lamp shows a pattern, CLOCK_MONOTONIC ns."""
    with BoardControl(board_path(hardware, box)) as board:
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            pattern, since_ns = board.lamp().pattern(time.monotonic_ns())
            if pattern == wanted and since_ns is not None:
                return since_ns
            if time.monotonic() > deadline:
                raise HopError(hop, box, f"the lamp shows {pattern!r}, not {wanted!r}, after {_TIMEOUT_S:g} s")
            time.sleep(_POLL_S)


def _lit_ns(hardware: Path, press: Pressed, default_ns: int) -> int:
    with BoardControl(board_path(hardware, press.box)) as board:
        return next((at for at, on in board.lamp().changes if on and at >= press.pressed_ns), default_ns)


def _check_once(desk: DeskClient, hardware: Path, presses: list[Pressed]) -> None:
    incidents = desk.incidents()
    for press in presses:
        with BoardControl(board_path(hardware, press.box)) as board:
            pressed = len(board.presses())
        rows = sum(len(incident["rows"]) for incident in incidents if incident["device"] == press.box)
        if rows != pressed:
            raise HopError(ONCE, press.box, f"the button was pressed {pressed} times, the desk has {rows} presses")
        press.hops[ONCE] = f"{pressed} = {rows}"


def _await_points(stack: DemoStack, box: str, hop: str, *, after_ns: int, more_than: int) -> tuple[int, int]:
    """Return the newest point's time (ns since 1970) and the number of points, once both exceed the given ones."""

    def newest() -> tuple[int, int] | None:
        last_ns, count = _ask(stack, "last(latitude)", box)[0], _ask(stack, "count(latitude)", box)[1]
        return (last_ns, count) if last_ns > after_ns and count > more_than else None

    return _await(hop, box, newest, f"no further position is stored after {_POINTS_TIMEOUT_S:g} s", _POINTS_TIMEOUT_S)


def _check_inside(stack: DemoStack, box: str) -> None:
    _, south, north, west, east = _ask(stack, "min(latitude), max(latitude), min(longitude), max(longitude)", box)
    inside = _SOUTH_WEST.latitude < south and north < _NORTH_EAST.latitude
    if not (inside and _SOUTH_WEST.longitude < west and east < _NORTH_EAST.longitude):
        raise HopError(RISING, box, f"latitude {south} to {north}, longitude {west} to {east} is not all in Bandung")


def _ask(stack: DemoStack, what: str, box: str) -> list[Any]:
    series = stack.influxdb.query(f"SELECT {what} FROM position WHERE device = '{box}'")
    return list(series[0]["values"][0]) if series else [0, 0]


def _await(
    hop: str, box: str, look: Callable[[], _Found | None], otherwise: str, timeout_s: float = _TIMEOUT_S
) -> _Found:
    """Return what `look` finds, or raise that the hop failed."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise HopError(hop, box, otherwise)
        time.sleep(_POLL_S)
