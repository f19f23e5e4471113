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
- On each path at most 4 presses lack their PUBACK, growing to 16 while it comes within 1 s: a thousand that wait go out
  one after the other, the one that was not sent for longest first. Only a new press goes out beside them, at once.
- A button chatters when 32 of its presses wait, or came within 60 s. Its next press is an event like the others, on the
  card at once, but it is held back: the presses after it join it, and it goes out when it is 5 s old and fewer than 32
  of its button wait, saying how often and for how long. So the first and the last are told, none is left out, and a
  button costs 33 events however long the desk is dead. How many joined is in memory only; a restart begins a new event.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Literal

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
SINGLE_PRESSES: Final = 32
CHATTER_NS: Final = 60 * _S
JOIN_NS: Final = 5 * _S
WINDOW_LEAST: Final = 4
WINDOW_MOST: Final = 16
_QUICK_NS: Final = 1 * _S
_LOOK_NS: Final = 1 * _S
_HASHES_KEPT = 16
"""Bodies of one press differ in age and attempt; the desk may name a refused one by any of their hashes."""


@dataclass(frozen=True, slots=True)
class Send:
    """Publish this body on the alarm topic by that lane's session, wait so long for its PUBACK, tell `answered`."""

    event_id: str
    path: Lane
    body: bytes
    puback_timeout_s: float
    at_ns: int


@dataclass(frozen=True, slots=True)
class KeptPress:
    """A press as the outbox keeps it: frozen when it happened.

    `monotonic_ns` is the moment of the edge by the clock of boot `boot`. `board` is the port and the number of a press
    that a board keeps until it is stored here.
    """

    press: Press
    boot: str
    monotonic_ns: int
    board: tuple[str, int] | None = None


@dataclass(slots=True)
class _Entry:
    """`held_ns`: it is held back at least until then. `joined`: presses it tells beside its own, to `last_ns`."""

    kept: KeptPress
    next_ns: int
    at_once: bool
    taken_ns: int
    held_ns: int | None = None
    joined: int = 0
    last_ns: int = 0
    sent_ns: int = -1
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
        self._of_button: Counter[str] = Counter()
        self._recent: dict[str, deque[int]] = {}
        self._held: dict[str, _Entry] = {}
        self._blocked: dict[str, _Entry] = {}
        self._on_way: Counter[Lane] = Counter()
        self._window: dict[Lane, int] = {"alarm": WINDOW_LEAST, "telemetry": WINDOW_LEAST}
        self._still_until_ns = -STANDSTILL_NS
        self.produced = 0
        self.receipted = 0

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._entries

    def waiting(self) -> list[KeptPress]:
        """Return the presses without receipt, oldest first."""
        return [entry.kept for entry in self._entries.values()]

    def ages(self) -> Iterator[tuple[Press, int]]:
        """Yield the presses without receipt, oldest first, and when each came here by the monotonic clock."""
        for entry in self._entries.values():
            yield entry.kept.press, entry.taken_ns

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def chattering(self) -> dict[str, int]:
        """The buttons that chatter, and how many presses have joined the one that is held back."""
        return {button: entry.joined for button, entry in self._held.items()}

    def join(self, button: str, monotonic_ns: int) -> bool:
        """Hear of a press; return whether it joined the event of its button that is held back. Else it is an event."""
        entry = self._held.get(button)
        if entry is None:
            return False
        entry.joined += 1
        entry.last_ns = monotonic_ns
        return True

    def take(self, kept: KeptPress, monotonic_ns: int, *, restored: bool = False) -> None:
        """Take a press, new or (`restored`) from the outbox; a new one is due at once, if it is not held back."""
        if kept.press.event_id in self._entries:
            return
        button = kept.press.button
        entry = _Entry(kept, monotonic_ns, at_once=not restored, taken_ns=monotonic_ns)
        new = not restored and kept.press.status == "Actual"  # a real press never joins a test
        if new and button not in self._held and self._chatters(button, monotonic_ns):
            entry.held_ns = entry.next_ns = monotonic_ns + JOIN_NS
            self._held[button] = entry
        self._entries[kept.press.event_id] = entry
        self._of_button[button] += 1
        self.produced += 1
        if monotonic_ns >= self._still_until_ns + STANDSTILL_NS:
            self._still_until_ns = monotonic_ns + STANDSTILL_NS

    def due(self, monotonic_ns: int) -> list[Send]:
        """Return what must be sent now, and count it as sent: what is new, then what was not sent for longest."""
        ready = [entry for entry in self._entries.values() if entry.next_ns <= monotonic_ns]
        ready.sort(key=lambda entry: (not entry.at_once, entry.sent_ns))
        commands: list[Send] = []
        for entry in ready:
            if entry.held_ns is not None and not self._release(entry):
                entry.next_ns = monotonic_ns + _LOOK_NS
                continue
            paths = [path for path in self._paths(entry, monotonic_ns) if entry.at_once or self._has_room(path)]
            if not paths:
                entry.next_ns = monotonic_ns + _LOOK_NS
                self._blocked[entry.kept.press.event_id] = entry
                continue
            commands.extend(self._send(entry, paths, monotonic_ns))
        return commands

    def answered(self, send: Send, monotonic_ns: int, *, acknowledged: bool) -> None:
        """A sending came to its end: with its PUBACK, or without."""
        path = send.path
        self._on_way[path] = max(0, self._on_way[path] - 1)
        quick = acknowledged and monotonic_ns - send.at_ns <= _QUICK_NS
        self._window[path] = min(WINDOW_MOST, self._window[path] + 1) if quick else WINDOW_LEAST
        for event_id in list(islice(self._blocked, max(0, self._window[path] - self._on_way[path]))):
            entry = self._blocked.pop(event_id)
            entry.next_ns = min(entry.next_ns, monotonic_ns)

    def next_ns(self) -> int | None:
        """Return when `due` should be asked again, by the monotonic clock; None while nothing waits."""
        return min((entry.next_ns for entry in self._entries.values()), default=None)

    def connected(self, monotonic_ns: int) -> None:
        """A new connection stands on either session: everything goes out again at once."""
        for entry in self._entries.values():
            if entry.held_ns is None:
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
        self._blocked.pop(event_id, None)
        button = entry.kept.press.button
        self._of_button[button] -= 1
        self.receipted += 1
        held = self._held.get(button)
        if held is entry:
            del self._held[button]
        elif held is not None and held.held_ns is not None:
            held.next_ns = held.held_ns
        return event_id, "forget"

    def telemetry_stands_still_until_ns(self) -> int | None:
        """Return until when telemetry must wait for the presses, by the monotonic clock; None when it need not."""
        return self._still_until_ns if len(self._entries) > len(self._held) else None

    def _chatters(self, button: str, monotonic_ns: int) -> bool:
        recent = self._recent.setdefault(button, deque(maxlen=SINGLE_PRESSES))
        often = len(recent) == SINGLE_PRESSES and monotonic_ns - recent[0] < CHATTER_NS
        recent.append(monotonic_ns)
        return often or self._of_button[button] >= SINGLE_PRESSES

    def _release(self, entry: _Entry) -> bool:
        """Let a press go that is held back, if fewer of its button wait; from here on it never changes again."""
        press = entry.kept.press
        if self._of_button[press.button] > SINGLE_PRESSES:
            return False
        if entry.joined:
            lasting_s = (entry.last_ns - entry.kept.monotonic_ns) / _S
            told = (
                f"ditekan {entry.joined + 1} kali dalam {lasting_s:.1f} s / "
                f"pressed {entry.joined + 1} times within {lasting_s:.1f} s"
            )
            detail = told if press.detail is None else f"{told}; {press.detail}"[:500]
            entry.kept = replace(entry.kept, press=press.model_copy(update={"detail": detail}))
        entry.held_ns = None
        del self._held[press.button]
        return True

    def _paths(self, entry: _Entry, monotonic_ns: int) -> tuple[Lane, ...]:
        unanswered_ns = monotonic_ns if entry.unanswered_ns is None else entry.unanswered_ns
        return ("alarm", "telemetry") if monotonic_ns - unanswered_ns >= SECOND_PATH_AFTER_NS else ("alarm",)

    def _has_room(self, path: Lane) -> bool:
        return self._on_way[path] < self._window[path]

    def _send(self, entry: _Entry, paths: list[Lane], monotonic_ns: int) -> list[Send]:
        entry.attempts += 1
        entry.at_once = False
        self._blocked.pop(entry.kept.press.event_id, None)
        entry.sent_ns = monotonic_ns
        if entry.unanswered_ns is None:
            entry.unanswered_ns = monotonic_ns
        wait_ns = RESEND_AFTER_NS[min(entry.attempts, len(RESEND_AFTER_NS)) - 1]
        entry.next_ns = monotonic_ns + wait_ns
        body = self._body(entry, monotonic_ns)
        entry.hashes = [*entry.hashes, body_hash(body)][-_HASHES_KEPT:]
        timeout_s = PUBACK_TIMEOUTS_S[min(entry.attempts, len(PUBACK_TIMEOUTS_S)) - 1]
        self._on_way.update(paths)
        return [Send(entry.kept.press.event_id, path, body, timeout_s, monotonic_ns) for path in paths]

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
