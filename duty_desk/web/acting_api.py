"""What people do, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, get_args

from fastapi import FastAPI
from fastapi import Path as UrlPath
from fastapi.responses import JSONResponse

from contract.identity import EventId
from duty_desk.acts import Acts
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Report
from duty_desk.web.bodies import Act, Call, Cancel, Delivery, Write
from duty_desk.web.faults import Fault
from duty_desk.web.session_api import actor

Verb = Literal["accept", "answer", "depart", "resolve", "close"]
_MEANS: Final[dict[Verb, str]] = {
    "accept": "Take an incident. The first has it; the second is told who.",
    "answer": "Silence further presses of an incident that is being handled, as seen.",
    "depart": "Tell that somebody is on the way.",
    "resolve": "Tell that it is over at the place.",
    "close": "Close an incident; one that is being handled is resolved by it as well.",
}
IncidentId = Annotated[EventId, UrlPath()]
FAULTS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Fault} for status in (401, 403, 404, 409, 413, 415, 422, 503)
}


def add_acting(app: FastAPI, acts: Acts) -> None:
    """Add what people do."""

    @app.post("/api/incidents/{incident_id}/cancel", responses=FAULTS)
    async def cancel(incident_id: IncidentId, body: Cancel, who: Annotated[Actor, actor("act")]) -> JSONResponse:
        """Cancel an incident: a false alarm, a test, a duplicate, or at the caller's request."""
        return JSONResponse({"incident": acts.cancel(incident_id, who, reason=body.reason, note=body.note)})

    @app.post("/api/incidents/{incident_id}/note", responses=FAULTS)
    async def note(incident_id: IncidentId, body: Write, who: Annotated[Actor, actor("note")]) -> JSONResponse:
        """Write a note."""
        return JSONResponse({"incident": acts.note(incident_id, who, body.note)})

    @app.post("/api/incidents/{incident_id}/shown", status_code=204, responses=FAULTS)
    async def delivery(incident_id: IncidentId, body: Delivery, who: Annotated[Actor, actor("see")]) -> None:
        """Take note how far a press came at a screen."""
        painted_at_ns = None if body.painted_ms is None else round(body.painted_ms * 1_000_000)
        acts.delivery(body.kind, incident_id, who, key=body.key, painted_at_ns=painted_at_ns)

    for verb in get_args(Verb):
        _add_act(app, acts, verb)

    @app.post("/api/incidents", responses=FAULTS)
    async def report(body: Call, who: Annotated[Actor, actor("call")]) -> JSONResponse:
        """Make an incident of a 112 call, of what a citizen or another system reports."""
        told = Report(
            key=body.key,
            origin=body.origin,
            category=body.category,
            latitude=body.latitude,
            longitude=body.longitude,
            address=body.address,
            caller=body.caller,
            text=body.note,
        )
        return JSONResponse({"incident": acts.report(told, who)})


def _add_act(app: FastAPI, acts: Acts, verb: Verb) -> None:
    @app.post(f"/api/incidents/{{incident_id}}/{verb}", responses=FAULTS, name=verb, description=_MEANS[verb])
    async def act(incident_id: IncidentId, body: Act, who: Annotated[Actor, actor("act")]) -> JSONResponse:
        return JSONResponse({"incident": acts.act(verb, incident_id, who, note=body.note)})
