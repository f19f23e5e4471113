"""What stands between a press and somebody who answers it, as faults that ring. Pure; time is given.

    kind         a fault when                                                        rings after
    nobody       no officer is on duty by the roster                                 at once
    gap          a time without an officer begins within `ahead_h`                   at once
    consoles     fewer screens can ring than there must be                           10 s
    channel      somebody on duty has no channel that works                          at once
    unconfirmed  somebody on duty has not confirmed the shift after `confirm_min`    at once
    roster       the roster's file cannot be read any more, or is gone               at once

A fault that somebody has seen is quiet: for QUIET_NS where a press may reach nobody (`nobody`, `consoles`, `channel`),
else until it ends. One that comes again rings again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

FaultKind = Literal["nobody", "gap", "consoles", "channel", "unconfirmed", "roster"]
KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)
GRAVE: Final[frozenset[FaultKind]] = frozenset({"nobody", "consoles", "channel"})
"""With these a press may reach nobody."""
QUIET_NS: Final = 30 * 60 * 10**9
_DELAY_NS: Final[Mapping[FaultKind, int]] = {"consoles": 10 * 10**9}
_END_NS: Final = 5 * 10**9
"""For so long it must be gone before it is over, so that one that comes and goes is one."""

Key = tuple[FaultKind, str]
"""A fault's kind and whom it is about: an account's name, or empty."""


@dataclass(slots=True)
class Fault:
    """A fault that stands. `detail` is a number or a time for its words; `quiet_ns` until when it does not ring."""

    kind: FaultKind
    who: str
    since_ns: int
    detail: str = ""
    quiet_ns: int | None = None

    def rings(self, now_ns: int) -> bool:
        """Return whether it rings now."""
        return self.quiet_ns is None or now_ns >= self.quiet_ns


class Faults:
    """The faults that stand, and those that are about to begin or end."""

    def __init__(self) -> None:
        self.standing: dict[Key, Fault] = {}
        self._coming: dict[Key, int] = {}
        self._going: dict[Key, int] = {}

    def settle(
        self, found: Mapping[Key, str], *, now_ns: int, monotonic_ns: int, unknown: frozenset[FaultKind] = frozenset()
    ) -> tuple[list[Fault], list[Fault]]:
        """Take what is wrong at this moment, and return the faults that began and those that ended.

        Args:
            found: What is wrong, with the detail of each.
            now_ns: The centre's clock.
            monotonic_ns: The monotonic clock, by which they are waited for.
            unknown: Kinds of which nothing can be said yet; they stay as they are.
        """
        self._coming = {key: self._coming.get(key, monotonic_ns) for key in found if key not in self.standing}
        gone = [key for key in self.standing if key not in found and key[0] not in unknown]
        self._going = {key: self._going.get(key, monotonic_ns) for key in gone}
        began: list[Fault] = []
        for key, detail in found.items():
            known = self.standing.get(key)
            if known is not None:
                known.detail = detail
            elif monotonic_ns - self._coming[key] >= _DELAY_NS.get(key[0], 0):
                began.append(Fault(*key, since_ns=now_ns, detail=detail))
                self.standing[key] = began[-1]
        ended = [self.standing.pop(key) for key, at in self._going.items() if monotonic_ns - at >= _END_NS]
        return began, ended

    def adopt(self, kind: FaultKind, who: str, since_ns: int, detail: str) -> None:
        """Take over a fault that stood before the start."""
        self.standing.setdefault((kind, who), Fault(kind, who, since_ns, detail))

    def over(self, kind: FaultKind, who: str) -> None:
        """Take note that a fault from before the start had ended."""
        self.standing.pop((kind, who), None)

    def seen(self, now_ns: int) -> int:
        """Let all that ring be quiet, as somebody has seen them; return how many that were."""
        ringing = [fault for fault in self.standing.values() if fault.rings(now_ns)]
        for fault in ringing:
            fault.quiet_ns = now_ns + QUIET_NS if fault.kind in GRAVE else 2**63
        return len(ringing)

    def ring(self, now_ns: int) -> bool:
        """Return whether one of them rings now."""
        return any(fault.rings(now_ns) for fault in self.standing.values())
