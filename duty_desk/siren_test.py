"""The test of a siren or a beacon by hand: asked for on the desk's machine, done by the running desk."""

from __future__ import annotations

import time
from typing import Any, Final

from contract.messages import CommandName
from duty_desk.desk import DutyDesk
from duty_desk.errors import NotCommandedError
from duty_desk.incidents.clock import Now
from duty_desk.incidents.entries import PageEntry
from duty_desk.incidents.making import page_record

MOST_S: Final = 30
_OUTPUTS: Final[dict[str, CommandName]] = {"siren": "siren", "beacon": "beacon"}


async def answer(desk: DutyDesk, request: dict[str, Any], now_ns: Now) -> dict[str, Any]:
    """Answer `{"siren_test":{"box":…,"output":…,"seconds":…}}`: `outcome` and `detail` of the box, or `error`.

    `error` is `not understood`, `no such box`, `in use` while an incident is unanswered, whose siren a test would cut
    short, or `not commanded` with `detail`. What a box made of it is in the ledger as a page without an incident.
    """
    match request:
        case {"siren_test": {"box": str(box), "output": str(output), "seconds": int(seconds)}} if (
            output in _OUTPUTS and 1 <= seconds <= MOST_S
        ):
            pass
        case _:
            return {"error": "not understood"}
    if desk.places.device(box) is None:
        return {"error": "no such box"}
    if any(incident.unanswered for incident in desk.board.active()):
        return {"error": "in use"}
    command = desk.commander.make(_OUTPUTS[output], box, seconds=seconds)
    began_s = time.monotonic()
    try:
        reply = await desk.commander.ask(command)
    except NotCommandedError as error:
        _note(desk, now_ns(), command.id, output, f"{box}: {error}", began_s, done=False)
        return {"error": "not commanded", "detail": str(error)}
    done = reply.outcome == "done"
    _note(desk, now_ns(), command.id, output, f"{box}: {reply.outcome}: {reply.detail or ''}", began_s, done=done)
    return {"outcome": reply.outcome, "detail": reply.detail, "took_ms": round((time.monotonic() - began_s) * 1e3)}


def _note(desk: DutyDesk, at_ns: int, page: str, channel: str, detail: str, began_s: float, *, done: bool) -> None:
    entry = PageEntry(
        at_ns=at_ns,
        at_clock=desk.board.clock,
        page=page,
        channel=channel,
        outcome="handed" if done else "failed",
        took_ms=round((time.monotonic() - began_s) * 1e3),
        detail=detail[:120],
    )
    desk.note(page_record(entry, None))
