"""The pages, put together once, when the desk loads: one frame for all but the console, each page's own parts in it.

A line `<!-- NAME -->` in `pages/frame.html` stands for a part. A page's file holds its parts, each after a line of its
name; one that it does not have is empty. `standing` is in every page, the console too. No part is ever made of what
came from outside.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from duty_desk.access.roles import Permission
from duty_desk.web.files import CONSOLE
from duty_desk.web.session_api import page

_PART: Final = re.compile(r"^<!-- (\w+) -->\n", re.M)
_ASKED_AGAIN: Final = {"cache-control": "no-cache"}


def add_page(app: FastAPI, name: str, permission: Permission) -> None:
    """Add the page `/NAME`, for who has a permission."""
    _add(app, f"/{name}", framed(name), permission)


def add_console(app: FastAPI) -> None:
    """Add the console, at `/`."""
    text = (CONSOLE / "index.html").read_text(encoding="utf-8")
    _add(app, "/", filled(text, {"standing": _standing()}), "see")


def framed(name: str, folder: Path = CONSOLE / "pages") -> str:
    """Return a page.

    Args:
        name: Its name: that of its files and its address.
        folder: Where the files are.

    Raises:
        OSError: There is no such page.
        ValueError: The frame has no place for a part of it.
    """
    _, *found = _PART.split((folder / f"{name}.html").read_text(encoding="utf-8"))
    parts = dict(zip(found[::2], found[1::2], strict=True)) | {"standing": _standing()}
    frame = (folder / "frame.html").read_text(encoding="utf-8").replace("PAGE", name)
    return filled(frame, parts).replace(f'<a href="/{name}"', f'<a href="/{name}" aria-current="page"')


def filled(text: str, parts: dict[str, str]) -> str:
    """Return a text with parts in their places; a place whose part is missing is left out.

    Raises:
        ValueError: A part has no place.
    """
    lost = parts.keys() - set(_PART.findall(text))
    if lost:
        raise ValueError(f"no place for {', '.join(sorted(lost))}")
    return _PART.sub(lambda place: parts.get(place[1], ""), text)


def _standing() -> str:
    return (CONSOLE / "standing.html").read_text(encoding="utf-8")


def _add(app: FastAPI, path: str, text: str, permission: Permission) -> None:
    async def show() -> HTMLResponse:
        return HTMLResponse(text, headers=_ASKED_AGAIN)

    app.add_api_route(
        path, show, methods=["GET"], include_in_schema=False, response_class=HTMLResponse,
        dependencies=[page(permission)],
    )  # fmt: skip
