"""What the desk that stands by answers: its page, which says who owns, and its health. ASGI."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from link.http_guard import COMMON, NO_STORE, Headers, HttpGuard, Rules

_STYLE: Final = (
    "body{margin:0;min-height:100vh;display:grid;place-content:center;gap:1.2rem;padding:2rem;"
    "font:1.1rem/1.5 system-ui,sans-serif;background:#10151b;color:#e8edf2}"
    "h1{font-size:1.6rem;margin:0}p{margin:0;max-width:44rem}a{color:#8ec5ff}.bad{color:#ffb84d}"
)
_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)
_HEADERS: Final[Headers] = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    NO_STORE,
    *COMMON,
)
_RELOAD_S: Final = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page says.

    Args:
        name: This desk's name.
        owner: Who owns; None where that is not known.
        url: Where the owner is reached.
        fault: What this desk lacks, or why it knows nothing.
        answers: Whether the shared database answers.
    """

    name: str
    owner: str | None = None
    url: str | None = None
    fault: str | None = None
    answers: bool = True


def make_app(shown: Callable[[], Shown], names: Iterable[str]) -> HttpGuard:
    """Return the application.

    Args:
        shown: Tells what stands now.
        names: Host names by which it may be asked for.
    """
    rules = Rules(
        safe=frozenset({"GET", "HEAD", "OPTIONS"}),
        max_body_bytes=1_024,
        headers=lambda path: _HEADERS,
        unknown_host="this name is not one of this desk's",
        foreign_origin="the request does not come from this desk's page",
    )
    return HttpGuard(_app(shown), names, rules)


def _app(shown: Callable[[], Shown]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _answer(scope["path"], shown())(scope, receive, send)

    return app


def _answer(path: str, shown: Shown) -> Response:
    if path == "/healthz":
        body = {
            "status": "standby",
            "desk": shown.name,
            "owner": shown.owner,
            "database": shown.answers,
            "fault": shown.fault,
        }
        return JSONResponse(body, status_code=503)
    if path.startswith("/api/"):
        text = f"{shown.name} stands by for {shown.owner or 'another desk'}"
        return JSONResponse({"code": "standby", "text": text}, status_code=503)
    return HTMLResponse(page(shown), status_code=503, headers={"retry-after": str(_RELOAD_S)})


def page(shown: Shown) -> str:
    """Return the page, in both languages; it asks again by itself, so it becomes the console at a take-over."""
    name = html.escape(shown.name)
    owner = "?" if shown.owner is None else html.escape(shown.owner)
    there = owner if shown.url is None else f'<a href="{html.escape(shown.url)}">{owner}</a>'
    lines = [
        f"<h1>{name}: siaga sebagai cadangan</h1>",
        f"<p>Meja piket yang bertugas: {there}. Halaman ini menjadi konsol dengan sendirinya "
        "bila meja ini mengambil alih.</p>",
        f'<h1 lang="en">{name} stands by</h1>',
        f'<p lang="en">The desk that owns: {there}. This page becomes the console by itself '
        "once this desk takes over.</p>",
    ]
    if not shown.answers:
        lines.append(
            '<p class="bad">Basis data bersama tidak menjawab; meja ini tidak dapat mengambil alih. / '
            "The shared database does not answer; this desk cannot take over.</p>"
        )
    if shown.fault is not None:
        lines.append(f'<p class="bad">{html.escape(shown.fault)}</p>')
    body = "\n".join(lines)
    return (
        f'<!doctype html><html lang="id"><head><meta charset="utf-8"><title>{name}: siaga</title>'
        f'<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="{_RELOAD_S}">'
        f"<style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
