"""Which hop of the centre is broken, told from which box's it is; and whose turn it is. Pure: results and time go in.

Rules:
- A hop that one box's test lacks is that box's, until a second one, right after it, lacks it too: then it is the
  centre's. Where only one box can be tested, its own second test is the second opinion.
- Without a second opinion it is the centre's when the desk itself knows: its connection to that broker is down, or its
  own disk did not take the press.
- A hop that any test passed since is whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from contract.topics import Lane
from duty_desk.synthetic.trial import Hop, Result

Place = tuple[str, str]
"""A device and a button."""
_LANES: Final[Mapping[Hop, Lane]] = {"alarm": "alarm", "telemetry": "telemetry"}


@dataclass(frozen=True, slots=True)
class Broken:
    """A hop of the centre that is broken, since the first test that lacked it (the centre's clock)."""

    hop: Hop
    since_ns: int


class Judge:
    """Hears each result, and knows what is broken now."""

    def __init__(self) -> None:
        self._broken: dict[Hop, Broken] = {}
        self._suspects: dict[Hop, tuple[str, int]] = {}

    @property
    def broken(self) -> list[Broken]:
        """The centre's hops that are broken, the oldest first."""
        return sorted(self._broken.values(), key=lambda one: one.since_ns)

    @property
    def again(self) -> frozenset[str]:
        """The boxes of which a second opinion is wanted, at once; empty: none is."""
        return frozenset(device for device, _ in self._suspects.values())

    def take(self, result: Result, links: Mapping[Lane, bool], *, alone: bool) -> None:
        """Take a result.

        Args:
            result: What became of a test.
            links: Whether the desk's connections stand.
            alone: Whether no other box could be tested.
        """
        if not result.counted:
            return
        for hop in result.ms:
            self._broken.pop(hop, None)
            self._suspects.pop(hop, None)
        # Each suspicion has one second opinion: of a box that lacks nothing of it, it was the first box's.
        second = {hop: one for hop, one in self._suspects.items() if alone or one[0] != result.device}
        for hop in second:
            del self._suspects[hop]
        for hop in result.suspect:
            if hop in self._broken:
                continue
            lane = _LANES.get(hop)
            known = hop == "store" or (lane is not None and not links[lane])
            if hop in second or known:
                self._broken[hop] = Broken(hop, second[hop][1] if hop in second else result.at_ns)
                self._suspects.pop(hop, None)
            else:
                self._suspects[hop] = (result.device, result.at_ns)


class Turns:
    """Whose turn it is.

    Args:
        places: Each button of each box.
    """

    def __init__(self, places: Iterable[Place]) -> None:
        self._places: deque[Place] = deque(places)

    def count(self, leave_out: Collection[str]) -> int:
        """Return how many boxes can be tested."""
        return len({device for device, _ in self._places} - set(leave_out))

    def next(self, leave_out: Collection[str], other_than: Collection[str] = ()) -> Place | None:
        """Return whose turn it is, and let the turn pass on; None: nobody can be tested.

        Args:
            leave_out: Boxes that cannot be tested now.
            other_than: Boxes that are taken only when there is no other.
        """
        good = [place for place in self._places if place[0] not in leave_out]
        chosen = next((place for place in good if place[0] not in other_than), good[0] if good else None)
        if chosen is not None:
            self._places.remove(chosen)
            self._places.append(chosen)
        return chosen
