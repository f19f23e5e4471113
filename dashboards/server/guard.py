"""What the wall server asks of a request: a name that is ours, and GET, HEAD or a POST from one of its own pages.

A screen has no log-in, so nothing can be changed here: reading is for all, and the few POSTs there are change no data.
Grafana's own pages bring scripts of their own; they get the headers that hold them within our frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from link.http_guard import COMMON, Headers, HttpGuard, Rules

MAX_BODY_BYTES: Final = 65_536

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
GRAFANA_POLICY: Final = "frame-ancestors 'self'; form-action 'none'; object-src 'none'"
GRAFANA: Final = "/grafana/"

HEADERS: Final[Headers] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    *COMMON,
)
GRAFANA_HEADERS: Final[Headers] = (
    (b"content-security-policy", GRAFANA_POLICY.encode()),
    (b"x-frame-options", b"SAMEORIGIN"),
    *COMMON,
)
_SAFE: Final = frozenset({"GET", "HEAD"})
_RULES: Final = Rules(
    safe=_SAFE,
    max_body_bytes=MAX_BODY_BYTES,
    headers=lambda path: GRAFANA_HEADERS if path.startswith(GRAFANA) else HEADERS,
    unknown_host="this name is not one of the wall server's; add it to [http] names",
    foreign_origin="the request does not come from a page of this server",
    methods=_SAFE | {"POST"},
    refused_method="the walls are for reading",
)


class Guard(HttpGuard):
    """Middleware around the whole application.

    Args:
        app: The application.
        names: Host names by which it may be asked for, beside IP addresses and `localhost`.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        super().__init__(app, names, _RULES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and hand it on, or answer it with an error."""
        # No WebSocket is served, Grafana's neither.
        if scope["type"] == "http":
            await super().__call__(scope, receive, send)
