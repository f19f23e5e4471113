"""What pages and other systems read, over HTTP."""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi import Path as UrlPath
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from contract.inventory import PhotoPath
from duty_desk.access.door import Visitor
from duty_desk.access.roles import may_read
from duty_desk.desk import DutyDesk
from duty_desk.settings import Desk
from duty_desk.web.faults import Fault
from duty_desk.web.files import CONSOLE
from duty_desk.web.geo_api import add_geo
from duty_desk.web.pages import add_console
from duty_desk.web.session_api import needs
from duty_desk.web.view import inventory_view, json_bytes

_SEE = [needs("see")]


def add_reading(app: FastAPI, desk: DutyDesk, config: Desk) -> None:
    """Add the officer's page and what it reads."""
    inventory = json_bytes(inventory_view(config.inventory, config.settings))
    photos = {button.photo for button in config.inventory.buttons if button.photo is not None}

    add_console(app)

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> FileResponse:
        return FileResponse(CONSOLE / "icon.svg", media_type="image/svg+xml")

    @app.get("/healthz")
    async def health() -> JSONResponse:
        """Tell whether the desk works: it answers, it records, and it hears and tells at least one broker.

        One of two desks that may not act, as it reaches neither the database nor a broker, is a standby.
        """
        good, body = _health(desk)
        status = ("ok" if good else "degraded") if desk.may_act() else "standby"
        return JSONResponse({"status": status, **body}, status_code=200 if status == "ok" else 503)

    @app.get("/api/openapi.json", include_in_schema=False, dependencies=_SEE)
    async def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/api/state")
    async def state(visitor: Annotated[Visitor, needs("see")]) -> Response:
        """Tell everything a page shows. Callers and the texts of notes are null for who may not see the archive."""
        return Response(json_bytes(desk.state(veil=not may_read(visitor.role))), media_type="application/json")

    @app.get("/api/beat", dependencies=_SEE)
    async def beat() -> Response:
        """Tell the desk's health, the bells that sound and the drill that runs, as the event `beat` does."""
        return Response(json_bytes(desk.beat()), media_type="application/json")

    @app.get("/api/screens", dependencies=_SEE)
    async def screens() -> dict[str, list[str]]:
        """Tell the names of the screens that are connected, so that a new one takes another."""
        return {"screens": desk.push.screens()}

    @app.get("/api/inventory", dependencies=_SEE)
    async def places() -> Response:
        """Tell what stands where, and the desk's own language."""
        return Response(inventory, media_type="application/json")

    add_geo(app, config, _SEE)

    @app.get("/photos/{name}", dependencies=_SEE, responses={404: {"model": Fault}})
    async def photo(name: Annotated[PhotoPath, UrlPath()]) -> FileResponse:
        """Give the photo of a button."""
        file = config.photos / name
        if name not in photos or not file.is_file():
            raise HTTPException(404)
        return FileResponse(file)


def _health(desk: DutyDesk) -> tuple[bool, dict[str, Any]]:
    """Return whether it works, and what anybody may know of it: no names."""
    beat = desk.beat()
    whole = any(up and lane not in beat["faults"] for lane, up in beat["links"].items())
    recorded = beat["recording"] and beat["ledger_broken"] is None
    good = recorded and whole and beat["accounts_fault"] is None and not beat["failing"]
    body = {**beat, "pages": desk.push.pages, "refused": dict(desk.refused)}
    body["duty"] = [fault["kind"] for fault in beat["duty"]["faults"]]
    body["sirens"], body["desks"] = len(beat["sirens"]), len(beat["desks"])
    body["bells"] = sum(not bell["silenced"] for bell in beat["bells"])
    body["drill"] = beat["drill"] is not None
    body["synthetic"] = [broken.hop for broken in desk.synthetic.judge.broken]
    body["silent_buttonless"] = len(desk.buttonless.missing)
    body["troubles"] = dict(Counter(one.kind for one in desk.supervision.troubles(time.time())))
    body["clock"] = desk.board.clock
    body["unreachable"] = len(desk.presence.missing)
    body["screens"] = desk.ringing.screens.counts()
    return good, body
