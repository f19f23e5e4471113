"""What a page gets to see of an incident: its state with the place from the inventory. Pure."""

from __future__ import annotations

import json
from typing import Any

from contract.inventory import Button, Device, Inventory, Site
from contract.messages import IncidentMessage
from duty_desk.incidents.entries import CallEntry, PressEntry
from duty_desk.incidents.incident import Call, Incident
from duty_desk.incidents.policies import Spot
from duty_desk.presence import Presence
from duty_desk.settings import DeskSettings

_MS = 1_000_000


class Places:
    """The inventory, found by name in one step."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self._devices: dict[str, Device] = {device.name: device for device in inventory.devices}
        self._sites: dict[str, Site] = {site.id: site for site in inventory.sites}
        self._buttons: dict[str, dict[str, Button]] = {}
        for button in inventory.buttons:
            self._buttons.setdefault(button.device, {})[button.id] = button

    def buttons(self, device: str) -> list[str]:
        """Return the names of a device's buttons."""
        return list(self._buttons.get(device, {}))

    def devices(self) -> list[str]:
        """Return the names of all devices."""
        return list(self._devices)

    def devices_with_buttons(self) -> list[str]:
        """Return the names of the devices that have buttons."""
        return list(self._buttons)

    def button(self, device: str, button: str) -> Button | None:
        """Return a button; for an unknown one of a device that has a single button, that one. Else None."""
        known = self._buttons.get(device, {})
        if button not in known and len(known) == 1:
            return next(iter(known.values()))
        return known.get(button)

    def device(self, device: str) -> Device | None:
        """Return a device, or None when the inventory does not know it."""
        return self._devices.get(device)

    def site(self, device: str) -> Site | None:
        """Return a device's site, or None."""
        known = self._devices.get(device)
        return None if known is None or known.site is None else self._sites.get(known.site)


def incident_view(incident: Incident, places: Places, *, recorded: bool, revision: int = 0) -> dict[str, Any]:
    """Return an incident as the page takes it. Times in ms since 1970, by the centre's clock.

    `revision` rises with each view the desk makes, so that a page can tell a late answer from news.
    """
    return {
        "id": incident.id,
        "revision": revision,
        "state": incident.state,
        "origin": incident.origin,
        "status": incident.status,
        **where(incident, places),
        "opened_at_ms": incident.opened_at_ns // _MS,
        "received_at_ms": incident.received_at_ns // _MS,
        "changed_at_ms": incident.changed_at_ns // _MS,
        "accepted_at_ms": _ms(incident.accepted_at_ns),
        "departed_at_ms": _ms(incident.departed_at_ns),
        "resolved_at_ms": _ms(incident.resolved_at_ns),
        "ended_at_ms": _ms(incident.ended_at_ns),
        "reason": incident.reason,
        "officer": incident.officer,
        "accepted_by": incident.accepted_by,
        "notes": [{"at_ms": note.at_ns // _MS, "officer": note.officer, "text": note.text} for note in incident.notes],
        "presses": incident.presses,
        "unanswered": incident.unanswered,
        "unanswered_since_ms": _ms(incident.unanswered_since_ns),
        "ringing": incident.unanswered > 0,
        "step": incident.step,
        "rings": list(incident.rings),
        "incomplete": incident.incomplete,
        "recorded": recorded,
        "rows": [_row(row) for row in incident.rows],
    }


def where(incident: Incident, places: Places) -> dict[str, Any]:
    """Return where it is: the button's or the box's place by the inventory, or what the caller told."""
    call = incident.call
    device, site = places.device(incident.device or ""), places.site(incident.device or "")
    button = places.button(incident.device or "", incident.button or "")
    place: Button | Site | Call | None = call or button or site
    known: dict[str, Any] = {
        "device": incident.device,
        "device_label": None if device is None else device.label,
        "button": incident.button,
        "address": None if place is None else place.address,
        "latitude": None if place is None else place.latitude,
        "longitude": None if place is None else place.longitude,
        "photo": None if button is None or button.photo is None else f"/photos/{button.photo}",
        "instructions": {"id": "", "en": ""}
        if button is None
        else {"id": button.instructions_id, "en": button.instructions_en},
        "call": None,
    }
    if call is not None:
        known["call"] = {
            "category": call.category, "caller": call.caller, "text": call.text, "taken_by": call.taken_by,
        }  # fmt: skip
    return known


def spot(incident: Incident, places: Places) -> Spot:
    """Return where it is, as far as that decides who is called."""
    place = where(incident, places)
    site = places.site(incident.device or "")
    return Spot(None if site is None else site.id, place["latitude"], place["longitude"])


def _row(entry: PressEntry | CallEntry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": entry.key,
        "pressed_at_ms": entry.happened_ns // _MS,
        "received_at_ms": entry.at_ns // _MS,
    }
    if isinstance(entry, CallEntry):
        return {**row, "cause": "call", "incomplete": False}
    alarm = entry.alarm
    return {
        **row,
        "event_id": alarm.event_id,
        "cause": alarm.cause,
        "clock": alarm.clock,
        "lane": entry.lane,
        "incomplete": alarm.incomplete,
        "fault": alarm.fault,
        "detail": alarm.detail,
        "position": None if alarm.position is None else [alarm.position.latitude, alarm.position.longitude],
    }


def incident_message(incident: Incident, places: Places, head: str | None) -> IncidentMessage:
    """Return what other systems are told of an incident; no name of a caller, no note, no address of a call."""
    place = where(incident, places)
    return IncidentMessage(
        incident_id=incident.id,
        state=incident.state,
        origin=incident.origin,
        status=incident.status,
        device=incident.device,
        button=incident.button,
        latitude=place["latitude"],
        longitude=place["longitude"],
        opened_at_ns=incident.opened_at_ns,
        received_at_ns=incident.received_at_ns,
        changed_at_ns=incident.changed_at_ns,
        accepted_at_ns=incident.accepted_at_ns,
        departed_at_ns=incident.departed_at_ns,
        resolved_at_ns=incident.resolved_at_ns,
        ended_at_ns=incident.ended_at_ns,
        officer=incident.officer,
        reason=incident.reason,
        escalation_step=incident.step,
        presses=incident.presses,
        incomplete=incident.incomplete,
        ledger_head=head,
    )


def reach_view(presence: Presence, places: Places) -> dict[str, Any]:
    """Return which buttons cannot be reached, the latest first, and how many devices are still being checked."""
    return {
        "checking": presence.checking,
        "unreachable": [
            {
                "device": missing.device,
                "button": button,
                "address": place.address,
                "state": missing.state,
                "since_ms": missing.since_ns // _MS,
                "before": missing.before,
            }
            for missing in presence.missing
            for button in places.buttons(missing.device)
            if (place := places.button(missing.device, button)) is not None
        ],
    }


def inventory_view(inventory: Inventory, settings: DeskSettings) -> dict[str, Any]:
    """Return what the page needs once: its default language, targets in s, who rings when, and what stands where.

    Who rings when is left out where incidents have steps of their own: `/api/upcoming` tells those of each.
    """
    plans = settings.escalation.policies
    return {
        "desk": settings.name,
        "language": settings.language,
        "targets": settings.targets.model_dump(),
        "escalation": [] if plans else [step.model_dump(mode="json") for step in settings.escalation.steps],
        "sites": [site.model_dump() for site in inventory.sites],
        "buttons": [
            {
                "device": button.device,
                "id": button.id,
                "address": button.address,
                "latitude": button.latitude,
                "longitude": button.longitude,
            }
            for button in inventory.buttons
        ],
    }


def json_bytes(value: Any) -> bytes:
    """Return a value as compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _ms(time_ns: int | None) -> int | None:
    return None if time_ns is None else time_ns // _MS
