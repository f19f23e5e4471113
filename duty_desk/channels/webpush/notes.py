"""What a push says: JSON that the service worker (`console/sw.js`) shows without asking the desk for anything. Pure.

A worker that is older than the desk takes what it knows: keys are added, never changed.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from duty_desk.channels.channel import Page
from duty_desk.channels.contacts_file import Subscription

Language = Literal["id", "en"]
_WORKER: Final = ("accept", "cannot", "accepted", "declined", "taken", "failed", "screen")
"""Words that the worker itself needs, by their keys after `note_`."""


@cache
def _words() -> dict[str, dict[str, str]]:
    text = (files("duty_desk") / "console" / "push.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = json.loads(text)
    return found


def note_word(language: Language, key: str, **values: str) -> str:
    """Return a word of notifications."""
    return _words()[language][f"note_{key}"].format(**values)


def page_note(page: Page, phone: Subscription, proof: str) -> bytes:
    """Return what shows a page at a phone. What is not real says so in its first word."""
    title = page.title
    if page.status != "Actual":
        # Whoever made the page may have said so already.
        marks = {words[f"note_{page.status}"].split()[0] for words in _words().values()}
        if not any(title.startswith((f"{mark}:", f"{mark} ")) for mark in marks):
            title = f"{note_word(phone.language, page.status)}: {title}"
    return _note(
        {
            "do": "page",
            "page": page.id,
            "phone": phone.id,
            "proof": proof,
            "incident": page.incident_id,
            "real": page.status == "Actual",
            "title": title,
            "text": page.text,
            "path": page.path,
            "language": phone.language,
            "words": {key: _words()[phone.language][f"note_{key}"] for key in _WORKER},
        }
    )


def close_note(incident_id: str, phone: Subscription, officer: str) -> bytes:
    """Return what takes the alarm of an incident off a phone: `officer` has it, or it is over when that is empty."""
    title = note_word(phone.language, "taken", officer=officer) if officer else note_word(phone.language, "over")
    return _note(
        {
            "do": "close",
            "incident": incident_id,
            "title": title,
            "text": "",
            "path": f"/?incident={incident_id}",
            "language": phone.language,
        }
    )


def _note(value: dict[str, Any]) -> bytes:
    return json.dumps({"version": 1} | value, ensure_ascii=False, separators=(",", ":")).encode()
