"""Incidents as CAP may tell them, from memory or from the archive. Pure."""

from __future__ import annotations

from duty_desk.cap.case import Case, Stage
from duty_desk.incidents.entries import PressEntry
from duty_desk.incidents.incident import Incident
from duty_desk.ledger.archive_query import Found
from duty_desk.ledger.summary import Summary
from duty_desk.web.view import Places


def case_of(incident: Incident, places: Places) -> Case:
    """Return the case of an incident in memory."""
    call = incident.call
    place, latitude, longitude = _place(incident.device, incident.button, places)
    if call is not None:
        latitude, longitude = call.latitude, call.longitude
    elif latitude is None:
        latitude, longitude = _told(incident)
    return Case(
        id=incident.id,
        origin=incident.origin,
        status=incident.status,
        category=None if call is None else call.category,
        reason=incident.reason,
        opened_at_ns=incident.opened_at_ns,
        stages=_stages(incident),
        place=place,
        latitude=latitude,
        longitude=longitude,
    )


def past_case(found: Found, places: Places) -> Case:
    """Return the case of an incident of the archive, which does not keep where a caller was."""
    summary = found.summary
    place, latitude, longitude = _place(summary.device, summary.button, places)
    return Case(
        id=summary.id,
        origin=summary.origin,
        status=summary.status,
        category=summary.category,
        reason=summary.reason,
        opened_at_ns=summary.opened_at_ns,
        stages=_stages(summary),
        place=place,
        latitude=latitude,
        longitude=longitude,
    )


def _place(device: str | None, button: str | None, places: Places) -> tuple[str | None, float | None, float | None]:
    found = places.button(device or "", button or "") or places.site(device or "")
    return (None, None, None) if found is None else (found.address, found.latitude, found.longitude)


def _told(incident: Incident) -> tuple[float | None, float | None]:
    """Return where the device said that it was, at the latest press that has it."""
    for row in reversed(incident.rows):
        if isinstance(row, PressEntry) and (position := row.alarm.position) is not None:
            return position.latitude, position.longitude
    return None, None


def _stages(of: Incident | Summary) -> tuple[tuple[Stage, int], ...]:
    names: tuple[tuple[Stage, str], ...] = (
        ("open", "received_at_ns"),
        ("accepted", "accepted_at_ns"),
        ("on_the_way", "departed_at_ns"),
        ("resolved", "resolved_at_ns"),
        ("cancelled" if of.state == "cancelled" else "closed", "ended_at_ns"),
    )
    return tuple((stage, at_ns) for stage, name in names if (at_ns := getattr(of, name)) is not None)
