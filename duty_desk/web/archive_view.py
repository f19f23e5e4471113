"""A past incident in one row, as the archive's page reads it. Pure."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, Field

from contract.messages import AlertStatus, IncidentOrigin, IncidentState
from duty_desk.incidents.entries import CancelReason, Category
from duty_desk.ledger.archive_query import Found
from duty_desk.web.view import Places

_MS: Final = 1_000_000


class PastIncident(BaseModel):
    """An incident in one row. Times in ms since 1970 by the centre's clock.

    Held against targets: `accept_ms` and `resolve_ms` since the desk had it, `depart_ms` since it was accepted.

    `address` is the button's by today's inventory, or what the caller told; null where it is not known or was erased.
    `officer` accepted it. `escalated` is the highest step that was reached, -1 for none.
    """

    id: str = Field(examples=["01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e0f"])
    origin: IncidentOrigin
    status: AlertStatus
    state: IncidentState
    device: str | None = Field(examples=["box-1"])
    device_label: str | None
    button: str | None = Field(examples=["sos"])
    category: Category | None
    address: str | None = Field(examples=["Jl. Braga 10"])
    officer: str | None = Field(examples=["Petugas 1"])
    opened_at_ms: int
    received_at_ms: int
    accepted_at_ms: int | None
    departed_at_ms: int | None
    resolved_at_ms: int | None
    ended_at_ms: int | None
    accept_ms: int | None = Field(examples=[9_400])
    depart_ms: int | None
    resolve_ms: int | None
    presses: int
    escalated: int
    reason: CancelReason | None


class PastIncidents(BaseModel):
    """A page of the archive, the latest first; `after` begins the next one, null at the end."""

    incidents: list[PastIncident]
    after: str | None


def past_incident(found: Found, places: Places) -> PastIncident:
    """Return an incident of the archive with the place that the inventory knows."""
    summary = found.summary
    device, button = places.device(summary.device or ""), places.button(summary.device or "", summary.button or "")
    site = places.site(summary.device or "")
    place = button or site
    return PastIncident(
        id=summary.id,
        origin=summary.origin,
        status=summary.status,
        state=summary.state,
        device=summary.device,
        device_label=None if device is None else device.label,
        button=summary.button,
        category=summary.category,
        address=found.address or (None if place is None else place.address),
        officer=found.officer,
        opened_at_ms=summary.opened_at_ns // _MS,
        received_at_ms=summary.received_at_ns // _MS,
        accepted_at_ms=_ms(summary.accepted_at_ns),
        departed_at_ms=_ms(summary.departed_at_ns),
        resolved_at_ms=_ms(summary.resolved_at_ns),
        ended_at_ms=_ms(summary.ended_at_ns),
        accept_ms=_span(summary.received_at_ns, summary.accepted_at_ns),
        depart_ms=_span(summary.accepted_at_ns, summary.departed_at_ns),
        resolve_ms=_span(summary.received_at_ns, summary.resolved_at_ns),
        presses=summary.presses,
        escalated=summary.escalated,
        reason=summary.reason,
    )


def _span(from_ns: int | None, to_ns: int | None) -> int | None:
    return None if from_ns is None or to_ns is None else (to_ns - from_ns) // _MS


def _ms(time_ns: int | None) -> int | None:
    return None if time_ns is None else time_ns // _MS
