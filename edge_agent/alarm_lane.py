"""When a press is sent, on which path, and when it may be forgotten. Pure: events and monotonic time in, commands out.

Rules (DESIGN, "Two lanes"):
- A press is sent the moment it happens, whether or not it is on the disk yet.
- No PUBACK in 2 s: the connection it went by is believed dead and made new. With each attempt the patience doubles, up
  to 16 s: on a link whose round trip takes longer than 2 s, no receipt would ever outrun the next new connection.
- No receipt in 3 s: from then on it also goes by the telemetry session.
- It is sent again after 1, 2, 4, 8, then every 10 s, and at once on each new connection, until the receipt `stored`.
- Any receipt shows that the path works; only `stored` lets the box forget.
- After the desk answered, the second path rests; a later sending that nobody answers for 3 s wakes it again.
- While a press lacks its receipt, telemetry stands still: for at most 60 s, and then not again for 60 s, however many
  presses come.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contract.errors import BodyError
from contract.identity import body_hash
from contract.messages import AlarmReceipt, Press, decode, encode
from contract.time_quality import is_trusted
from contract.topics import Lane
from edge_agent.clock import Clock

PUBACK_TIMEOUTS_S = (2.0, 4.0, 8.0, 16.0)
_S = 10**9
SECOND_PATH_AFTER_NS = 3 * _S
RESEND_AFTER_NS = (1 * _S, 2 * _S, 4 * _S, 8 * _S, 10 * _S)
STANDSTILL_NS = 60 * _S
_HASHES_KEPT = 16
"""Bodies of one press differ in age and attempt; the desk may name a refused one by any of their hashes."""


@dataclass(frozen=True, slots=True)
class Send:
    """Publish this body on the alarm topic, by that lane's session, and wait so long for its PUBACK."""

    event_id: str
    path: Lane
    body: bytes
    puback_timeout_s: float


@dataclass(frozen=True, slots=True)
class KeptPress:
    """A press as the outbox keeps it: frozen when it happened.

    `monotonic_ns` is the moment of the edge by the clock of boot `boot`.
    """

    press: Press
    boot: str
    monotonic_ns: int


@dataclass(slots=True)
class _Entry:
    kept: KeptPress
    next_ns: int
    attempts: int = 0
    unanswered_ns: int | None = None
    hashes: list[str] = field(default_factory=list)


class AlarmLane:
    """The presses of one box that still lack their receipt.

    Args:
        boot: The kernel's boot id: monotonic times compare only within one boot.
        clock: The box's clock, for the age of a press from before a reboot.
    """

    def __init__(self, boot: str, clock: Clock) -> None:
        self._boot = boot
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._still_until_ns = -STANDSTILL_NS
        self.produced = 0
        self.receipted = 0

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._entries

    def waiting(self) -> list[KeptPress]:
        """Return the presses without receipt, oldest first."""
        return [entry.kept for entry in self._entries.values()]

    def __len__(self) -> int:
        return len(self._entries)

    def take(self, kept: KeptPress, monotonic_ns: int) -> None:
        """Take a press, new or from the outbox; `due` sends it at once."""
        if kept.press.event_id in self._entries:
            return
        self._entries[kept.press.event_id] = _Entry(kept, monotonic_ns)
        self.produced += 1
        if monotonic_ns >= self._still_until_ns + STANDSTILL_NS:
            self._still_until_ns = monotonic_ns + STANDSTILL_NS

    def due(self, monotonic_ns: int) -> list[Send]:
        """Return what must be sent now, oldest press first, and count it as sent."""
        commands: list[Send] = []
        for event_id, entry in self._entries.items():
            if entry.next_ns > monotonic_ns:
                continue
            entry.attempts += 1
            if entry.unanswered_ns is None:
                entry.unanswered_ns = monotonic_ns
            wait_ns = RESEND_AFTER_NS[min(entry.attempts, len(RESEND_AFTER_NS)) - 1]
            entry.next_ns = monotonic_ns + wait_ns
            second = monotonic_ns - entry.unanswered_ns >= SECOND_PATH_AFTER_NS
            paths: tuple[Lane, ...] = ("alarm", "telemetry") if second else ("alarm",)
            body = self._body(entry, monotonic_ns)
            entry.hashes = [*entry.hashes, body_hash(body)][-_HASHES_KEPT:]
            timeout_s = PUBACK_TIMEOUTS_S[min(entry.attempts, len(PUBACK_TIMEOUTS_S)) - 1]
            commands.extend(Send(event_id, path, body, timeout_s) for path in paths)
        return commands

    def next_ns(self) -> int | None:
        """Return when `due` should be asked again, by the monotonic clock; None while nothing waits."""
        return min((entry.next_ns for entry in self._entries.values()), default=None)

    def connected(self, monotonic_ns: int) -> None:
        """A new connection stands on either session: everything goes out again at once."""
        for entry in self._entries.values():
            entry.next_ns = min(entry.next_ns, monotonic_ns)

    def receipt(self, receipt: AlarmReceipt) -> tuple[str, Literal["kept", "forget"]] | None:
        """Hear a receipt.

        Returns:
            The event id it is about and whether the outbox may forget it; None when it is about no press kept here.
        """
        event_id = receipt.event_id
        if event_id is None:
            event_id = next(
                (known for known, entry in self._entries.items() if receipt.body_sha256 in entry.hashes), None
            )
        entry = self._entries.get(event_id) if event_id is not None else None
        if event_id is None or entry is None:
            return None
        if receipt.stage == "ringing":
            entry.unanswered_ns = None
            return event_id, "kept"
        del self._entries[event_id]
        self.receipted += 1
        return event_id, "forget"

    def telemetry_stands_still_until_ns(self) -> int | None:
        """Return until when telemetry must wait for the presses, by the monotonic clock; None when it need not."""
        return self._still_until_ns if self._entries else None

    def _body(self, entry: _Entry, monotonic_ns: int) -> bytes:
        kept = entry.kept
        age_ms: int | None
        if kept.boot == self._boot:
            age_ms = max(0, monotonic_ns - kept.monotonic_ns) // 1_000_000
        elif self._clock.trusted and is_trusted(kept.press.clock):
            age_ms = max(0, self._clock.time_ns(monotonic_ns) - kept.press.pressed_at_ns) // 1_000_000
        else:
            age_ms = None
        return encode(kept.press.model_copy(update={"age_ms": age_ms, "attempt": entry.attempts}))


def decode_receipt(body: bytes, device: str) -> AlarmReceipt | None:
    """Return an alarm receipt for this device, or None for a body that is none."""
    try:
        receipt = decode(AlarmReceipt, body)
    except BodyError:
        return None
    return receipt if receipt.device == device else None
