"""Past incidents over HTTP: search, timeline, notes and export. The ledger is read in threads, beside the alarms."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from datetime import tzinfo
from typing import Annotated, Final, TypeVar

from fastapi import Depends, FastAPI, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from contract.messages import AlertStatus, IncidentOrigin, IncidentState
from duty_desk.access.audit import audit_record
from duty_desk.access.door import Visitor
from duty_desk.access.roles import may_read
from duty_desk.acts import Acts
from duty_desk.desk import DutyDesk
from duty_desk.errors import LedgerUnreadableError, UnknownIncidentError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.incident import Incident
from duty_desk.ledger.archive import MAX_PAGE, Archive
from duty_desk.ledger.archive_query import MAX_PLACES, MAX_TEXT, Filter, Found, Timeline
from duty_desk.ledger.export import csv_lines, parse_time
from duty_desk.web.acting_api import FAULTS, IncidentId
from duty_desk.web.archive_view import PastIncident, PastIncidents, past_incident
from duty_desk.web.bodies import Write
from duty_desk.web.pages import add_page
from duty_desk.web.session_api import actor, needs
from duty_desk.web.timeline import LineView, pending, recorded
from duty_desk.web.veil import veiled_line, veiled_past
from duty_desk.web.view import Places

_DAY_NS: Final = 86_400 * 1_000_000_000
_A_DATE: Final = len("2026-11-22")
_MAX_ROW: Final = 2**63 - 1
_MAX_NS: Final = 2**63 - 1

T = TypeVar("T")
When = Annotated[str | None, Query(max_length=40, examples=["2026-11-22", "2026-11-22T07:30:00+07:00"])]


class TimelineView(BaseModel):
    """What happened with an incident, in order; `after` begins the next part, null at the end.

    `incident` is null while the ledger has nothing of it. `ledger_fault` says why the ledger cannot be read: the lines
    are then those that memory has.
    """

    incident: PastIncident | None
    lines: list[LineView]
    after: int | None
    ledger_fault: str | None = None


class NoteView(BaseModel):
    """The note as it stands in the timeline."""

    line: LineView


class Search:
    """What is looked for, from the query."""

    def __init__(
        self,
        from_: Annotated[
            When, Query(alias="from", description="Opened from then on; ISO 8601, without an offset the city's.")
        ] = None,
        to: Annotated[When, Query(description="Opened before then; a date alone: until its end.")] = None,
        state: Annotated[list[IncidentState] | None, Query(description="Any of these.")] = None,
        origin: Annotated[list[IncidentOrigin] | None, Query(description="Any of these.")] = None,
        status: Annotated[list[AlertStatus] | None, Query(description="Any of these.")] = None,
        text: Annotated[
            str, Query(max_length=MAX_TEXT, description="In id, device, button, address, caller or a note.")
        ] = "",
        officer: Annotated[str, Query(max_length=80, description="The whole name of somebody who did something.")] = "",
    ) -> None:
        self._from, self._to = from_, to
        self._chosen = Filter(
            states=frozenset(state or ()),
            origins=frozenset(origin or ()),
            statuses=frozenset(status or ()),
            text=text.strip() or None,
            officer=" ".join(officer.split()) or None,
        )

    def chosen(self, places: Places, zone: tzinfo) -> Filter:
        """Return the filter, its times of the city's zone, with the buttons whose address has the text.

        Raises:
            RequestValidationError: A time is none.
        """
        from_ns, to_ns = _moment("from", self._from, zone), _moment("to", self._to, zone, whole_day=True)
        chosen = replace(self._chosen, from_ns=from_ns, to_ns=to_ns)
        text = (chosen.text or "").casefold()
        if not text:
            return chosen
        found = [(button.device, button.id) for button in places.inventory.buttons if text in button.address.casefold()]
        return replace(chosen, places=frozenset(found[:MAX_PLACES]))


def add_archive(app: FastAPI, desk: DutyDesk, acts: Acts, archive: Archive) -> None:
    """Add the archive's page and what it reads and writes."""
    _add_timeline(app, desk, archive)

    add_page(app, "archive", "archive")

    @app.get("/api/archive", dependencies=[needs("archive")], responses=FAULTS)
    async def search(
        chosen: Annotated[Search, Depends()],
        after: Annotated[str | None, Query(max_length=60, description="Where the page before ended.")] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most.")] = 50,
    ) -> PastIncidents:
        """Find incidents, the latest first. `after` of the answer begins the next page."""
        try:
            found = await read(archive.search(chosen.chosen(desk.places, desk.duty.zone), after, limit))
        except ValueError as error:
            raise _invalid("after", str(error)) from None
        return PastIncidents(incidents=[past_incident(one, desk.places) for one in found.incidents], after=found.after)

    @app.get("/api/archive.csv", response_class=StreamingResponse, responses=FAULTS)
    async def export(chosen: Annotated[Search, Depends()], who: Annotated[Actor, actor("export")]) -> Response:
        """Give all incidents found as CSV: UTF-8 with a byte order mark, times of the city, safe in a spreadsheet.

        Who exported stands in the ledger. An export that was cut off ends without its last line's end.
        """
        wanted = chosen.chosen(desk.places, desk.duty.zone)
        first = await read(archive.search(wanted, None, MAX_PAGE))
        record = audit_record(
            "exported",
            who=who.name,
            at_ns=time.time_ns(),
            at_clock=desk.board.clock,
            screen=who.screen,
            detail="archive.csv",
        )
        desk.ledger.append(record)

        async def lines() -> AsyncIterator[str]:
            found, header = first, True
            yield "\ufeff"
            while True:
                placed = (_placed(one, desk.places) for one in found.incidents)
                yield "".join(csv_lines(placed, desk.duty.zone, header=header))
                if found.after is None:
                    return
                found, header = await archive.search(wanted, found.after, MAX_PAGE), False

        name = f"siaga-{time.strftime('%Y%m%d-%H%M%S')}.csv"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)

    @app.post("/api/archive/{incident_id}/note", responses=FAULTS)
    async def note(incident_id: IncidentId, body: Write, who: Annotated[Actor, actor("note")]) -> NoteView:
        """Write a note on an incident, however long ago it was."""
        try:
            desk.board.find(incident_id)
        except UnknownIncidentError:
            await read(archive.timeline(incident_id, _MAX_ROW))
        record = acts.remark(incident_id, who, body.note)
        return NoteView(line=pending([], [record], None, incident_id)[0])


def _add_timeline(app: FastAPI, desk: DutyDesk, archive: Archive) -> None:
    @app.get(
        "/api/incidents/{incident_id}/timeline",
        response_model=TimelineView,
        response_model_exclude_unset=True,
        responses=FAULTS,
    )
    async def timeline(
        incident_id: IncidentId,
        visitor: Annotated[Visitor, needs("see")],
        after: Annotated[int, Query(ge=0, le=_MAX_ROW, description="The last row that is known already.")] = 0,
    ) -> TimelineView:
        """Tell what happened with an incident, from the ledger; what it does not have yet stands at the end.

        An incident that is over for long takes the permission `archive`; without it there is none, and of others
        callers, addresses that were told and texts are null.
        """
        incident = _in_memory(desk, incident_id)
        if incident is None and not may_read(visitor.role):
            raise UnknownIncidentError(incident_id)
        # Before the ledger is read: what is committed meanwhile is then in both, and not in neither.
        waiting = desk.ledger.waiting()
        told: Timeline | None = None
        fault: str | None = None
        try:
            told = await read(archive.timeline(incident_id, after))
        except UnknownIncidentError:
            if incident is None:
                raise
        except LedgerUnreadableError as error:
            if incident is None:
                raise
            fault = str(error)
        lines = [] if told is None else told.lines
        views = recorded(lines, incident)
        part = after > 0 or (told is not None and told.after is not None)
        if told is None or told.after is None:
            # Of a timeline in parts, memory's presses would be told twice: only what waits is.
            views += pending(lines, waiting, None if part else incident, incident_id)
        past = None if told is None else past_incident(told.found, desk.places)
        if not may_read(visitor.role):
            views = [veiled_line(view) for view in views]
            past = None if past is None else veiled_past(past)
        return TimelineView(
            incident=past,
            lines=views,
            after=None if told is None else told.after,
            ledger_fault=fault,
        )


def _in_memory(desk: DutyDesk, incident_id: str) -> Incident | None:
    try:
        return desk.board.find(incident_id)
    except UnknownIncidentError:
        return None


async def read(ask: Awaitable[T]) -> T:
    """Return what the ledger answers.

    Raises:
        LedgerUnreadableError: It cannot be read.
    """
    try:
        return await ask
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error)
        raise LedgerUnreadableError(reason) from None


def _placed(found: Found, places: Places) -> Found:
    return replace(found, address=past_incident(found, places).address)


def _moment(name: str, text: str | None, zone: tzinfo, *, whole_day: bool = False) -> int | None:
    """Return a time in ns; a date alone begins at midnight, or with `whole_day` ends there."""
    if not text:
        return None
    try:
        found = parse_time(text, zone) + (_DAY_NS if whole_day and len(text) == _A_DATE else 0)
    except (ValueError, OverflowError):
        found = -1
    if not 0 <= found <= _MAX_NS:
        raise _invalid(name, "expected an ISO 8601 date or time, such as 2026-11-22 or 2026-11-22T07:30")
    return found


def _invalid(name: str, told: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("query", name), "msg": told, "type": "value_error"}])
