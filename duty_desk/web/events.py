"""GET /api/events: the stream of one page. Raw ASGI, so that nothing buffers it.

A page names its screen (`screen`) and itself (`page`, made anew by each page), and the last event it has: by the header
Last-Event-ID, as a browser does by itself, or as `last_event_id`. Another system names none of these.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import parse_qs

from pydantic import Field, TypeAdapter, ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from duty_desk.access.door import Visitor
from duty_desk.access.errors import AccessError
from duty_desk.access.roles import may_read
from duty_desk.desk import DutyDesk
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.entries import Screen
from duty_desk.web.push import Page
from duty_desk.web.session_api import Entrance, Needs, access_answer
from link.http_guard import answer

STUCK_S: Final = 30.0
"""A page that takes nothing of what is handed to it for this long is cut off; it connects again when it can."""
PageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
"""What a page calls itself, by chance and anew each time it is loaded."""
_MAX_QUERY: Final = 1_000
_SCREEN: Final[TypeAdapter[str]] = TypeAdapter(Screen)
_PAGE: Final[TypeAdapter[str]] = TypeAdapter(PageName)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page says of itself; None for what it does not say, or says in a way that cannot be."""

    screen: str | None
    page: str | None
    last_event_id: str | None

    @classmethod
    def of(cls, scope: Scope) -> Asked:
        """Return what a request says."""
        query = parse_qs(scope["query_string"][:_MAX_QUERY].decode("latin-1"), errors="replace")
        told = Headers(scope=scope).get("last-event-id") or query.get("last_event_id", [""])[0]
        return cls(_valid(_SCREEN, query, "screen"), _valid(_PAGE, query, "page"), told or None)


class Events:
    """The endpoint.

    Args:
        desk: Whose events.
        entrance: Who may hear them.
    """

    def __init__(self, desk: DutyDesk, entrance: Entrance) -> None:
        self._desk = desk
        self._entrance = entrance
        self.needs = Needs("see")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the page goes, is too slow, its session is over, or the desk stops."""
        try:
            visitor = self._entrance.admit(scope, self.needs.permission)
        except AccessError as error:
            await access_answer(Request(scope), error)(scope, receive, send)
            return
        asked = Asked.of(scope)
        page = self._desk.push.join(
            asked.screen, asked.last_event_id, veiled=not may_read(visitor.role), owner=visitor.login
        )
        if page is None:
            await answer(send, 503, "too_many_pages", "too many pages are open")
            return
        if asked.screen is None or visitor.csrf is None:
            await self._stream(page, visitor, receive, send)
            return
        screens = self._desk.ringing.screens
        who, name = Actor(visitor.name, visitor.role, asked.screen), asked.page or asked.screen
        screens.join(name, who)
        try:
            await self._stream(page, visitor, receive, send)
        finally:
            screens.leave(name, who)

    async def _stream(self, page: Page, visitor: Visitor, receive: Receive, send: Send) -> None:
        writer = asyncio.create_task(_write(page, send), name="desk-page-write")
        reader = asyncio.create_task(_until_gone(receive), name="desk-page-gone")
        try:
            with self._entrance.door.streaming(visitor, page.drop):
                await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._desk.push.leave(page)
            reader.cancel()
            # A writer stuck on a page that does not read is cut off; any other ends its stream properly.
            await asyncio.wait((writer,), timeout=0.2)
            writer.cancel()
            await asyncio.gather(writer, reader, return_exceptions=True)


def _valid(adapter: TypeAdapter[str], query: dict[str, list[str]], key: str) -> str | None:
    try:
        return adapter.validate_python(query.get(key, [""])[0])
    except ValidationError:
        return None


async def _write(page: Page, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while (chunk := await page.take()) is not None:
        async with asyncio.timeout(STUCK_S):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
