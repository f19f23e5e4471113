"""What a page tells of itself, and what the desk tells of the pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from duty_desk.incidents.actor import Actor
from duty_desk.ringing import Ringing
from duty_desk.screens.registry import Sound
from duty_desk.web.events import PageName
from duty_desk.web.session_api import actor


class Alive(BaseModel):
    """A page's sign of life. `page` is as in its stream, `revision` the highest of an incident that it has taken in."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    page: PageName | None = None
    sound: Sound
    visible: bool
    revision: Annotated[int, Field(ge=0, le=2**53)] | None = None


class Known(BaseModel):
    """Whether the desk has a stream of that page; a page that reads false opens its stream again."""

    stream: bool


def add_screens(app: FastAPI, ringing: Ringing) -> None:
    """Add the sign of life."""

    @app.post("/api/screens/alive")
    async def alive(body: Alive, who: Annotated[Actor, actor("see")]) -> Known:
        """Say that a page lives, every 5 s, best at a beat of its stream, and whether it can sound."""
        known = ringing.screens.alive(
            body.page or who.screen, who.name, sound=body.sound, visible=body.visible, revision=body.revision
        )
        return Known(stream=known)
