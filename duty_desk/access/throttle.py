"""How long the next attempt to log in must wait: the longer, the more failed. Nothing is ever locked. Pure.

Rules:
- An attempt is counted when it begins, and taken back when it succeeds, so that many at once gain nothing.
- After `free` failures the wait is `first_s`, then twice that with each failure, up to `most_s`.
- Failures are forgotten `FORGET_S` after the last one. The oldest keys are forgotten when there are too many.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

MAX_KEYS: Final = 10_000
FORGET_S: Final = 900.0

Key = TypeVar("Key")


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last_s: float = 0.0


class Throttle(Generic[Key]):
    """Counts failures by a key.

    Args:
        free: Failures without a wait.
        first_s: The wait after the next failure.
        most_s: The longest wait.
    """

    def __init__(self, *, free: int, first_s: float, most_s: float) -> None:
        self._free = free
        self._first_s = first_s
        self._most_s = most_s
        self._counts: OrderedDict[Key, _Count] = OrderedDict()

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._counts)

    def wait_s(self, key: Key, now_s: float) -> float:
        """Return how many seconds the next attempt must wait; 0 when it may come."""
        count = self._counts.get(key)
        if count is None or now_s - count.last_s > FORGET_S:
            return 0.0
        return max(0.0, count.last_s + self.delay_s(key) - now_s)

    def delay_s(self, key: Key) -> float:
        """Return the wait between two attempts as it is now, in seconds."""
        count = self._counts.get(key)
        if count is None or count.failures < self._free:
            return 0.0
        # Beyond 2^32 the power is past any `most_s`.
        return min(self._most_s, self._first_s * 2.0 ** min(32, count.failures - self._free))

    def failures(self, key: Key) -> int:
        """Return how many failures of a key are counted."""
        count = self._counts.get(key)
        return 0 if count is None else count.failures

    def begin(self, key: Key, now_s: float) -> None:
        """Count an attempt as failed, until it succeeds."""
        count = self._counts.pop(key, None)
        if count is None or now_s - count.last_s > FORGET_S:
            count = _Count()
        count.failures += 1
        count.last_s = now_s
        self._counts[key] = count
        if len(self._counts) > MAX_KEYS:
            self._counts.popitem(last=False)

    def take_back(self, key: Key) -> None:
        """Take one attempt back: it was no failure."""
        count = self._counts.get(key)
        if count is None:
            return
        count.failures -= 1
        if count.failures <= 0:
            del self._counts[key]

    def clear(self, key: Key) -> None:
        """Forget the failures of a key."""
        self._counts.pop(key, None)


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 an IPv6 host can choose from."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip), 64), strict=False))
    return str(ip)
