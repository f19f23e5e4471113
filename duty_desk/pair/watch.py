"""When the desk that stands by takes over: decided by what it sees of the lease. No I/O; time is given.

Rules:
- By the server's clock the lease lapsed, was given back, or was nobody's.
- It is this desk's own, of a run that ended: a desk's folder has one process. One that ends again and again lets
  the other come first (`memory.py`).
- Nobody renewed it for the length of a lease and a second by this desk's own clock, in which it looked several times.
  So a server's clock that was set back keeps nobody from taking over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MORE_NS: Final = 10**9
_LOOKS: Final = 3
_LATER_MS: Final = 3_000


@dataclass(frozen=True, slots=True)
class Sight:
    """The lease as it stands, and the server's clock."""

    holder: str
    epoch: int
    until_ms: int
    now_ms: int


class Watch:
    """What was seen.

    Args:
        name: This desk's.
        lease_ns: How long a lease lasts.
        own_epoch: The epoch that this desk's earlier run had, None for none.
        last: Whether the other desk is to come first.
    """

    def __init__(self, name: str, lease_ns: int, own_epoch: int | None, *, last: bool = False) -> None:
        self._name = name
        self._lease_ns = lease_ns
        self._own_epoch = None if last else own_epoch
        self._later_ms = _LATER_MS if last else 0
        self._last: tuple[int, int] | None = None
        self._since_ns = 0
        self._looks = 0

    def due(self, sight: Sight, now_ns: int) -> bool:
        """Return whether to take over."""
        if sight.until_ms + self._later_ms < sight.now_ms:
            return True
        if sight.holder == self._name and sight.epoch == self._own_epoch:
            return True
        if (sight.epoch, sight.until_ms) != self._last:
            self._last, self._since_ns, self._looks = (sight.epoch, sight.until_ms), now_ns, 0
            return False
        self._looks += 1
        return self._looks >= _LOOKS and now_ns - self._since_ns > self._lease_ns + _MORE_NS
