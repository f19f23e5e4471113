"""What stands before every request: who may ask, by which method, how much, and the headers of each answer. ASGI.

A screen has no log-in, so nothing can be changed here: reading is for all, and the few POSTs there are change no data.
Grafana's own pages bring scripts of their own; they get the headers that hold them within our frame.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, MutableMapping
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES: Final = 65_536

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
GRAFANA_POLICY: Final = "frame-ancestors 'self'; form-action 'none'; object-src 'none'"
GRAFANA: Final = "/grafana/"

_COMMON: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)
HEADERS: Final = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    *_COMMON,
)
GRAFANA_HEADERS: Final = (
    (b"content-security-policy", GRAFANA_POLICY.encode()),
    (b"x-frame-options", b"SAMEORIGIN"),
    *_COMMON,
)
_NO_STORE: Final = (b"cache-control", b"no-store")
_METHODS: Final = frozenset({"GET", "HEAD", "POST"})


class Guard:
    """Middleware around the whole application.

    Args:
        app: The application.
        names: Host names by which it may be asked for, beside IP addresses and `localhost`.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset({"localhost", *(name.lower() for name in names)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and hand it on, or answer it with an error."""
        if scope["type"] != "http":
            # No WebSocket is served, Grafana's neither.
            return
        more = GRAFANA_HEADERS if scope["path"].startswith(GRAFANA) else HEADERS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", [])
                kept = any(name == b"cache-control" for name, _ in given)
                message["headers"] = [*given, *more, *(() if kept else (_NO_STORE,))]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await answer(send_with_headers, *refusal)
            return
        if scope["method"] != "POST":
            await self._app(scope, receive, send_with_headers)
            return
        body = await _read_body(receive)
        if body is None:
            await answer(send_with_headers, 413, "too_large", f"a body is at most {MAX_BODY_BYTES} bytes")
            return
        await self._app(scope, _replay(body, receive), send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self._known(host):
            return 421, "unknown_host", "this name is not one of the wall server's; add it to [http] names"
        if scope["method"] not in _METHODS:
            return 405, "method", "the walls are for reading"
        if scope["method"] != "POST":
            return None
        origin = headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
        if foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "foreign_origin", "the request does not come from a page of this server"
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


async def _read_body(receive: Receive) -> bytes | None:
    """Return the body, or None when it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
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
