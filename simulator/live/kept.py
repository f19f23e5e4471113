"""A small file by which a living city goes on where it was after a restart, and tells no past twice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from simulator.history.plan import Plan
from simulator.live.city import LASTS_NS, city_from


@dataclass(frozen=True, slots=True)
class Kept:
    """When its city began, from when on it has a past, and up to when the store has it; in ns since 1970."""

    started_ns: int
    past_from_ns: int
    written_ns: int

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """Return what a file has, or None when there is none that can be read."""
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            return cls(**{name: int(values[name]) for name in cls.__slots__})
        except (OSError, ValueError, TypeError, LookupError):
            return None

    def write(self, file: Path) -> None:
        """Write it, so that a reader sees the old or the new, never half of it.

        Raises:
            OSError: It cannot be written.
        """
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        fresh.replace(file)

    @property
    def plan(self) -> Plan:
        """The city."""
        return city_from(self.started_ns, self.past_from_ns)


def going_on(before: Kept | None, now_ns: int) -> Kept:
    """Return the city to go on with: the one before, or when its time is over a new one that has no past it had."""
    if before is not None and before.started_ns <= now_ns < before.plan.end_ns and before.written_ns <= now_ns:
        return before
    past_from_ns = 0 if before is None else min(before.written_ns, now_ns)
    return Kept(now_ns, past_from_ns, max(past_from_ns, now_ns - LASTS_NS))
