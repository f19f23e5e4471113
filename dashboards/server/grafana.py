"""The Grafana behind `/grafana/`: whether it answers, and what of it a screen is given. As the viewer without log-in.

Nothing of who a browser is goes to Grafana, and no cookie of Grafana's comes back: a screen cannot log in through here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

import aiohttp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from dashboards.server.grafana_rules import may_get, may_post

AT_ONCE: Final = 32
TIMEOUT_S: Final = 20.0
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
CHECK_S: Final = 2.0
DOWN_S: Final = 10.0
"""A Grafana that has not answered for so long is drawn by our own board until it answers again."""
_GOES = ("accept", "accept-encoding", "if-none-match", "if-modified-since", "accept-language", "user-agent")
_COMES = ("content-type", "content-encoding", "etag", "last-modified", "cache-control", "content-length")


class Grafana:
    """One Grafana.

    Args:
        url: Where it is, such as `http://127.0.0.1:3000/grafana/`.
        changed: Called when it goes or comes back.
        monotonic: The monotonic clock, in s.
    """

    def __init__(
        self, url: str, changed: Callable[[], None], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url.rstrip("/") + "/"
        self._changed = changed
        self._monotonic = monotonic
        self._heard = monotonic()
        self._http: aiohttp.ClientSession | None = None
        self._busy = 0
        self.up = True
        """Whether it answered within the last 10 s."""

    async def run(self) -> None:
        """Look each 2 s whether it answers, for ever."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S, connect=5.0)
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector, auto_decompress=False) as http:
            self._http = http
            try:
                while True:
                    await self._look(http)
                    await asyncio.sleep(CHECK_S)
            finally:
                self._http = None

    async def _look(self, http: aiohttp.ClientSession) -> None:
        try:
            async with asyncio.timeout(3.0), http.get(self._url + "api/health", allow_redirects=False) as reply:
                answers = reply.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            answers = False
        if answers:
            self._heard = self._monotonic()
        up = self._monotonic() - self._heard < DOWN_S
        if up != self.up:
            self.up = up
            self._changed()

    async def pass_on(self, request: Request) -> Response:
        """Return Grafana's answer to a request below `/grafana/`, or a refusal."""
        raw = request.scope["path"].removeprefix("/grafana/")
        query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        body = await request.body() if request.method == "POST" else None
        allowed = may_get(raw, query) if body is None else may_post(raw, body)
        if not allowed:
            return _refused(403, "read_only", "this does not only read, or is nothing that a wall shows")
        if self._http is None or not self.up:
            return _refused(502, "grafana", "Grafana does not answer")
        if self._busy >= AT_ONCE:
            return _refused(503, "busy", "too many requests to Grafana at once")
        headers = {name: value for name, value in request.headers.items() if name in _GOES}
        if body is not None:
            headers["content-type"] = "application/json"
        self._busy += 1
        try:
            reply = await self._http.request(
                request.method,
                self._url + quote(unquote(raw), safe="/-._~"),
                params=query,
                data=body,
                headers=headers,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, TimeoutError):
            self._busy -= 1
            return _refused(502, "grafana", "Grafana does not answer")
        given = {name: reply.headers[name] for name in _COMES if name in reply.headers}
        where = reply.headers.get("location", "")
        if where.startswith("/grafana/"):
            given["location"] = where
        return StreamingResponse(self._body(reply), reply.status, given)

    async def _body(self, reply: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for part in reply.content.iter_any():
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    raise OSError("an answer of Grafana is too large")
                yield part
        finally:
            self._busy -= 1
            reply.close()


def _refused(status: int, code: str, text: str) -> Response:
    content: dict[str, Any] = {"code": code, "text": text}
    return JSONResponse(content, status)
