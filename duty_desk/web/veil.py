"""What is kept from those who may see and no more: viewers, and other systems with a token. Pure.

They see that there is a call or a note, by which officer, and where it is on the map; not who called, the words and the
address that were told, nor what a note says. Other systems get no more by MQTT either.
"""

from __future__ import annotations

from typing import Any, Final

from duty_desk.web.archive_view import PastIncident
from duty_desk.web.timeline import LineView

_LINE: Final = ("text", "caller", "address")


def veiled(view: dict[str, Any]) -> dict[str, Any]:
    """Return an incident's view without what people told; the same object when there is nothing of that in it."""
    call, notes = view["call"], view["notes"]
    if call is None and not notes:
        return view
    hidden = {**view, "notes": [{**note, "text": None} for note in notes]}
    if call is not None:
        hidden |= {"address": None, "call": {**call, "caller": None, "text": None}}
    return hidden


def veiled_line(line: LineView) -> LineView:
    """Return a row of a timeline without what people told."""
    return line.model_copy(update={name: None for name in _LINE if getattr(line, name) is not None})


def veiled_past(past: PastIncident) -> PastIncident:
    """Return a past incident without the address that a caller told; a button's stays."""
    return past.model_copy(update={"address": None}) if past.device is None else past
