"""One test press and its way: commanded, arrived by each lane, stored, receipted. Pure.

Rules:
- Times are ns of the desk's monotonic clock, counted from the moment the command was sent.
- A box sends an alarm by its second lane only when no receipt came within 3 s. So the desk holds its receipt back
  until the press came by both lanes, but for at most `HOLD_NS`.
- Whether the receipt arrived the box shows by falling silent: a repeat more than `IN_FLIGHT_NS` after it says no.
- A press counts as in time when it came by either lane within `IN_TIME_NS` and was stored: that is what is promised of
  every press, with one broker dead too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from contract.messages import CommandOutcome, CommandReply, PathHop
from contract.topics import Lane

Hop = PathHop
HOPS: Final[tuple[Hop, ...]] = get_args(Hop)
LANES: Final[tuple[Lane, Lane]] = ("alarm", "telemetry")

By = Literal["schedule", "person", "box"]
"""Who asked for it: the desk by itself, somebody at the desk, somebody at the box."""
Outcome = Literal["good", "late", "broken", "refused", "arrived"]
"""good: every hop in time; late: every hop, the press too late; broken: a hop is missing; refused: the box could not be
tested now, or has nothing to test, which is nobody's fault; arrived: made at the box, not judged."""

_S: Final = 10**9
LIMIT_NS: Final = 10 * _S
HOLD_NS: Final = 6 * _S
IN_FLIGHT_NS: Final = 2 * _S
IN_TIME_NS: Final = 5 * _S
_NOBODYS_FAULT: Final = ("test too soon",)


@dataclass(slots=True)
class Press:
    """A test press that arrived. `held_ns`: until then its receipt waits for the other lane; None: it does not."""

    device: str
    button: str
    event_id: str
    at_ns: int
    by: By = "box"
    arrived: dict[Lane, int] = field(default_factory=dict)
    held_ns: int | None = None
    stored_ns: int | None = None
    receipt_ns: int | None = None
    unheard: bool = False

    def came(self, lane: Lane, now_ns: int) -> None:
        """It came by a lane, for the first time or again."""
        self.arrived.setdefault(lane, now_ns)
        if self.receipt_ns is not None and now_ns - self.receipt_ns > IN_FLIGHT_NS:
            self.unheard = True

    def due(self, now_ns: int) -> bool:
        """Return whether its receipt `stored` may go out."""
        if self.stored_ns is None:
            return False
        return self.held_ns is None or now_ns >= self.held_ns or len(self.arrived) == len(LANES)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a test press. `ms` has the hops that were passed, in ms since the command was sent.

    `suspect` are those of the missing hops that may be the centre's; a box that answered that it could not is not.
    """

    id: str
    device: str
    button: str
    by: By
    at_ns: int
    outcome: Outcome
    event_id: str | None = None
    ms: dict[Hop, float] = field(default_factory=dict)
    missing: tuple[Hop, ...] = ()
    suspect: tuple[Hop, ...] = ()
    detail: str | None = None
    in_time: bool = False

    @property
    def counted(self) -> bool:
        """Whether it says something about the way of an alarm."""
        return self.outcome in ("good", "late", "broken")


@dataclass(slots=True)
class Trial:
    """A test press that was asked for.

    Args:
        id: The command's id.
        device: The box.
        button: Its button.
        by: Who asked.
        at_ns: When, by the centre's clock.
        sent_ns: When, by the monotonic clock.
    """

    id: str
    device: str
    button: str
    by: By
    at_ns: int
    sent_ns: int
    press: Press | None = None
    event_id: str | None = None
    outcome: CommandOutcome | None = None
    answered_ns: int | None = None
    detail: str | None = None

    def answered(self, reply: CommandReply, now_ns: int) -> None:
        """The box answered the command."""
        self.outcome, self.answered_ns = reply.outcome, now_ns
        if reply.outcome != "done":
            self.detail = f"{reply.outcome}: {reply.detail or 'no reason told'}"[:200]

    def is_its(self, device: str, event_id: str, age_ms: int | None, now_ns: int) -> bool:
        """Return whether a test press that arrives may be the one that was asked for; the answer may come later."""
        if device != self.device or self.outcome not in (None, "done"):
            return False
        if self.event_id is not None:
            return event_id == self.event_id
        return self.press is None and age_ms is not None and age_ms * 1_000_000 <= now_ns - self.sent_ns

    def result(self) -> Result:
        """Return what became of it, once its time is over."""
        if self.outcome not in (None, "done") and self.press is None:
            return self._refused()
        passed = self._passed()
        missing = self._missing(passed)
        first = min((passed[lane] for lane in LANES if lane in passed), default=None)
        in_time = first is not None and first <= IN_TIME_NS and "store" in passed
        outcome: Outcome = "broken" if missing else "good" if in_time else "late"
        return self._make(
            outcome,
            ms={hop: round(after_ns / 1e6, 1) for hop, after_ns in passed.items()},
            missing=missing,
            suspect=missing,
            in_time=in_time,
        )

    def _passed(self) -> dict[Hop, int]:
        passed: dict[Hop, int] = {}
        if self.answered_ns is not None:
            passed["command"] = self.answered_ns - self.sent_ns
        if self.press is None:
            return passed
        for lane in LANES:
            if lane in self.press.arrived:
                passed[lane] = self.press.arrived[lane] - self.sent_ns
        if self.press.stored_ns is not None:
            passed["store"] = self.press.stored_ns - self.sent_ns
        if self.press.receipt_ns is not None and not self.press.unheard:
            passed["receipt"] = self.press.receipt_ns - self.sent_ns
        return passed

    def _missing(self, passed: dict[Hop, int]) -> tuple[Hop, ...]:
        """Return the hops that broke it; what lies behind a broken one could not be passed and is not named."""
        if self.press is None:
            return LANES if "command" in passed else ("command",)
        missing: list[Hop] = [hop for hop in HOPS[:3] if hop not in passed]
        behind: tuple[Hop, ...] = HOPS[3:]
        return (*missing, *[hop for hop in behind if hop not in passed][:1])

    def _refused(self) -> Result:
        nobodys = self.outcome == "unknown" or (self.detail or "").endswith(_NOBODYS_FAULT)
        if nobodys:
            return self._make("refused")
        # A box in which the test before still waits never had that one's receipt.
        hop: Hop = "receipt" if (self.detail or "").endswith("test waits") else "command"
        return self._make("broken", missing=(hop,), suspect=("receipt",) if hop == "receipt" else ())

    def _make(
        self,
        outcome: Outcome,
        *,
        ms: dict[Hop, float] | None = None,
        missing: tuple[Hop, ...] = (),
        suspect: tuple[Hop, ...] = (),
        in_time: bool = False,
    ) -> Result:
        return Result(
            id=self.id,
            device=self.device,
            button=self.button,
            by=self.by,
            at_ns=self.at_ns,
            outcome=outcome,
            event_id=None if self.press is None else self.press.event_id,
            ms=ms or {},
            missing=missing,
            suspect=suspect,
            detail=self.detail,
            in_time=in_time,
        )
