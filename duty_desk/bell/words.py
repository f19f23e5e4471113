"""The bell's own words, in SMS and at its command line. Pure; an SMS has at most 160 characters of ASCII."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import tzinfo
from typing import Final, Literal

from contract.inventory import Inventory
from contract.zone import clock_words
from duty_desk.bell.judge import Cause

Language = Literal["id", "en"]
MAX_SMS: Final = 160
_MOST_PLACE: Final = 70

_WORDS: Final[dict[Language, dict[str, str]]] = {
    "id": {
        "title": "SIAGA BEL",
        "test": "UJI: tidak ada kejadian.",
        "desk": "Meja tidak terdengar. Cek komputer meja.",
        "alarm broker": "Broker alarm mati.",
        "telemetry broker": "Broker data mati.",
        "press": "Tombol darurat tanpa jawaban meja: {place}, pukul {time}.",
        "more": "+{count} tombol lain.",
    },
    "en": {
        "title": "SIAGA BELL",
        "test": "TEST: nothing has happened.",
        "desk": "The desk is not heard. Look at its computer.",
        "alarm broker": "The alarm broker is dead.",
        "telemetry broker": "The data broker is dead.",
        "press": "Panic button without the desk's answer: {place}, at {time}.",
        "more": "+{count} more buttons.",
    },
}


def sms_text(causes: Sequence[Cause], inventory: Inventory, language: Language, now_ns: int, zone: tzinfo) -> str:
    """Return what to send about causes: presses first, the first with its place and its time in `zone`."""
    words = _WORDS[language]
    parts = [f"{clock_words(now_ns, zone)}:"]
    presses = [cause for cause in causes if cause.place is not None]
    if presses:
        where = place(presses[0], inventory)
        parts.append(words["press"].format(place=where, time=clock_words(presses[0].at_ns, zone)))
        if len(presses) > 1:
            parts.append(words["more"].format(count=len(presses) - 1))
    parts += [words[cause.key] for cause in causes if cause.place is None]
    return _ascii(" ".join(parts))[: MAX_SMS - len(words["title"]) - 1].rstrip()


def title(language: Language) -> str:
    """Return what each text begins with."""
    return _WORDS[language]["title"]


def test_text(language: Language) -> str:
    """Return the text of a test."""
    return _WORDS[language]["test"]


def explained(why: str) -> str:
    """Return a cause such as `desk` or `press box-1/sos`, and what it is in both languages; unknown, as it is."""
    kind = why.partition(" ")[0] if why.startswith("press ") else why
    if kind == "press":
        return f"{why}: penekanan tanpa jawaban meja / a press without the desk's answer"
    return f"{why}: {' / '.join(words[kind] for words in _WORDS.values())}" if kind in _WORDS["id"] else why


def place(cause: Cause, inventory: Inventory) -> str:
    """Return where a press was made: its button's address, its box's site or label, else its names."""
    assert cause.place is not None
    device, button = cause.place
    known = inventory.button(device, button)
    if known is not None:
        return known.address[:_MOST_PLACE]
    box = next((each for each in inventory.devices if each.name == device), None)
    if box is None:
        return f"{device}/{button}"[:_MOST_PLACE]
    site = next((each for each in inventory.sites if each.id == box.site), None)
    return (site.address if site is not None else f"{box.label} ({device}/{button})")[:_MOST_PLACE]


def _ascii(text: str) -> str:
    """Return a text that takes one SMS: letters without their marks, and ? for what is left."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(mark for mark in plain if not unicodedata.combining(mark))
    return plain.encode("ascii", "replace").decode().replace("\n", " ")
