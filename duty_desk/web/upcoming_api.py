"""What will happen next to each incident that nobody answered, as a page and for other systems; and the channels."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import FastAPI

from duty_desk.access.door import Visitor
from duty_desk.access.roles import may_read
from duty_desk.desk import DutyDesk
from duty_desk.incidents.clock import Now
from duty_desk.web.acting_api import IncidentId
from duty_desk.web.faults import Fault
from duty_desk.web.pages import add_page
from duty_desk.web.session_api import needs
from duty_desk.web.upcoming_view import ChannelViews, Desk, UpcomingView, UpcomingViews, channels, upcoming, upcoming_of

_FAULTS: Final[dict[int | str, dict[str, Any]]] = {status: {"model": Fault} for status in (401, 403)}


def add_upcoming(
    app: FastAPI, desk: DutyDesk, now_ns: Now = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns
) -> None:
    """Add the page and what it reads."""

    def seen() -> Desk:
        return Desk(
            escalation=desk.ringing.escalation,
            pager=desk.pager,
            places=desk.places,
            display=desk.duty.display,
            wall_ns=now_ns(),
            monotonic_ns=monotonic_ns(),
            screens=desk.ringing.screens.ringing(),
        )

    add_page(app, "upcoming", "see")

    @app.get("/api/upcoming", responses=_FAULTS)
    async def what_comes(visitor: Annotated[Visitor, needs("see")]) -> UpcomingViews:
        """Tell the steps of each incident that nobody answered: when, who, by what, what was tried and how that went.

        An address that a caller told is null for who may not see the archive.
        """
        return upcoming(desk.board.active(), seen(), veil=not may_read(visitor.role))

    @app.get("/api/upcoming/{incident_id}", responses=_FAULTS | {404: {"model": Fault}})
    async def what_comes_of(incident_id: IncidentId, visitor: Annotated[Visitor, needs("see")]) -> UpcomingView | None:
        """Tell the same of one incident; null when somebody answered it."""
        return upcoming_of(desk.board.find(incident_id), seen(), veil=not may_read(visitor.role))

    @app.get("/api/channels", dependencies=[needs("see")], responses=_FAULTS)
    async def what_reaches() -> ChannelViews:
        """Tell the channels by which people are paged: whether each can be counted on, and whom on duty it reaches."""
        return channels(seen())
