"""How many bytes a second the uplink takes, measured by the PUBACKs. Pure.

Rules:
- A sample is what was acknowledged since a message was handed to the socket, over that time. It tells less than the
  truth while the link is idle, never much more.
- Up: a better sample raises the estimate, at most to the double in a round trip: a shaped link lets a burst pass at
  once, and bytes too many on a slow link are seconds that an alarm waits behind them.
- Down, at once, only by a sample that the link itself limited: it took 1 s or longer, and its message stood behind
  another one or filled what may be on the way. So an idle link lowers nothing. No average and no windowed maximum: a
  way up costs a few round trips, a slow way down costs minutes at 200 bytes a second.
- What is on the way when a connection ends counts no more; the estimate stays.
"""

from __future__ import annotations

from dataclasses import dataclass

_S = 10**9
GOAL_S = 2
START_BYTES_PER_S = 500.0
FLOOR_BYTES_PER_S = 200.0
OVERHEAD_BYTES = 100
"""Of a message beside its body: topic, MQTT, TLS, TCP and IP headers, about."""
_SLOW_NS = 1 * _S
_SHORTEST_NS = 10**6


@dataclass(frozen=True, slots=True)
class _Sending:
    size: int
    sent_ns: int
    delivered: int
    limited: bool


class UplinkRate:
    """The estimate, and what lacks its PUBACK on the connection that stands."""

    def __init__(self) -> None:
        self.bytes_per_s = START_BYTES_PER_S
        self.measured = False
        """Whether any PUBACK has told of it."""
        self.limits = False
        """Whether the last word was that of a link that limited: the estimate is then the link's rate, else below."""
        self.on_the_way = 0
        """Bytes without PUBACK, overhead included."""
        self._sendings: dict[int, _Sending] = {}
        self._delivered = 0
        self._raised_ns = 0

    @property
    def allowed(self) -> int:
        """Bytes that may be on the way."""
        return int(GOAL_S * self.bytes_per_s)

    def allows(self, body_bytes: int) -> bool:
        """Return whether a body may be sent now: with it at most 2 s of bytes are on the way, or it is alone."""
        return not self._sendings or self.on_the_way + body_bytes + OVERHEAD_BYTES <= self.allowed

    @property
    def full(self) -> bool:
        """Whether nothing more may be sent now, however small."""
        return not self.allows(1)

    def sent(self, sending: int, body_bytes: int, monotonic_ns: int) -> None:
        """A message was handed to the socket."""
        size = body_bytes + OVERHEAD_BYTES
        limited = bool(self._sendings) or size >= self.allowed
        self._sendings[sending] = _Sending(size, monotonic_ns, self._delivered, limited)
        self.on_the_way += size

    def acknowledged(self, sending: int, monotonic_ns: int) -> bool:
        """Hear of a PUBACK; return whether it is of this connection."""
        told = self._sendings.pop(sending, None)
        if told is None:
            return False
        self.on_the_way -= told.size
        self._delivered += told.size
        took_ns = max(_SHORTEST_NS, monotonic_ns - told.sent_ns)
        rate = (self._delivered - told.delivered) * _S / took_ns
        if rate > self.bytes_per_s:
            if told.sent_ns >= self._raised_ns:
                self.limits = self.limits and rate < 2 * self.bytes_per_s
                self.bytes_per_s = min(rate, 2 * self.bytes_per_s)
                self._raised_ns = monotonic_ns
                self.measured = True
        elif took_ns >= _SLOW_NS and told.limited:
            self.bytes_per_s = max(rate, FLOOR_BYTES_PER_S)
            self.limits = self.measured = True
        return True

    def not_sent(self, sending: int) -> bool:
        """A message was not handed to the socket after all; return whether it was counted as on the way."""
        told = self._sendings.pop(sending, None)
        if told is not None:
            self.on_the_way -= told.size
        return told is not None

    def reset(self) -> None:
        """The connection is a new one."""
        self._sendings.clear()
        self.on_the_way = 0
