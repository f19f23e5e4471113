"""What a page says: one line of what and where, and a few words more. Pure; in the desk's language."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Final, Literal

from contract.messages import AlertStatus, IncidentOrigin
from contract.zone import clock_words
from duty_desk.incidents.entries import Category
from duty_desk.incidents.incident import Incident

Language = Literal["id", "en"]
MAX_TITLE: Final = 60
MAX_TEXT: Final = 400

_STATUS: Final[dict[Language, dict[AlertStatus, str]]] = {
    "id": {"Actual": "", "Exercise": "LATIHAN ", "Test": "UJI "},
    "en": {"Actual": "", "Exercise": "EXERCISE ", "Test": "TEST "},
}
_ORIGIN: Final[dict[Language, dict[IncidentOrigin, str]]] = {
    "id": {
        "press": "Tombol darurat",
        "threshold": "Ambang batas",
        "fault": "Gangguan perangkat",
        "call": "Panggilan 112",
        "citizen": "Laporan warga",
        "other": "Laporan",
    },
    "en": {
        "press": "Panic button",
        "threshold": "Threshold",
        "fault": "Device fault",
        "call": "112 call",
        "citizen": "Citizen's report",
        "other": "Report",
    },
}
_CATEGORY: Final[dict[Language, dict[Category, str]]] = {
    "id": {"crime": "kejahatan", "accident": "kecelakaan", "fire": "kebakaran", "medical": "medis", "other": "lainnya"},
    "en": {"crime": "crime", "accident": "accident", "fire": "fire", "medical": "medical", "other": "other"},
}
_WORDS: Final[dict[Language, dict[str, str]]] = {
    "id": {"no_place": "tempat tidak diketahui", "at": "Pukul", "waiting": "Belum ada yang menjawab."},
    "en": {"no_place": "place unknown", "at": "At", "waiting": "Nobody has answered yet."},
}
_TEST: Final[dict[Language, tuple[str, str]]] = {
    "id": ("Saluran {channel} berfungsi", "Uji berkala. Tidak ada kejadian."),
    "en": ("Channel {channel} works", "A regular test. Nothing has happened."),
}


def page_words(
    incident: Incident, where: dict[str, Any], language: Language, zone: tzinfo, *, round_: int = 0
) -> tuple[str, str]:
    """Return title and text of a page about an incident. No caller's name, and no words that they said.

    Args:
        incident: What happened.
        where: Where it is, as `web.view.where` tells it.
        language: In which language.
        zone: The city's, in which the time is told.
        round_: How many times it was sent before.
    """
    words = _WORDS[language]
    what = _ORIGIN[language][incident.origin]
    if incident.call is not None:
        what = f"{what}, {_CATEGORY[language][incident.call.category]}"
    place = where["address"] or where["device_label"] or incident.device or words["no_place"]
    title = f"{_STATUS[language][incident.status]}{what}: {place}"
    opened = clock_words(incident.received_at_ns, zone)
    parts = [f"{what}: {place}.", f"{words['at']} {opened}.", where["instructions"][language]]
    if round_ > 0:
        parts.insert(1, words["waiting"])
    return _cut(title, MAX_TITLE), _cut(" ".join(part for part in parts if part), MAX_TEXT)


def trial_words(channel: str, language: Language) -> tuple[str, str]:
    """Return title and text of the test of a channel."""
    title, text = _TEST[language]
    return _cut(_STATUS[language]["Test"] + title.format(channel=channel), MAX_TITLE), text


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
