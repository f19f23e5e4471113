"""Who asks what no screen of the wall asks: few at once by address and in all, so that nobody can burn the store. Pure.

The questions of the screens are known: the dashboards with their own ranges, and what wall.toml chooses. They are never
refused here, however many screens ask, as one answer serves all of them. Any other range, box or sensor is a guest's.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dashboards.boards import DASHBOARDS
from dashboards.plan import Plan

BY_ADDRESS: Final = 4
IN_ALL: Final = 16

Choice = tuple[str, str, str, int]
"""A dashboard, a box, a sensor, and the range in s."""


class TooManyError(Exception):
    """Too many such questions are under way."""


class Guests:
    """The plan's questions, and who asks others.

    Args:
        plan: What the screens show.
    """

    def __init__(self, plan: Plan) -> None:
        self._planned = {(uid, "", "", board.range_s) for uid, board in DASHBOARDS.items() if not board.choices}
        for screen in plan.screens:
            for show in screen.rotation:
                range_s = screen.range_s or DASHBOARDS[show.uid].range_s
                choices = DASHBOARDS[show.uid].choices
                device = (screen.device or "") if "device" in choices else ""
                sensor = (screen.sensor or "") if "sensor" in choices else ""
                self._planned.add((show.uid, device, sensor, range_s))
        self._under_way: Counter[str] = Counter()

    def is_guest(self, uid: str, device: str, sensor: str, range_s: int | None, *, bounded: bool) -> bool:
        """Return whether no screen asks this; `bounded`: it names its own beginning and end."""
        board = DASHBOARDS.get(uid)
        if board is None or bounded:
            return True
        device = device if "device" in board.choices else ""
        sensor = sensor if "sensor" in board.choices else ""
        return (uid, device, sensor, board.range_s if range_s is None else range_s) not in self._planned

    @contextmanager
    def asking(self, address: str) -> Iterator[None]:
        """Take a place for a guest's question.

        Raises:
            TooManyError: This address, or all together, ask too much at once.
        """
        key = _network(address)
        if self._under_way[key] >= BY_ADDRESS or self._under_way.total() >= IN_ALL:
            raise TooManyError
        self._under_way[key] += 1
        try:
            yield
        finally:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]


def _network(address: str) -> str:
    """Return an address, or of IPv6 its network: a household has 2^64 of those."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    return str(known.ipv4_mapped or ipaddress.ip_network((known, 64), strict=False))
