"""What the desk asks of a request, before anybody asks who it comes from: that is session_api.py's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp

from link.http_guard import COMMON, Headers, HttpGuard, Rules

MAX_BODY_BYTES: Final = 16_384

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS: Final[Headers] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    *COMMON,
)

HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
"""Only where browsers come by TLS: they will come in no other way for a year."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


class Guard(HttpGuard):
    """Middleware around the whole application.

    Args:
        app: The application.
        names: Host names by which the page may be asked for, beside IP addresses and `localhost`.
        https: Whether browsers come by TLS.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], *, https: bool = False) -> None:
        headers = (*HEADERS, HSTS) if https else HEADERS
        rules = Rules(
            safe=SAFE,
            max_body_bytes=MAX_BODY_BYTES,
            headers=lambda path: headers,
            unknown_host="this name is not one of this desk's",
            foreign_origin="the request does not come from this desk's page",
        )
        super().__init__(app, names, rules)
