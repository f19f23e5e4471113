"""The batches that were sent and lack their receipt: when each goes out again. Pure.

Rules:
- At most 8, and on a connection at most 2 s of the measured uplink, or one batch, lack their PUBACK (`uplink_rate.py`).
- What lacks its PUBACK is not sent again on that connection: TCP delivers it, or the connection ends.
- A batch is sent again 30 s after its PUBACK, growing to 5 min, jittered; 5 s after one that says that nobody listened;
  on each new connection; and when a receipt shows that the collector is back.
- Each sending has a number, so that an answer on a connection that has ended changes nothing.
"""

from __future__ import annotations

import random

from contract.identity import body_hash
from edge_agent.batch_commands import Key, SendBatch
from edge_agent.batch_entry import Entry
from edge_agent.uplink_rate import UplinkRate

_S = 10**9
WINDOW = 8
RESEND_FIRST_NS = 30 * _S
RESEND_CAP_NS = 300 * _S
STALE_NS = 5 * _S


class Flight(dict[Key, Entry]):
    """The batches in flight, by key, oldest sending first.

    Args:
        draw: The source of jitter.
    """

    def __init__(self, draw: random.Random) -> None:
        super().__init__()
        self._random = draw
        self.rate = UplinkRate()
        self._sendings: dict[int, Key] = {}
        self._sending = 0
        self._names: dict[str, Key] = {}

    def send(self, key: Key, entry: Entry, monotonic_ns: int) -> SendBatch:
        """Send a batch; it is in flight from now on."""
        self[key] = entry
        self._sending += 1
        self._sendings[self._sending] = key
        self.rate.sent(self._sending, len(entry.body), monotonic_ns)
        entry.attempts += 1
        entry.sent = True
        entry.resend_ns = None
        if not entry.name:
            entry.name = body_hash(entry.body)
        self._names[entry.name] = key
        return SendBatch(key, entry.body, self._sending)

    def again(self, monotonic_ns: int) -> list[tuple[Key, Entry]]:
        """Return what is due to be sent again."""
        return [(key, one) for key, one in self.items() if one.resend_ns is not None and one.resend_ns <= monotonic_ns]

    def moments(self) -> list[int]:
        """Return when batches are due to be sent again."""
        return [entry.resend_ns for entry in self.values() if entry.resend_ns is not None]

    def named(self, name: str) -> Key | None:
        """Return the key of the batch whose body has this hash."""
        return self._names.get(name)

    def take(self, key: Key) -> Entry | None:
        """Remove a batch."""
        entry = self.pop(key, None)
        if entry is not None:
            self._names.pop(entry.name, None)
        return entry

    def connected(self, monotonic_ns: int) -> None:
        """A new connection stands: what was in flight on the old one may be lost and is due again."""
        self.rate.reset()
        self._sendings.clear()
        for entry in self.values():
            entry.resend_ns = monotonic_ns

    def not_sent(self, sending: int) -> None:
        """A sending was not handed to the socket: its batch waits for the next connection."""
        self.rate.not_sent(sending)
        self._sendings.pop(sending, None)

    def acknowledged(self, sending: int, monotonic_ns: int, *, heard: bool) -> None:
        """The broker answered a sending with a PUBACK, which may say that nobody listened."""
        self.rate.acknowledged(sending, monotonic_ns)
        entry = self.get(self._sendings.pop(sending, ("", 0)))
        if entry is not None:
            wait_ns = min(RESEND_CAP_NS, RESEND_FIRST_NS * 2 ** min(entry.attempts - 1, 10)) if heard else STALE_NS
            entry.answered_ns = monotonic_ns
            entry.resend_ns = monotonic_ns + int(wait_ns * (0.8 + 0.4 * self._random.random()))

    def hurry(self, monotonic_ns: int) -> None:
        """A receipt shows that the collector is there: what it has left unanswered for a while was lost."""
        for entry in self.values():
            if entry.resend_ns is not None and monotonic_ns - entry.answered_ns >= STALE_NS:
                entry.resend_ns = min(entry.resend_ns, monotonic_ns)
