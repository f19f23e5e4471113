"""Whether this desk may act: by its lease, or without a database by its own heartbeat. No I/O; time is given.

Rules:
- A renewal counts from when it was asked for: by then the server, and so the other desk, counts no less.
- Time is CLOCK_BOOTTIME, which runs on while a machine sleeps and no clock's setting moves.
- A lease that lapsed because the database does not answer is gone on with as long as the own heartbeat comes back from
  a broker, none of a higher epoch does, and that has been so for LISTEN_NS: longer than another owner is silent.
- After a process stood still (a tick is late by FREEZE_NS) nothing is known of the database or the heartbeats until
  they were asked anew. So nothing goes out on a word from before.
- A desk that hears no broker for DEAF_NS leaves the lease to one that reaches one: its own heartbeats, which came back
  before, do so no more, or no connection stands.
- A loop that stands still for STUCK_NS is not to own: its lease is left to lapse.
- A higher epoch, from whichever broker or the database, ends it for ever. So does the same one under a name that comes
  before its own: of two who both believe it theirs one goes on, which each can tell without a database.
- Nothing but heartbeats goes out before the first of them was told (`announce`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_S: Final = 10**9
PATIENCE_NS: Final = 3 * _S // 2
"""A renewal without an answer for so long: the database is away."""
FREEZE_NS: Final = 2 * _S
LISTEN_NS: Final = 3 * _S
ECHO_NS: Final = 9 * _S // 2
"""How old the latest heartbeat that came back may be, from when it was sent: two and a bit."""
MAX_BEATS: Final = 16
DEAF_NS: Final = 5 * _S
"""Without a heartbeat of its own for so long, a desk hears no presses either."""
STUCK_NS: Final = 3 * _S
"""A loop that has not ticked for so long does no work: its lease is not renewed, so that the other takes over."""

Clock = Callable[[], int]


def boottime_ns() -> int:
    """Return the time since the machine started, its sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Tenure:
    """The time in which a desk owns what happens. Any thread may ask and tell.

    Args:
        name: The desk's.
        epoch: Its number: each owner has a higher one than the one before.
        lease_ns: How long a renewal lasts.
        renewed_ns: When the lease was asked for; None for one of an earlier run that the database could not confirm.
        on_lost: Called once, in whichever thread, when it is over.
        now_ns: The clock.
    """

    def __init__(
        self,
        name: str,
        epoch: int,
        lease_ns: int,
        *,
        renewed_ns: int | None,
        on_lost: Callable[[], None] = lambda: None,
        now_ns: Clock = boottime_ns,
    ) -> None:
        self.name = name
        self.epoch = epoch
        self.lost: str | None = None
        """Why it is over."""
        self.on_lost = on_lost
        self._lease_ns = lease_ns
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._renewed_ns = renewed_ns
        self._asked_ns: int | None = None
        self._failed = renewed_ns is None
        self._ticked_ns = self._thawed_ns = now_ns()
        self._beats: dict[int, int] = {}
        self._echo_ns: int | None = None
        self._echoed = False
        self._heard_ns = self._ticked_ns
        self._lanes: frozenset[str] = frozenset()
        self._listens_since_ns: int | None = None
        self._announced = False

    @property
    def good(self) -> bool:
        """Whether what a desk says may go out now."""
        with self._lock:
            return self._announced and self._entitled(self._now_ns())

    @property
    def may_beat(self) -> bool:
        """Whether a heartbeat may: also before the first, and to hear whether anybody else is there."""
        with self._lock:
            now_ns = self._now_ns()
            return self._entitled(now_ns) or (self.lost is None and self._away(now_ns))

    @property
    def away(self) -> bool:
        """Whether the database does not answer."""
        with self._lock:
            return self._away(self._now_ns())

    @property
    def stuck(self) -> bool:
        """Whether the loop that does the desk's work stands still, though other threads go on."""
        with self._lock:
            return self._now_ns() - self._ticked_ns > STUCK_NS

    def announce(self) -> None:
        """The first heartbeat was told, as far as there is a broker."""
        with self._lock:
            self._announced = True

    # The database

    def asked(self) -> int:
        """A renewal is asked for; return when, to be told with its answer."""
        with self._lock:
            self._asked_ns = self._now_ns()
            return self._asked_ns

    def renewed(self, asked_ns: int) -> None:
        """A renewal was granted."""
        with self._lock:
            self._asked_ns, self._failed = None, False
            self._renewed_ns = asked_ns if self._renewed_ns is None else max(self._renewed_ns, asked_ns)

    def failed(self, asked_ns: int) -> None:
        """A renewal got no answer. One that was asked for before the process stood still tells nothing of now."""
        with self._lock:
            self._asked_ns = None
            self._failed = self._failed or asked_ns >= self._thawed_ns

    def lose(self, reason: str) -> None:
        """It is over."""
        with self._lock:
            if self.lost is not None:
                return
            self.lost = reason
        self.on_lost()

    # The brokers

    def beat(self, stamp: int) -> None:
        """A heartbeat with this stamp is about to go out."""
        with self._lock:
            self._beats[stamp] = self._now_ns()
            while len(self._beats) > MAX_BEATS:
                del self._beats[next(iter(self._beats))]

    def heard(self, desk: str, epoch: int, stamp: int) -> None:
        """A heartbeat came from a broker."""
        if epoch > self.epoch:
            self.lose(f"{desk} has taken over (epoch {epoch})")
            return
        if epoch == self.epoch and desk < self.name:
            self.lose(f"{desk} owns with the same epoch {epoch}, and its name comes first")
            return
        with self._lock:
            sent_ns = self._beats.get(stamp) if (desk, epoch) == (self.name, self.epoch) else None
            if sent_ns is None:
                return
            if self._echo_ns is None or sent_ns - self._echo_ns > ECHO_NS:
                self._listens_since_ns = sent_ns
            self._echo_ns = sent_ns if self._echo_ns is None else max(self._echo_ns, sent_ns)
            self._echoed, self._heard_ns = True, max(self._heard_ns, sent_ns)

    def link(self, lane: str, up: bool) -> None:
        """A connection to a broker stands, or was lost: what another owner said meanwhile was not heard."""
        with self._lock:
            if up:
                self._lanes |= {lane}
            else:
                self._lanes -= {lane}
                self._echo_ns = self._listens_since_ns = None

    @property
    def deaf(self) -> bool:
        """Whether no broker is heard any more. Where connections stand and no heartbeat ever came back, who knows."""
        with self._lock:
            now_ns = self._now_ns()
            if self._lanes and not self._echoed:
                self._heard_ns = now_ns
            return now_ns - self._heard_ns > DEAF_NS

    # Time

    def tick(self) -> None:
        """Time passes, several times a second."""
        with self._lock:
            now_ns = self._now_ns()
            if now_ns - self._ticked_ns > FREEZE_NS:
                self._thawed_ns = now_ns
                self._failed = False
                self._asked_ns = None if self._asked_ns is None else now_ns
                self._echo_ns = self._listens_since_ns = None
                self._beats.clear()
                self._heard_ns = now_ns
            self._ticked_ns = now_ns

    def _entitled(self, now_ns: int) -> bool:
        if self.lost is not None:
            return False
        if self._renewed_ns is not None and now_ns < self._renewed_ns + self._lease_ns:
            return True
        if not self._away(now_ns) or self._echo_ns is None or self._listens_since_ns is None:
            return False
        return now_ns - self._echo_ns <= ECHO_NS and now_ns - self._listens_since_ns >= LISTEN_NS

    def _away(self, now_ns: int) -> bool:
        if now_ns - self._ticked_ns > FREEZE_NS:
            return False
        return self._failed or (self._asked_ns is not None and now_ns - self._asked_ns > PATIENCE_NS)
