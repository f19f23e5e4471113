"""The limits on attempts to log in, put together so that nobody can keep an officer out. Time is given.

- Each address waits longer after each failure, and is told so: 429 with the seconds.
- A name that many addresses try wrongly is answered slower, up to half a second; it is never refused for that.
- Who logged in from an address before has a count of his own there, is not slowed, and goes first in the queue.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from duty_desk.access.errors import TryLaterError
from duty_desk.access.throttle import Throttle, network_of

MAX_KNOWN: Final = 1_000
FREE: Final = 5
MOST_S: Final = 30.0
NAME_MOST_S: Final = 0.5
MAX_TOLD: Final = 30
_TOLD_EVERY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: by which name, from where, and whether that pair succeeded before. `delay_s` is to be waited.

    Of those that wait for their check a lower `rank` goes first: 0 who is known, else the failures of the address.
    """

    name: str
    address: str
    known: bool
    delay_s: float
    rank: int


class Attempts:
    """Decides which attempt is heard, and when."""

    def __init__(self) -> None:
        self._by_address: Throttle[str] = Throttle(free=FREE, first_s=1.0, most_s=MOST_S)
        self._by_pair: Throttle[tuple[str, str]] = Throttle(free=FREE, first_s=1.0, most_s=MOST_S)
        self._by_name: Throttle[str] = Throttle(free=FREE, first_s=0.125, most_s=NAME_MOST_S)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._may_tell = float(MAX_TOLD)
        self._told_s = 0.0

    def begin(self, name: str, address: str, now_s: float) -> Attempt:
        """Count an attempt.

        Raises:
            TryLaterError: It comes too soon after the failures before it; it is not counted.
        """
        address = network_of(address)
        pair = (name, address)
        known = pair in self._known
        wait_s = self._by_pair.wait_s(pair, now_s) if known else self._by_address.wait_s(address, now_s)
        if wait_s > 0:
            raise TryLaterError(wait_s)
        delay_s = 0.0 if known else self._by_name.delay_s(name)
        if known:
            self._by_pair.begin(pair, now_s)
        else:
            self._by_address.begin(address, now_s)
            self._by_name.begin(name, now_s)
        return Attempt(name, address, known, delay_s, 0 if known else self._by_address.failures(address))

    def succeeded(self, attempt: Attempt) -> None:
        """Take an attempt back, and remember that this name comes from this address."""
        self.take_back(attempt)
        pair = (attempt.name, attempt.address)
        self._by_pair.clear(pair)
        self._known.pop(pair, None)
        self._known[pair] = None
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def take_back(self, attempt: Attempt) -> None:
        """Take an attempt back: it was no failure."""
        if attempt.known:
            self._by_pair.take_back((attempt.name, attempt.address))
        else:
            self._by_address.take_back(attempt.address)
            self._by_name.take_back(attempt.name)

    def told(self, now_s: float) -> str | None:
        """Return whether a refused attempt is written down: "wrong", or None when there were too many lately.

        The last one before a gap is "more_follow", so that the record says that it is not complete.
        """
        self._may_tell = min(MAX_TOLD, self._may_tell + max(0.0, now_s - self._told_s) / _TOLD_EVERY_S)
        self._told_s = now_s
        if self._may_tell < 1:
            return None
        self._may_tell -= 1
        return "wrong" if self._may_tell >= 1 else "more_follow"
