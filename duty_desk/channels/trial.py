"""The test of a channel by hand: asked for on the desk's machine, done by the running desk."""

from __future__ import annotations

from typing import Any

from duty_desk.channels.pager import Pager


async def answer(pager: Pager, request: dict[str, Any]) -> dict[str, Any]:
    """Answer `{"channel_test":{"name":…,"to":…}}`: `outcome`, `took_ms` and `detail` of the attempt, or `error`."""
    match request["channel_test"]:
        case {"name": str(name), "to": str() | None as who}:
            pass
        case _:
            return {"error": "not understood: the desk is of another version; restart it"}
    channel = pager.channels.get(name)
    if channel is None:
        return {"error": f"no such channel; there are {', '.join(pager.channels)}"}
    if channel.personal and who is None:
        return {"error": "it goes to people: say whom by --to"}
    if channel.personal and not channel.reaches(str(who)):
        return {"error": f"it has no address of {who}: siaga desk contact set"}
    gone = await pager.try_now(name, who if channel.personal else None)
    if gone is None:
        return {"error": "too many pages are on their way by it"}
    return {"outcome": gone.outcome, "took_ms": gone.took_ms, "detail": gone.detail}
