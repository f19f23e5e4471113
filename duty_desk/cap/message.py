"""A CAP 1.2 message (OASIS, 1 July 2010) for each stage of an incident. Pure.

- Each stage is a message of its own, made from the incident alone, so that it is the same whoever asks and whenever.
- `open` is an Alert, what follows an Update that names all before it, `cancelled` a Cancel.
- Its identifier is the incident's id and the number of the stage, its time that of the stage.
- Two blocks of `info`, Indonesian and English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final, Literal
from xml.etree import ElementTree as ET

from contract.messages import IncidentOrigin
from duty_desk.cap.case import Case, Stage
from duty_desk.incidents.entries import CancelReason, Category

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE: Final = "application/cap+xml"
RADIUS_KM: Final = 0.1
"""Of the circle around the place, as a position is known to some metres at best."""

Scope = Literal["Public", "Restricted"]
Language = Literal["id-ID", "en-US"]
_HEADLINE: Final = 160
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who tells it, and to whom: `name` is unique in the world, as a host name is, and has no space, comma, < or &."""

    name: str
    city: str
    scope: Scope
    restriction: str


_CATEGORY: Final[Mapping[IncidentOrigin, str]] = {
    "press": "Security", "threshold": "Env", "fault": "Infra", "call": "Other", "citizen": "Other", "other": "Other",
}  # fmt: skip
_CALLED: Final[Mapping[Category, str]] = {
    "crime": "Security", "accident": "Transport", "fire": "Fire", "medical": "Health", "other": "Other",
}  # fmt: skip
_EVENT: Final[Mapping[IncidentOrigin | Category, tuple[str, str]]] = {
    "press": ("Tombol darurat ditekan", "Panic button pressed"),
    "threshold": ("Ambang batas terlampaui", "Threshold exceeded"),
    "fault": ("Gangguan pada alat", "Device fault"),
    "call": ("Laporan telepon", "Reported by phone"),
    "citizen": ("Laporan warga", "Reported by a citizen"),
    "other": ("Kejadian lain", "Other event"),
    "crime": ("Kejahatan", "Crime"),
    "accident": ("Kecelakaan", "Accident"),
    "fire": ("Kebakaran", "Fire"),
    "medical": ("Darurat medis", "Medical emergency"),
}
_SAID: Final[Mapping[Stage, tuple[str, str]]] = {
    "open": ("belum diterima petugas", "not accepted yet"),
    "accepted": ("diterima petugas", "accepted by an officer"),
    "on_the_way": ("petugas dalam perjalanan", "an officer is on the way"),
    "resolved": ("sudah ditangani", "resolved"),
    "closed": ("selesai", "closed"),
    "cancelled": ("dibatalkan", "cancelled"),
}
_WHY: Final[Mapping[CancelReason, tuple[str, str]]] = {
    "false_alarm": ("alarm palsu", "false alarm"),
    "test": ("uji coba", "test"),
    "duplicate": ("laporan ganda", "duplicate"),
    "caller": ("atas permintaan pelapor", "at the caller's request"),
}
_STATUS: Final = {"Actual": ("", ""), "Exercise": ("LATIHAN: ", "EXERCISE: "), "Test": ("UJI COBA: ", "TEST: ")}
_JAKARTA: Final = timezone(timedelta(hours=7))
"""With its offset a time is the same moment in every city's zone."""
_OVER: Final = frozenset({"resolved", "closed", "cancelled"})


def identifier(case: Case, number: int) -> str:
    """Return the name of a stage's message; `number` counts from 1."""
    return f"{case.id}.{number}"


def when(at_ns: int) -> str:
    """Return a time as CAP wants it: whole seconds with an offset, never Z."""
    return datetime.fromtimestamp(at_ns // 10**9, _JAKARTA).isoformat(timespec="seconds")


def alert(case: Case, number: int, sender: Sender) -> bytes:
    """Return the message of a stage as XML in UTF-8.

    Args:
        case: The incident.
        number: Which stage, from 1 on.
        sender: Who tells it.

    Raises:
        IndexError: It has no such stage.
    """
    if not 1 <= number <= len(case.stages):
        raise IndexError(number)
    stage, at_ns = case.stages[number - 1]
    root = ET.Element("alert", {"xmlns": NAMESPACE})
    kind = "Alert" if number == 1 else "Cancel" if stage == "cancelled" else "Update"
    for name, text in (
        ("identifier", identifier(case, number)),
        ("sender", sender.name),
        ("sent", when(at_ns)),
        ("status", case.status),
        ("msgType", kind),
        ("scope", sender.scope),
    ):
        _add(root, name, text)
    if sender.scope == "Restricted":
        _add(root, "restriction", sender.restriction)
    if number > 1:
        before = (f"{sender.name},{identifier(case, n)},{when(case.stages[n - 1][1])}" for n in range(1, number))
        _add(root, "references", " ".join(before))
    languages: tuple[Language, ...] = ("id-ID", "en-US")
    for language in languages:
        _info(root, case, stage, sender, language)
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


def headline(case: Case, stage: Stage, language: Language) -> str:
    """Return what happened, where, and how far it is, in one line of at most 160 characters."""
    which = 0 if language == "id-ID" else 1
    before, after = f"{_STATUS[case.status][which]}{event(case, language)}, ", f": {_SAID[stage][which]}"
    place, room = _NOT_XML.sub("", case.place or "—"), _HEADLINE - len(before) - len(after)
    return before + (place if len(place) <= room else place[: room - 1] + "…") + after


def event(case: Case, language: Language) -> str:
    """Return what kind of event it is."""
    return _EVENT[case.category or case.origin][0 if language == "id-ID" else 1]


def _info(root: ET.Element, case: Case, stage: Stage, sender: Sender, language: Language) -> None:
    which = 0 if language == "id-ID" else 1
    info = ET.SubElement(root, "info")
    # An alarm of a device is a sign of something, nobody has seen it yet.
    certainty = "Unlikely" if case.reason == "false_alarm" and stage == "cancelled" else "Likely"
    said = _SAID[stage][which]
    if stage == "cancelled" and case.reason is not None:
        said = f"{said}: {_WHY[case.reason][which]}"
    for name, text in (
        ("language", language),
        ("category", _CATEGORY[case.origin] if case.category is None else _CALLED[case.category]),
        ("event", event(case, language)),
        ("urgency", "Past" if stage in _OVER else "Immediate" if case.origin != "fault" else "Expected"),
        ("severity", "Minor" if case.origin == "fault" else "Severe"),
        ("certainty", certainty),
        ("onset", when(case.opened_at_ns)),
        ("senderName", sender.city),
        ("headline", headline(case, stage, language)),
        ("description", f"{event(case, language)}, {case.place or '—'}. {said[0].upper()}{said[1:]}."),
    ):
        _add(info, name, text)
    for name, text in (("siaga:origin", case.origin), ("siaga:state", stage)):
        parameter = ET.SubElement(info, "parameter")
        _add(parameter, "valueName", name)
        _add(parameter, "value", text)
    area = ET.SubElement(info, "area")
    _add(area, "areaDesc", case.place or sender.city)
    if case.latitude is not None and case.longitude is not None:
        _add(area, "circle", f"{case.latitude:.6f},{case.longitude:.6f} {RADIUS_KM:g}")


def _add(parent: ET.Element, name: str, text: str) -> None:
    # What XML cannot hold at all is left out; the rest ElementTree escapes.
    ET.SubElement(parent, name).text = _NOT_XML.sub("", text)
