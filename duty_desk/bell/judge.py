"""When the bell sounds. Pure: what was heard and monotonic time go in, causes and events come out.

| cause | stands while |
|---|---|
| `desk` | neither broker brought a heartbeat of the desk for DESK_NS |
| `alarm broker`, `telemetry broker` | this one brought none for BROKER_NS, and the other did |
| `press BOX/BUTTON` | a press that is meant was heard RECEIPT_NS ago, and the desk gave no receipt for it |

Rules:
- A cause that begins, sounds. It sounds until it is silenced at the bell, even when the cause is over by then: what
  happened while nobody listened is not to go unseen.
- Silenced are the causes that stand then. Any other one sounds as ever; the same one again once it was over, or after
  AGAIN_NS if it is not.
- A broker has longer than the desk: it and everybody's connections to it may come again in that time, and the other
  broker carries presses meanwhile. Both are within the 10 s that a death may be silent.
- A receipt is one of any stage: with `ringing` the desk's screens ring, and that it cannot record it says itself.
- A press comes by two brokers, so a copy of it may be heard after its receipt. One that the desk stored waits no more,
  however often it is heard; one that it only rings for waits anew when it is heard RECEIPT_NS after that receipt.
- Presses that are a test or a drill are counted and never sound; without a heartbeat they would not be needed either.
- While the bell itself stood still it heard nothing: that time counts for nobody's silence.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from contract.topics import Lane

DESK_NS: Final = 6 * 10**9
BROKER_NS: Final = 8 * 10**9
RECEIPT_NS: Final = 6 * 10**9
START_NS: Final = 10 * 10**9
"""Without any heartbeat since the start: the bell's own connections come first."""
AGAIN_NS: Final = 30 * 60 * 10**9
STOOD_NS: Final = 2 * 10**9
"""A pause between two ticks that is longer than this was the bell's own."""
MAX_PRESSES: Final = 1_000
"""Presses that wait for a receipt, and receipts that are remembered; of more the first presses sound, and that is
enough."""
FORGET_NS: Final = 10 * 60 * 10**9
"""A press that its box did not send again for so long waits no more: boxes send again each 10 s."""
_LANES: Final[tuple[Lane, Lane]] = ("alarm", "telemetry")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why it sounds. `key` names it; `place` is the device and button of a press, `at_ns` when that was made, by the
    centre's clock."""

    key: str
    words: str
    place: tuple[str, str] | None = None
    at_ns: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """It began to sound for `causes`, or was silenced while they stood."""

    what: Literal["sounded", "silenced"]
    causes: tuple[Cause, ...]


@dataclass(slots=True)
class _Waiting:
    cause: Cause
    names: frozenset[str]
    heard_ns: int
    again_ns: int


class Judge:
    """Judges what a bell hears. Moments are of CLOCK_MONOTONIC, in ns.

    Args:
        started_ns: When the bell began to listen.
    """

    def __init__(self, started_ns: int) -> None:
        self.sounding = False
        self.counts: Counter[Literal["press", "test"]] = Counter()
        self._heard_ns: dict[Lane, int] = dict.fromkeys(_LANES, started_ns + START_NS - DESK_NS)
        self._brought: set[Lane] = set()
        self._ticked_ns = started_ns
        self._waiting: dict[str, _Waiting] = {}
        self._covered: OrderedDict[str, int | None] = OrderedDict()
        """Names that had a receipt: until when a copy of the press is covered by it, None for ever."""
        self._counted: OrderedDict[str, None] = OrderedDict()
        self._known: dict[str, Cause] = {}
        self._silenced_ns: dict[str, int] = {}

    def heartbeat(self, lane: Lane, now_ns: int) -> None:
        """The desk was heard by this broker."""
        if "desk" in self._known:
            # It is back: the other broker's time begins anew, as it has just come to both.
            self._heard_ns = dict.fromkeys(_LANES, now_ns)
        self._brought.add(lane)
        self._heard_ns[lane] = now_ns

    def press(self, cause: Cause, names: Iterable[str], meant: bool, now_ns: int) -> None:
        """A press was heard, for the first time or again.

        Args:
            cause: What to say of it; its key is the press's own.
            names: By which a receipt may name it.
            meant: Whether it is a real one; else it is counted only.
            now_ns: When.
        """
        if cause.key not in self._counted:
            self.counts["press" if meant else "test"] += 1
            self._counted[cause.key] = None
            if len(self._counted) > MAX_PRESSES:
                self._counted.popitem(last=False)
        if (waiting := self._waiting.get(cause.key)) is not None:
            waiting.again_ns = now_ns
        elif meant and len(self._waiting) < MAX_PRESSES:
            known = frozenset(names)
            if not any(self._is_covered(name, now_ns) for name in known):
                self._waiting[cause.key] = _Waiting(cause, known, now_ns, now_ns)

    def receipt(self, name: str, stored: bool, now_ns: int) -> None:
        """The desk has the press of this name, and has stored it or only rings for it so far."""
        for key in [key for key, waiting in self._waiting.items() if name in waiting.names]:
            del self._waiting[key]
        if stored or self._covered.get(name, 0) is not None:
            self._covered[name] = None if stored else now_ns + RECEIPT_NS
        self._covered.move_to_end(name)
        if len(self._covered) > MAX_PRESSES:
            self._covered.popitem(last=False)

    def tick(self, now_ns: int) -> list[Event]:
        """Look again, some times a second; return what began."""
        stood_ns, self._ticked_ns = now_ns - self._ticked_ns, now_ns
        if stood_ns > STOOD_NS:
            self._forgive(stood_ns)
        for key in [key for key, each in self._waiting.items() if now_ns - each.again_ns >= FORGET_NS]:
            del self._waiting[key]
        standing = {cause.key: cause for cause in self._standing(now_ns)}
        self._silenced_ns = {
            key: at for key, at in self._silenced_ns.items() if key in standing and now_ns - at < AGAIN_NS
        }
        before, self._known = self._known, standing
        fresh = [
            cause
            for key, cause in standing.items()
            if key not in self._silenced_ns and (key not in before or not self.sounding)
        ]
        if not fresh:
            return []
        self.sounding = True
        return [Event("sounded", tuple(fresh))]

    def silence(self, now_ns: int) -> list[Event]:
        """Somebody at the bell silenced it; return that, or nothing when it was silent."""
        if not self.sounding:
            return []
        self.sounding = False
        self._silenced_ns |= dict.fromkeys(self._known, now_ns)
        return [Event("silenced", tuple(self._known.values()))]

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What stands at present, silenced or not."""
        return tuple(self._known.values())

    @property
    def silenced(self) -> bool:
        """Whether something stands that was silenced."""
        return bool(self._silenced_ns) and not self.sounding

    def heard(self) -> dict[Lane, bool]:
        """Return which brokers brought a heartbeat since the start."""
        return {lane: lane in self._brought for lane in _LANES}

    def late(self, now_ns: int) -> list[Lane]:
        """Return the brokers that brought no heartbeat for DESK_NS: a fault to show, soon one to sound for."""
        return [lane for lane in _LANES if now_ns - self._heard_ns[lane] >= DESK_NS]

    def _standing(self, now_ns: int) -> list[Cause]:
        if all(now_ns - heard_ns >= DESK_NS for heard_ns in self._heard_ns.values()):
            found = [Cause("desk", "desk")]
        else:
            late = [lane for lane in _LANES if now_ns - self._heard_ns[lane] >= BROKER_NS]
            found = [Cause(f"{lane} broker", f"{lane} broker") for lane in late]
        found += [each.cause for each in self._waiting.values() if now_ns - each.heard_ns >= RECEIPT_NS]
        return found

    def _is_covered(self, name: str, now_ns: int) -> bool:
        until_ns = self._covered.get(name, 0)
        return until_ns is None or now_ns < until_ns

    def _forgive(self, stood_ns: int) -> None:
        """Take a time in which the bell itself was deaf out of every silence."""
        for lane in _LANES:
            self._heard_ns[lane] += stood_ns
        for each in self._waiting.values():
            each.heard_ns += stood_ns
        for name, until_ns in self._covered.items():
            if until_ns is not None:
                self._covered[name] = until_ns + stood_ns
