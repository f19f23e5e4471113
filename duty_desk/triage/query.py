"""What the ledger has of the buttons within 30 days. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final

from sqlalchemy import Connection, select

from duty_desk.incidents.incident import ENDED
from duty_desk.ledger.tables import INCIDENT
from duty_desk.triage.judge import DAY_NS, DAYS, Case

MAX_CASES: Final = 50_000
"""Incidents looked at, the latest; a city that has more in a month knows without this."""


def cases(connection: Connection, now_ns: int, zone: tzinfo) -> Iterator[Case]:
    """Yield the incidents of the last 30 days that a button, or a fault of one, opened, the latest first.

    The hour of each is of the city's zone.
    """
    columns = (
        INCIDENT.c.device,
        INCIDENT.c.button,
        INCIDENT.c.origin,
        INCIDENT.c.opened_at_ns,
        INCIDENT.c.presses,
        INCIDENT.c.state,
        INCIDENT.c.reason,
    )
    query = (
        select(*columns)
        .where(
            INCIDENT.c.opened_at_ns > now_ns - DAYS[-1] * DAY_NS,
            INCIDENT.c.opened_at_ns <= now_ns,
            INCIDENT.c.status == "Actual",
            INCIDENT.c.origin.in_(("press", "fault")),
            INCIDENT.c.device.is_not(None),
            INCIDENT.c.button.is_not(None),
        )
        .order_by(INCIDENT.c.opened_at_ns.desc())
        .limit(MAX_CASES)
    )
    for row in connection.execute(query):
        yield Case(
            device=row.device,
            button=row.button,
            origin=row.origin,
            opened_at_ns=row.opened_at_ns,
            hour=datetime.fromtimestamp(row.opened_at_ns // 10**9, zone).hour,
            presses=row.presses,
            ended=row.state in ENDED,
            reason=row.reason,
        )
