"""What the test presses tell: the share in time, the error budget, how long each hop takes, how each box is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Integer, cast, func, select

from duty_desk.synthetic.book import SYNTHETIC
from duty_desk.synthetic.trial import HOPS, Hop

TARGET: Final = 0.999
"""The share of test presses that shall be in time: of 30 days 43 minutes may be lost."""
DAY_NS: Final = 86_400 * 10**9
BUDGET_DAYS: Final = 30
_MOST_BOXES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Share:
    """Of how many tests so many were in time, within so many days."""

    days: int
    tests: int
    in_time: int

    @property
    def share(self) -> float | None:
        """0 to 1; None without tests."""
        return self.in_time / self.tests if self.tests else None

    @property
    def budget_left(self) -> float | None:
        """The part of the error budget that is left, 1 to 0, and below 0 when it is overdrawn; None without tests."""
        if not self.tests:
            return None
        return 1 - (self.tests - self.in_time) / (self.tests * (1 - TARGET))


@dataclass(frozen=True, slots=True)
class Taken:
    """How long a hop took since the command was sent, in ms, over the last day."""

    hop: Hop
    count: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Last:
    """The last test of a box, by command or by hand."""

    device: str
    button: str
    at_ns: int
    by: str
    outcome: str
    missing: tuple[str, ...]
    detail: str | None
    alarm_ms: float | None
    telemetry_ms: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything the page shows but what is broken now."""

    shares: tuple[Share, ...]
    hops: tuple[Taken, ...]
    boxes: tuple[Last, ...]


NOTHING: Final = Summary(
    shares=(Share(1, 0, 0), Share(BUDGET_DAYS, 0, 0)),
    hops=tuple(Taken(hop, 0, None, None) for hop in HOPS),
    boxes=(),
)
"""What is told before anything was kept."""


def summarize(connection: Connection, now_ns: int) -> Summary:
    """Return what the table tells."""
    return Summary(
        shares=tuple(_share(connection, now_ns, days) for days in (1, BUDGET_DAYS)),
        hops=tuple(_taken(connection, now_ns, hop) for hop in HOPS),
        boxes=tuple(_lasts(connection)),
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest of these sorted values that so large a share of them is not above; None without any."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None


def _share(connection: Connection, now_ns: int, days: int) -> Share:
    query = select(func.count(), func.coalesce(func.sum(cast(SYNTHETIC.c.in_time, Integer)), 0)).where(
        SYNTHETIC.c.at_ns >= now_ns - days * DAY_NS, SYNTHETIC.c.counted
    )
    tests, in_time = connection.execute(query).one()
    return Share(days, int(tests), int(in_time))


def _taken(connection: Connection, now_ns: int, hop: Hop) -> Taken:
    column = SYNTHETIC.c[f"{hop}_ms"]
    query = select(column).where(SYNTHETIC.c.at_ns >= now_ns - DAY_NS, column.is_not(None)).order_by(column)
    values = list(connection.execute(query).scalars())
    return Taken(hop, len(values), percentile(values, 0.5), percentile(values, 0.99))


def _lasts(connection: Connection) -> list[Last]:
    newest = (
        select(SYNTHETIC.c.device, func.max(SYNTHETIC.c.at_ns).label("at_ns")).group_by(SYNTHETIC.c.device).subquery()
    )
    query = (
        select(SYNTHETIC)
        .join(newest, (SYNTHETIC.c.device == newest.c.device) & (SYNTHETIC.c.at_ns == newest.c.at_ns))
        .order_by(SYNTHETIC.c.device)
        .limit(_MOST_BOXES)
    )
    lasts = {
        row.device: Last(
            device=row.device,
            button=row.button,
            at_ns=row.at_ns,
            by=row.by,
            outcome=row.outcome,
            missing=tuple(row.missing.split()),
            detail=row.detail,
            alarm_ms=row.alarm_ms,
            telemetry_ms=row.telemetry_ms,
        )
        for row in connection.execute(query)
    }
    return list(lasts.values())
