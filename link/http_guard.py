"""What stands before every request to a server of the centre: who may ask, how much, and each answer's headers. ASGI.

- Host: an IP address, `localhost` or a configured name. A foreign name that resolves to us (DNS rebinding) is refused.
- A request that changes something comes from our own page or from a program: its Origin, where there is one, names us,
  and its body is JSON, which no foreign form can send.
- A body is held in memory up to a limit, and a larger one is refused.

Imported by name, not from `link`: a box has no Starlette.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = tuple[tuple[bytes, bytes], ...]
NO_STORE: Final = (b"cache-control", b"no-store")
COMMON: Final[Headers] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)
"""The headers that no server does without; its policy of contents is each server's own."""


@dataclass(frozen=True)
class Rules:
    """What one server asks of a request.

    Args:
        safe: Methods that change nothing; all others are checked for where they come from.
        max_body_bytes: The largest body.
        headers: Gives the headers of an answer by the path that was asked for.
        unknown_host: Tells of a name that is not ours.
        foreign_origin: Tells of a page that is not ours.
        methods: The only methods there are; None: the application knows.
        refused_method: Tells of another one.
    """

    safe: frozenset[str]
    max_body_bytes: int
    headers: Callable[[str], Headers]
    unknown_host: str
    foreign_origin: str
    methods: frozenset[str] | None = None
    refused_method: str = ""


class HttpGuard:
    """Middleware around a whole application; what is not HTTP it hands on.

    Args:
        app: The application.
        names: Host names by which it may be asked for, beside IP addresses and `localhost`.
        rules: What is asked of a request.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], rules: Rules) -> None:
        self._app = app
        self._names = frozenset({"localhost", *(name.lower() for name in names)})
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and hand it on, or answer it with an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more = self._rules.headers(scope["path"])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", [])
                # What may be kept says so itself.
                kept = any(name == b"cache-control" for name, _ in given)
                message["headers"] = [*given, *more, *(() if kept else (NO_STORE,))]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await answer(send_with_headers, *refusal)
            return
        if scope["method"] in self._rules.safe:
            await self._app(scope, receive, send_with_headers)
            return
        body = await _read_body(receive, self._rules.max_body_bytes)
        if body is None:
            text = f"a body is at most {self._rules.max_body_bytes} bytes"
            await answer(send_with_headers, 413, "too_large", text)
            return
        await self._app(scope, _replay(body, receive), send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        rules = self._rules
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self._known(host):
            return 421, "unknown_host", rules.unknown_host
        if rules.methods is not None and scope["method"] not in rules.methods:
            return 405, "method", rules.refused_method
        if scope["method"] in rules.safe:
            return None
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return 403, "foreign_origin", rules.foreign_origin
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "foreign_origin", rules.foreign_origin
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "not_json", "the body must be application/json"
        return None

    def _known(self, host: str) -> bool:
        name = host.lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


async def answer(send: Send, status: int, code: str, text: str) -> None:
    """Answer with an error as JSON: a stable code and a text for people."""
    body = json.dumps({"code": code, "text": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _read_body(receive: Receive, most: int) -> bytes | None:
    """Return the body, or None when it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
