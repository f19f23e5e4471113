"""The call-taker's page, and what may be the incident that a caller tells of."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from contract.messages import AlertStatus, Cause, IncidentOrigin, IncidentState, Latitude, Longitude
from duty_desk.desk import DutyDesk
from duty_desk.incidents.clock import Now
from duty_desk.incidents.entries import Category, PressEntry
from duty_desk.incidents.nearby import Near, Spot, nearby
from duty_desk.web.faults import Fault
from duty_desk.web.pages import add_page
from duty_desk.web.session_api import needs
from duty_desk.web.view import where

_MS: Final = 1_000_000
FAULTS: Final[dict[int | str, dict[str, Any]]] = {status: {"model": Fault} for status in (401, 403, 422)}


class NearView(BaseModel):
    """An incident that may be the same: its state, where it is, and how far off in metres.

    `distance_m` is null where one of the two places is not on the map; `same_address` then says why it is told.
    """

    id: str
    state: IncidentState
    origin: IncidentOrigin
    status: AlertStatus
    category: Category | None
    cause: Cause | None
    address: str | None = Field(examples=["Jl. Braga 10"])
    officer: str | None = Field(examples=["Petugas 1"])
    text: str | None
    presses: int
    opened_at_ms: int
    ended_at_ms: int | None
    distance_m: int | None = Field(examples=[120])
    same_address: bool


class NearViews(BaseModel):
    """What may be the same, the likeliest first, at most 8."""

    incidents: list[NearView]


def add_calls(app: FastAPI, desk: DutyDesk, now_ns: Now = time.time_ns) -> None:
    """Add the call-taker's page and what only it reads."""

    add_page(app, "call", "call")

    @app.get("/api/calls/nearby", dependencies=[needs("call")], responses=FAULTS)
    async def near(
        address: Annotated[str, Query(max_length=200, description="What was typed so far.")] = "",
        latitude: Annotated[Latitude | None, Query(description="Degrees, WGS 84; with `longitude`.")] = None,
        longitude: Annotated[Longitude | None, Query(description="Degrees, WGS 84; with `latitude`.")] = None,
    ) -> NearViews:
        """Tell which incidents may be the one that is being reported: within 300 m, or of the same address.

        Those that are not over, and those that ended in the last 30 minutes; no drills.
        """
        board = desk.board
        incidents = [*board.active(), *board.ended()]
        placed = ((incident, where(incident, desk.places)) for incident in incidents)
        spots = ((one, Spot(at["latitude"], at["longitude"], at["address"])) for one, at in placed)
        found = nearby(spots, Spot(latitude, longitude, address), now_ns())
        return NearViews(incidents=[_view(each) for each in found])


def _view(near: Near) -> NearView:
    incident = near.incident
    first = incident.rows[0]
    return NearView(
        id=incident.id,
        state=incident.state,
        origin=incident.origin,
        status=incident.status,
        category=None if incident.call is None else incident.call.category,
        cause=first.alarm.cause if isinstance(first, PressEntry) else None,
        address=near.spot.address,
        officer=incident.officer,
        text=None if incident.call is None else incident.call.text,
        presses=incident.presses,
        opened_at_ms=incident.opened_at_ns // _MS,
        ended_at_ms=None if incident.ended_at_ns is None else incident.ended_at_ns // _MS,
        distance_m=None if near.distance_m is None else round(near.distance_m),
        same_address=near.same_address,
    )
