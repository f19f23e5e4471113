"""Other desks at the same brokers, heard by their heartbeats. Pure; time is given.

Rules:
- A desk's own heartbeats come back from the brokers and are known by their time stamps. One under its own name with any
  other stamp is another desk's. Where there is no second desk (`[pair]`), so is one under another name; the other of a
  pair is told by the lease.
- Three within 20 s are a desk: one that was on its way since an earlier run is none.
- A desk that was not heard for 30 s is gone.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from contract.messages import Heartbeat

SEEN: Final = 3
WITHIN_NS: Final = 20 * 10**9
GONE_NS: Final = 30 * 10**9
MAX_STAMPS: Final = 256
"""Own heartbeats that are remembered: of four minutes at least."""
MAX_NAMES: Final = 8
NAMESAKE: Final = (
    "meja piket lain dengan nama ini berjalan; hentikan salah satunya / another desk with this name runs; stop one"
)
STRANGER: Final = (
    "meja piket ini berjalan di broker yang sama, tanpa [pair] / this desk runs at the same brokers, without [pair]"
)


class Namesakes:
    """The other desks that should not be there.

    Args:
        name: This desk's.
        paired: Whether it is one of two.
        monotonic_ns: The monotonic clock.
    """

    def __init__(self, name: str, *, paired: bool, monotonic_ns: Callable[[], int]) -> None:
        self._name = name
        self._paired = paired
        self._monotonic_ns = monotonic_ns
        self._sent: OrderedDict[int, None] = OrderedDict()
        self._heard: OrderedDict[str, deque[tuple[int, int]]] = OrderedDict()
        self._there: dict[str, int] = {}

    def sent(self, stamp: int) -> None:
        """A heartbeat with this stamp is about to go out."""
        self._sent[stamp] = None
        while len(self._sent) > MAX_STAMPS:
            self._sent.popitem(last=False)

    def hear(self, beat: Heartbeat) -> None:
        """Take a heartbeat that a broker brought just now."""
        if beat.timestamp_ns in self._sent or (self._paired and beat.desk != self._name):
            return
        now_ns = self._monotonic_ns()
        latest = self._heard.setdefault(beat.desk, deque(maxlen=SEEN))
        if all(stamp != beat.timestamp_ns for _, stamp in latest):
            latest.append((now_ns, beat.timestamp_ns))
        if len(latest) == SEEN and now_ns - latest[0][0] <= WITHIN_NS:
            self._there[beat.desk] = now_ns
        while len(self._heard) > MAX_NAMES:
            gone, _ = self._heard.popitem(last=False)
            self._there.pop(gone, None)

    @property
    def wrong(self) -> dict[str, str]:
        """What is wrong, by the name of the desk that should not be there."""
        now_ns = self._monotonic_ns()
        self._there = {name: heard_ns for name, heard_ns in self._there.items() if now_ns - heard_ns < GONE_NS}
        return {name: NAMESAKE if name == self._name else STRANGER for name in self._there}
