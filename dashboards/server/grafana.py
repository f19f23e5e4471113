"""The Grafana behind `/grafana/`: whether it answers, and what of it a screen is given. As the viewer without log-in.

Nothing of who a browser is goes to Grafana, and no cookie of Grafana's comes back: a screen cannot log in through here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl, quote

import aiohttp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from dashboards.server.grafana_rules import Rules, questions_of

AT_ONCE: Final = 32
WAITING: Final = 400
"""Requests under way or waiting for their turn: 24 screens that start at once, each with a browser's six and some."""
BY_ADDRESS: Final = 60
"""Of one address, so that nobody takes all turns."""
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
        time_ms: The centre's clock, in ms since 1970.
        monotonic: The monotonic clock, in s.
    """

    def __init__(
        self,
        url: str,
        changed: Callable[[], None],
        time_ms: Callable[[], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/") + "/"
        self._changed = changed
        self._time_ms = time_ms
        self._monotonic = monotonic
        self._rules = Rules(committed())
        self._heard = monotonic()
        self._http: aiohttp.ClientSession | None = None
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._asking: Counter[str] = Counter()
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
        now_ms = self._time_ms()
        rules = self._rules
        allowed = rules.may_get(raw, query, now_ms) if body is None else rules.may_post(raw, body, now_ms)
        if not allowed:
            return _refused(403, "read_only", "this is nothing that a wall's dashboard asks; was it pushed anew?")
        if self._http is None or not self.up:
            return _refused(502, "grafana", "Grafana does not answer")
        address = "" if request.client is None else request.client.host
        if self._asking.total() >= WAITING or self._asking[address] >= BY_ADDRESS:
            return _refused(503, "busy", "too many requests to Grafana at once")
        self._asking[address] += 1
        place = contextlib.AsyncExitStack()
        place.callback(self._gone, address)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await place.enter_async_context(self._turns)
            reply = await self._ask(self._http, request, raw, query, body)
        except (aiohttp.ClientError, OSError, TimeoutError):
            await place.aclose()
            return _refused(502, "grafana", "Grafana does not answer")
        except BaseException:  # also when the screen goes away meanwhile: its place in the queue must be free again
            await place.aclose()
            raise
        place.callback(reply.close)
        given = {name: reply.headers[name] for name in _COMES if name in reply.headers}
        where = reply.headers.get("location", "")
        if where.startswith("/grafana/"):
            given["location"] = where
        return _Passed(_parts(reply), reply.status, given, place)

    async def _ask(
        self, http: aiohttp.ClientSession, request: Request, raw: str, query: list[tuple[str, str]], body: bytes | None
    ) -> aiohttp.ClientResponse:
        headers = {name: value for name, value in request.headers.items() if name in _GOES}
        if body is not None:
            headers["content-type"] = "application/json"
        return await http.request(
            request.method,
            # The path is unescaped by now; once more, and dots that the rules did not see would be steps upwards.
            self._url + quote(raw, safe="/-._~"),
            params=query,
            data=body,
            headers=headers,
            allow_redirects=False,
        )

    def _gone(self, address: str) -> None:
        self._asking[address] -= 1
        if not self._asking[address]:
            del self._asking[address]


class _Passed(StreamingResponse):
    """Grafana's answer; its place is given back also when the screen goes before the first byte."""

    def __init__(
        self, parts: AsyncIterator[bytes], status: int, headers: dict[str, str], place: contextlib.AsyncExitStack
    ) -> None:
        super().__init__(parts, status, headers)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with self._place:
            await super().__call__(scope, receive, send)


def committed() -> Iterator[str]:
    """Yield the queries of our dashboards as they are pushed to Grafana."""
    for language in (files("dashboards") / "grafana" / "json").iterdir():
        for file in language.iterdir():
            yield from questions_of(json.loads(file.read_text(encoding="utf-8")))


async def _parts(reply: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    size = 0
    async for part in reply.content.iter_any():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise OSError("an answer of Grafana is too large")
        yield part


def _refused(status: int, code: str, text: str) -> Response:
    content: dict[str, Any] = {"code": code, "text": text}
    return JSONResponse(content, status)
