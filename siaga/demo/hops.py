"""Follows a press of each box hop by hop, and its positions into the database, with the time each hop took.

A button's edge and a lamp's changes are stamped by the board (CLOCK_MONOTONIC), what the desk says by when we saw it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from siaga.demo.desk_client import DeskClient
from siaga.demo.stack import DemoStack
from siaga.demo.state import DemoError
from simulator.control import BoardControl, Pattern
from simulator.layout import board_path
from simulator.streets import Place

SHOWN: Final = "press → the desk's API shows it"
RECORDED: Final = "press → recorded in the ledger"
LIT: Final = "press → lamp lit at the button"
RECEIVED: Final = "press → lamp seen blinking fast: the desk has it"
ACCEPTED: Final = "accepted → lamp solid"
CLOSED: Final = "closed → lamp off"
ONCE: Final = "each press is there once"
STORED: Final = "GPS fix → in InfluxDB"
RISING: Final = "positions rise, inside Bandung"
HOPS: Final = (LIT, SHOWN, RECORDED, RECEIVED, ACCEPTED, CLOSED, ONCE, STORED, RISING)

_Found = TypeVar("_Found")

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


class Follower:
    """Follows presses and positions through a running demo.

    Args:
        stack: The demo.
        timeout_s: How long a hop of a press may take, in seconds.
        points_timeout_s: How long a position may take into the database, in seconds.
    """

    def __init__(self, stack: DemoStack, *, timeout_s: float = 10.0, points_timeout_s: float = 30.0) -> None:
        self._stack = stack
        self._timeout_s = timeout_s
        self._points_timeout_s = points_timeout_s

    def presses(self) -> list[Pressed]:
        """Press each box's button, accept and close its incident through the page's API; return each hop's time.

        Raises:
            HopError: A hop failed; the first one is named.
            DemoError: The desk does not answer or refuses.
        """
        with DeskClient(self._stack.page, self._stack.accounts) as desk:
            presses = [self._press(desk, box) for box in self._stack.boxes]
            for press in presses:
                at_ns = self._await_lamp(press.box, RECEIVED, "fast")
                press.took(LIT, press.pressed_ns, self._lit_ns(press, at_ns))
                press.took(RECEIVED, press.pressed_ns, at_ns)
            self._act(presses, ACCEPTED, desk.accept, "solid")
            self._act(presses, CLOSED, desk.close, "off")
            self._check_once(desk, presses)
        return presses

    def points(self, presses: list[Pressed]) -> None:
        """See the positions of each box arrive in the database.

        Raises:
            HopError: A hop failed.
        """
        counts: dict[str, int] = {}
        for press in presses:
            newest_ns, counts[press.box] = self._await_points(press.box, STORED)
            newest_ns, _ = self._await_points(press.box, STORED, after_ns=newest_ns)
            press.took(STORED, newest_ns, time.time_ns())
        for press in presses:
            _, count = self._await_points(press.box, RISING, more_than=counts[press.box])
            self._check_inside(press.box)
            press.hops[RISING] = f"{counts[press.box]} → {count}"

    def _press(self, desk: DeskClient, box: str) -> Pressed:
        known = {row["key"] for incident in desk.incidents() for row in incident["rows"]}
        with self._board(box) as board:
            press = Pressed(box, board.press().timestamp_ns)

        def new_incident() -> dict[str, Any] | None:
            for incident in desk.incidents():
                if incident["device"] == box and any(row["key"] not in known for row in incident["rows"]):
                    return incident
            return None

        incident = _await(SHOWN, box, new_incident, self._timeout_s, "the page's API does not show it")
        press.took(SHOWN, press.pressed_ns, time.monotonic_ns())
        press.incident_id = incident["id"]
        _await(RECORDED, box, lambda: (new_incident() or {}).get("recorded"), self._timeout_s, "it stays not recorded")
        press.took(RECORDED, press.pressed_ns, time.monotonic_ns())
        return press

    def _act(self, presses: list[Pressed], hop: str, act: Callable[[str], None], wanted: Pattern) -> None:
        for press in presses:
            press.acted_ns = time.monotonic_ns()
            act(press.incident_id)
        for press in presses:
            press.took(hop, press.acted_ns, self._await_lamp(press.box, hop, wanted))

    def _await_lamp(self, box: str, hop: str, wanted: Pattern) -> int:
        """Return since when the lamp shows a pattern, CLOCK_MONOTONIC ns."""
        with self._board(box) as board:
            deadline = time.monotonic() + self._timeout_s
            while True:
                pattern, since_ns = board.lamp().pattern(time.monotonic_ns())
                if pattern == wanted and since_ns is not None:
                    return since_ns
                if time.monotonic() > deadline:
                    raise HopError(hop, box, f"the lamp shows {pattern!r}, not {wanted!r}, after {self._timeout_s:g} s")
                time.sleep(_POLL_S)

    def _lit_ns(self, press: Pressed, default_ns: int) -> int:
        with self._board(press.box) as board:
            return next((at for at, on in board.lamp().changes if on and at >= press.pressed_ns), default_ns)

    def _check_once(self, desk: DeskClient, presses: list[Pressed]) -> None:
        incidents = desk.incidents()
        for press in presses:
            with self._board(press.box) as board:
                pressed = len(board.presses())
            rows = sum(len(incident["rows"]) for incident in incidents if incident["device"] == press.box)
            if rows != pressed:
                raise HopError(ONCE, press.box, f"the button was pressed {pressed} times, the desk has {rows} presses")
            press.hops[ONCE] = f"{pressed} = {rows}"

    def _await_points(self, box: str, hop: str, *, after_ns: int = 0, more_than: int = 0) -> tuple[int, int]:
        """Return the newest point's time (ns since 1970) and the number of points, once both exceed the given ones."""

        def newest() -> tuple[int, int] | None:
            last_ns, count = self._ask("last(latitude)", box)[0], self._ask("count(latitude)", box)[1]
            return (last_ns, count) if last_ns > after_ns and count > more_than else None

        return _await(hop, box, newest, self._points_timeout_s, "no further position is stored")

    def _check_inside(self, box: str) -> None:
        _, south, north, west, east = self._ask("min(latitude), max(latitude), min(longitude), max(longitude)", box)
        inside = _SOUTH_WEST.latitude < south and north < _NORTH_EAST.latitude
        if not (inside and _SOUTH_WEST.longitude < west and east < _NORTH_EAST.longitude):
            raise HopError(RISING, box, f"latitude {south} to {north}, longitude {west} to {east}: not all in Bandung")

    def _ask(self, what: str, box: str) -> list[Any]:
        series = self._stack.influxdb.query(f"SELECT {what} FROM position WHERE device = '{box}'")
        return list(series[0]["values"][0]) if series else [0, 0]

    def _board(self, box: str) -> BoardControl:
        return BoardControl(board_path(self._stack.hardware, box))


def _await(hop: str, box: str, look: Callable[[], _Found | None], timeout_s: float, otherwise: str) -> _Found:
    """Return what `look` finds, or raise that the hop failed."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise HopError(hop, box, f"{otherwise} after {timeout_s:g} s")
        time.sleep(_POLL_S)
