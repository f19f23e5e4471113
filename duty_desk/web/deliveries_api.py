"""How far presses came at a screen, told by its page in batches: a flood of alarms must not become one of requests."""

from __future__ import annotations

import contextlib
from typing import Annotated, Final

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from contract.identity import EventId
from duty_desk.acts import Acts
from duty_desk.errors import UnknownIncidentError
from duty_desk.incidents.actor import Actor
from duty_desk.web.acting_api import FAULTS
from duty_desk.web.bodies import Delivery
from duty_desk.web.session_api import actor

MAX_FACTS: Final = 100
"""Facts of one request; they fit its body's limit."""


class Fact(Delivery):
    """How far one press (by its `key`) of an incident came."""

    incident_id: EventId


class Deliveries(BaseModel):
    """What became of presses at this screen, in the order in which it happened."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    facts: Annotated[list[Fact], Field(min_length=1, max_length=MAX_FACTS)]


def add_deliveries(app: FastAPI, acts: Acts) -> None:
    """Add the route."""

    @app.post("/api/deliveries", status_code=204, responses=FAULTS)
    async def deliveries(body: Deliveries, who: Annotated[Actor, actor("see")]) -> None:
        """Take note how far presses came at a screen. Of an incident that is over nothing is noted any more."""
        for fact in body.facts:
            painted_at_ns = None if fact.painted_ms is None else round(fact.painted_ms * 1_000_000)
            with contextlib.suppress(UnknownIncidentError):
                acts.delivery(fact.kind, fact.incident_id, who, key=fact.key, painted_at_ns=painted_at_ns)
