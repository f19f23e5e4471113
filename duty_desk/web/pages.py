"""The pages as routes: who may see each, and the zone in which it tells times."""

from __future__ import annotations

from html import escape
from typing import Final

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from duty_desk.access.roles import Permission
from duty_desk.web.frame import framed, unframed
from duty_desk.web.session_api import page

_ASKED_AGAIN: Final = {"cache-control": "no-cache"}
_ROOT: Final = '<html lang="id"'


def tell_zone(app: FastAPI, time_zone: str) -> None:
    """Let the pages that are added from now on tell times in a zone, such as Asia/Jakarta, wherever a browser is."""
    app.state.time_zone = escape(time_zone)


def add_page(app: FastAPI, name: str, permission: Permission) -> None:
    """Add the page `/NAME`, for who has a permission."""
    _add(app, f"/{name}", framed(name), permission)


def add_console(app: FastAPI) -> None:
    """Add the console, at `/`."""
    _add(app, "/", unframed("index.html"), "see")


def _add(app: FastAPI, path: str, text: str, permission: Permission) -> None:
    text = text.replace(_ROOT, f'{_ROOT} data-zone="{app.state.time_zone}"', 1)

    async def show() -> HTMLResponse:
        return HTMLResponse(text, headers=_ASKED_AGAIN)

    app.add_api_route(
        path, show, methods=["GET"], include_in_schema=False, response_class=HTMLResponse,
        dependencies=[page(permission)],
    )  # fmt: skip
