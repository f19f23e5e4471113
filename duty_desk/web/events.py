"""GET /api/events: the stream of one page. Raw ASGI, so that nothing buffers it."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qs

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from duty_desk.access.door import Visitor
from duty_desk.access.errors import AccessError
from duty_desk.desk import DutyDesk
from duty_desk.incidents.entries import Screen
from duty_desk.web.guard import answer
from duty_desk.web.push import Page
from duty_desk.web.session_api import Entrance, Needs, access_answer

_MAX_QUERY: Final = 1_000
_SCREEN: Final[TypeAdapter[str]] = TypeAdapter(Screen)


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
        page = self._desk.push.join(_screen(scope))
        if page is None:
            await answer(send, 503, "too_many_pages", "too many pages are open")
            return
        await self._stream(page, visitor, receive, send)

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


def _screen(scope: Scope) -> str | None:
    """Return the screen's name from the query, or None when there is none that can be one."""
    query = parse_qs(scope["query_string"][:_MAX_QUERY].decode("latin-1"), errors="replace")
    try:
        return _SCREEN.validate_python(query.get("screen", [""])[0])
    except ValidationError:
        return None


async def _write(page: Page, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while (chunk := await page.take()) is not None:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
