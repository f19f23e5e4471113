"""What the desk answers over HTTP: the page, its events, and what officers do.

Every error is JSON: `code`, which never changes and which the page turns into words of its language, and `text`.
"""

from __future__ import annotations

import asyncio
import unicodedata
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi import Path as UrlPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from contract.identity import EventId
from contract.inventory import PhotoPath
from duty_desk.desk import DutyDesk
from duty_desk.errors import AlreadyAcceptedError, DeskError, LedgerFullError, NotPossibleError, UnknownIncidentError
from duty_desk.incidents.records import Screen
from duty_desk.settings import Desk
from duty_desk.web.guard import Guard, answer
from duty_desk.web.push import Page
from duty_desk.web.view import inventory_view, json_bytes

CONSOLE: Final = Path(str(files("duty_desk") / "console"))
MAX_OFFICER: Final = 80
_MAX_QUERY: Final = 1_000
_SCREEN: Final[TypeAdapter[str]] = TypeAdapter(Screen)
MAX_NOTE: Final = 2_000


def _name(text: str) -> str:
    text = " ".join(text.split())
    if not text or any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn") for letter in text):
        raise ValueError("expected a name in plain letters")
    return text


def _note(text: str) -> str:
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Cn") and letter not in "\n\t" for letter in text):
        raise ValueError("expected plain text")
    return text.strip()


Officer = Annotated[str, Field(min_length=1, max_length=MAX_OFFICER), AfterValidator(_name)]
Note = Annotated[str, Field(max_length=MAX_NOTE), AfterValidator(_note)]


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Accept(_Request):
    """Who takes an incident, or answers its further presses, and at which screen."""

    officer: Officer
    screen: Screen


class Close(_Request):
    """Who closes an incident, at which screen, with which note."""

    officer: Officer
    screen: Screen
    note: Note | None = None


class Shown(_Request):
    """Which press (by its `key`) a screen painted, and when by the screen's clock, in ms since 1970."""

    screen: Screen
    key: Annotated[str, Field(min_length=1, max_length=64)]
    painted_ms: Annotated[float, Field(ge=0, le=2**53, allow_inf_nan=False)]


class Fault(BaseModel):
    """An error: a code that never changes, a text, and for `already_accepted` who has the incident."""

    code: str
    text: str
    officer: str | None = None


IncidentId = Annotated[EventId, UrlPath()]
_FAULTS: dict[int | str, dict[str, Any]] = {status: {"model": Fault} for status in (404, 409, 422, 503)}


class Events:
    """GET /api/events: the stream of one page. Raw ASGI, so that nothing buffers it."""

    def __init__(self, desk: DutyDesk) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the page goes, is too slow, or the desk stops."""
        page = self._desk.push.join(_screen(scope))
        if page is None:
            await answer(send, 503, "too_many_pages", "too many pages are open")
            return
        writer = asyncio.create_task(_write(page, send), name="desk-page-write")
        reader = asyncio.create_task(_until_gone(receive), name="desk-page-gone")
        try:
            await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._desk.push.leave(page)
            reader.cancel()
            # A writer stuck on a page that does not read is cut off; any other ends its stream properly.
            await asyncio.wait((writer,), timeout=0.2)
            writer.cancel()
            await asyncio.gather(writer, reader, return_exceptions=True)


def _screen(scope: Scope) -> str | None:
    """Return the screen's name from the query, or None when there is none that can be one."""
    query = parse_qs(scope["query_string"][:_MAX_QUERY].decode("latin-1"), errors="replace")
    try:
        return _SCREEN.validate_python(query.get("screen", [""])[0])
    except ValidationError:
        return None


async def _write(page: Page, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while (chunk := await page.take()) is not None:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def make_app(desk: DutyDesk, config: Desk) -> Guard:
    """Return the application."""
    app = FastAPI(title="Siaga duty desk", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    _add_errors(app)
    _add_reading(app, desk, config)
    _add_acting(app, desk)
    app.router.routes.append(Route("/api/events", Events(desk), methods=["GET"]))
    app.mount("/static", StaticFiles(directory=CONSOLE), name="static")
    return Guard(app, config.settings.http.names)


def _add_reading(app: FastAPI, desk: DutyDesk, config: Desk) -> None:
    inventory = json_bytes(inventory_view(config.inventory, config.settings.language, config.settings.name))
    photos = {button.photo for button in config.inventory.buttons if button.photo is not None}

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(CONSOLE / "index.html")

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> FileResponse:
        return FileResponse(CONSOLE / "icon.svg", media_type="image/svg+xml")

    @app.get("/healthz")
    async def health() -> JSONResponse:
        """Tell whether the desk works: it answers, it records, and it hears and tells at least one broker."""
        beat = desk.beat()
        whole = any(up and lane not in beat["faults"] for lane, up in beat["links"].items())
        good = beat["recording"] and beat["ledger_broken"] is None and whole
        body = {**beat, "pages": desk.push.pages, "refused": dict(desk.refused)}
        body["unreachable"] = len(desk.presence.missing)
        return JSONResponse({"status": "ok" if good else "degraded", **body}, status_code=200 if good else 503)

    @app.get("/api/state")
    async def state() -> Response:
        """Tell everything a page shows."""
        return Response(json_bytes(desk.state()), media_type="application/json")

    @app.get("/api/screens")
    async def screens() -> dict[str, list[str]]:
        """Tell the names of the screens that are connected, so that a new one takes another."""
        return {"screens": desk.push.screens()}

    @app.get("/api/inventory")
    async def places() -> Response:
        """Tell what stands where, and the desk's own language."""
        return Response(inventory, media_type="application/json")

    @app.get("/api/streets")
    async def streets() -> Response:
        """Give the streets as GeoJSON; empty when the desk has none."""
        nothing = b'{"type":"FeatureCollection","features":[]}'
        return Response(config.streets or nothing, media_type="application/geo+json")

    @app.get("/photos/{name}", responses={404: {"model": Fault}})
    async def photo(name: Annotated[PhotoPath, UrlPath()]) -> FileResponse:
        """Give the photo of a button."""
        file = config.photos / name
        if name not in photos or not file.is_file():
            raise HTTPException(404)
        return FileResponse(file)


def _add_acting(app: FastAPI, desk: DutyDesk) -> None:
    @app.post("/api/incidents/{incident_id}/accept", responses=_FAULTS)
    async def accept(incident_id: IncidentId, body: Accept) -> JSONResponse:
        """Take an incident. The first officer has it; the second is told who."""
        return JSONResponse({"incident": desk.accept(incident_id, officer=body.officer, screen=body.screen)})

    @app.post("/api/incidents/{incident_id}/answer", responses=_FAULTS)
    async def answer_presses(incident_id: IncidentId, body: Accept) -> JSONResponse:
        """Silence further presses of an accepted incident, as seen."""
        return JSONResponse({"incident": desk.answer(incident_id, officer=body.officer, screen=body.screen)})

    @app.post("/api/incidents/{incident_id}/close", responses=_FAULTS)
    async def close(incident_id: IncidentId, body: Close) -> JSONResponse:
        """Close an accepted incident."""
        view = desk.close(incident_id, officer=body.officer, screen=body.screen, note=body.note)
        return JSONResponse({"incident": view})

    @app.post("/api/incidents/{incident_id}/shown", status_code=204, responses=_FAULTS)
    async def shown(incident_id: IncidentId, body: Shown) -> None:
        """Take note that a screen painted a press."""
        desk.shown(incident_id, key=body.key, screen=body.screen, painted_at_ns=round(body.painted_ms * 1_000_000))


def _add_errors(app: FastAPI) -> None:
    async def desk_error(_request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, UnknownIncidentError):
            return _fault(404, "unknown_incident", str(error))
        if isinstance(error, AlreadyAcceptedError):
            return _fault(409, "already_accepted", str(error), officer=error.officer)
        if isinstance(error, NotPossibleError):
            return _fault(409, "not_possible", str(error))
        if isinstance(error, LedgerFullError):
            return _fault(503, "ledger_full", str(error))
        raise error

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _fault(422, "invalid", f"{where}: {first['msg']}")

    async def http_error(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        return _fault(error.status_code, code, str(error.detail))

    app.add_exception_handler(DeskError, desk_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http_error)


def _fault(status: int, code: str, text: str, *, officer: str | None = None) -> JSONResponse:
    body = {"code": code, "text": text}
    if officer is not None:
        body["officer"] = officer
    return JSONResponse(body, status_code=status)
