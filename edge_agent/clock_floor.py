"""From which time on a life of the agent counts that nobody tells the time. Pure: records and monotonic time go in.

No Pi has a clock that survives power-off. A life whose clock is not trusted starts from the latest of the wall clock,
2026-01-01 (`clock.py`) and the floor the last life left on the card; so 1970 never leaves the box, and no two lives use
a time twice.

Rules:
- A life reserves times before it uses them: it writes "up to this moment they are used". It reserves as far ahead as
  it has lasted, at least 90 s and at most 30 min: a box that loses power each minute does not run away into the future,
  and one that runs writes some fifty times a day. What is left is renewed 30 s before it ends.
- Trusted and untrusted times are reserved apart. The floor is the later of the two.
- A trusted time replaces the trusted bound, also downwards: what a life with a wrong clock reserved ten years ahead is
  followed only until somebody tells the time. It also ends an untrusted bound more than a day ahead of it: the
  collector refuses such times, so none of them is in the store. A nearer one stays, for its readings are.
- An agent that starts again within one boot goes on with its clock (`books.py`), whatever was reserved: else one that
  is killed again and again would run away into the future.
- Before the card has told what the last life left, nothing is written. A life that cannot reserve goes on, and says so.

The same record tells how a life ended: `clean` is written when it stopped and had nothing left that was only in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from edge_agent.clock import EARLIEST_NS, LATEST_NS, Clock

_S = 10**9
AHEAD_LEAST_NS: Final = 90 * _S
AHEAD_MOST_NS: Final = 1_800 * _S
MARGIN_NS: Final = 30 * _S
STORED_AHEAD_NS: Final = 86_400 * _S
"""The collector refuses a reading more than this ahead of its own clock."""


@dataclass(frozen=True, slots=True)
class LifeRecord:
    """What a life leaves on the card: the ends of the times it reserved, in ns since 1970, and who it was."""

    trusted_until_ns: int
    untrusted_until_ns: int
    stream: str
    boot: str
    clean: bool

    @property
    def floor_ns(self) -> int:
        """The time from which the next life counts, if nobody tells it the time."""
        bounds = (self.trusted_until_ns, self.untrusted_until_ns)
        return max((bound for bound in bounds if EARLIEST_NS <= bound < LATEST_NS), default=EARLIEST_NS)


class Reservation:
    """What this life has reserved, and must reserve next.

    Args:
        stream: This life's stream.
        boot: The kernel's boot id.
        began_ns: When this life began, by the monotonic clock.
    """

    def __init__(self, stream: str, boot: str, began_ns: int) -> None:
        self._began_ns = began_ns
        self._record = LifeRecord(0, 0, stream, boot, clean=False)
        self._reserved = {True: 0, False: 0}
        self._heard = False

    @property
    def stands(self) -> bool:
        """Whether the card has any reservation of this life."""
        return any(self._reserved.values())

    def heard(self, left: LifeRecord | None) -> None:
        """Hear what the last life left; None: there was none, or none that can be read."""
        self._heard = True
        if left is not None:
            self._record = replace(
                self._record, trusted_until_ns=left.trusted_until_ns, untrusted_until_ns=left.untrusted_until_ns
            )

    def due(self, clock: Clock, monotonic_ns: int) -> LifeRecord | None:
        """Return what must be on the card now, or None when what is there will do."""
        if not self._heard:
            return None
        time_ns = clock.time_ns(monotonic_ns)
        left_ns = self._reserved[clock.trusted] - time_ns
        ahead_ns = min(max(monotonic_ns - self._began_ns, AHEAD_LEAST_NS), AHEAD_MOST_NS)
        if MARGIN_NS <= left_ns <= AHEAD_MOST_NS + MARGIN_NS:
            return None
        return self._with_bound(clock, time_ns, time_ns + ahead_ns)

    def kept(self, record: LifeRecord, *, trusted: bool) -> None:
        """The card has this record; `trusted` is whether the clock was, when it became due."""
        self._record = record
        self._reserved[trusted] = record.trusted_until_ns if trusted else record.untrusted_until_ns

    def last(self, clock: Clock, monotonic_ns: int, *, clean: bool) -> LifeRecord | None:
        """Return what this life leaves as it stops: no time is reserved that it did not use."""
        if not self._heard:
            return None
        time_ns = clock.time_ns(monotonic_ns)
        return replace(self._with_bound(clock, time_ns, time_ns + 1), clean=clean)

    def _with_bound(self, clock: Clock, time_ns: int, until_ns: int) -> LifeRecord:
        record = self._record
        if not clock.trusted:
            return replace(record, untrusted_until_ns=until_ns)  # the clock stands at the floor, or beyond
        untrusted_ns = record.untrusted_until_ns if record.untrusted_until_ns <= time_ns + STORED_AHEAD_NS else 0
        return replace(record, trusted_until_ns=until_ns, untrusted_until_ns=untrusted_ns)
