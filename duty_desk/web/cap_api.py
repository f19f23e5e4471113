"""Incidents as CAP 1.2 over HTTP, for systems with a token: the feed, and each message."""

from __future__ import annotations

import time
from typing import Annotated, Final

from fastapi import FastAPI, Path, Request
from fastapi.responses import Response

from duty_desk.access.door import Visitor
from duty_desk.access.roles import may_read
from duty_desk.cap.case import Case
from duty_desk.cap.feed import feed
from duty_desk.cap.message import MEDIA_TYPE, Sender, alert
from duty_desk.cap_settings import CapSettings
from duty_desk.desk import DutyDesk
from duty_desk.errors import UnknownIncidentError
from duty_desk.ledger.archive import Archive
from duty_desk.web.acting_api import FAULTS, IncidentId
from duty_desk.web.archive_api import read
from duty_desk.web.cap_cases import case_of, past_case
from duty_desk.web.faults import fault
from duty_desk.web.session_api import needs

OFF: Final = 'desk.toml has no [cap]: add it, such as [cap] sender = "siaga.bandung.go.id" city = "Kota Bandung"'
_LAST_ROW: Final = 2**63 - 1

Number = Annotated[int, Path(ge=1, le=9, description="Which stage, from 1 on.")]


def add_cap(app: FastAPI, desk: DutyDesk, archive: Archive, settings: CapSettings | None) -> None:
    """Add the feed and the messages."""
    sender = None if settings is None else settings.told_by

    @app.get(
        "/api/cap", response_class=Response, responses=_answers("application/atom+xml"), dependencies=[needs("see")]
    )
    async def cap_feed(request: Request) -> Response:
        """Give the feed: the latest message of each incident in memory, which are all that are not over and the latest
        that are."""
        if sender is None:
            return fault(404, "cap_off", OFF)
        cases = [case_of(incident, desk.places) for incident in desk.board.active() + desk.board.ended()]
        base = str(request.url.replace(query="", fragment=""))
        return Response(feed(cases, sender, base=base, now_ns=time.time_ns()), media_type="application/atom+xml")

    @app.get("/api/cap/{incident_id}/{number}", response_class=Response, responses=_answers(MEDIA_TYPE))
    async def cap_message(
        incident_id: IncidentId, number: Number, visitor: Annotated[Visitor, needs("see")]
    ) -> Response:
        """Give the message of a stage of an incident; of one that is over for long to who may read the archive."""
        if sender is None:
            return fault(404, "cap_off", OFF)
        return _message(await _case(desk, archive, incident_id, visitor), number, sender)


def _message(case: Case, number: int, sender: Sender) -> Response:
    try:
        return Response(alert(case, number, sender), media_type=MEDIA_TYPE)
    except IndexError:
        return fault(404, "no_such_stage", f"the incident has had {len(case.stages)} stages so far")


async def _case(desk: DutyDesk, archive: Archive, incident_id: str, visitor: Visitor) -> Case:
    try:
        return case_of(desk.board.find(incident_id), desk.places)
    except UnknownIncidentError:
        if not may_read(visitor.role):
            raise
    told = await read(archive.timeline(incident_id, _LAST_ROW))
    return past_case(told.found, desk.places)


def _answers(media_type: str) -> dict[int | str, dict[str, object]]:
    return {**FAULTS, 200: {"content": {media_type: {}}}}
