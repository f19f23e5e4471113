"""What the desk answers over HTTP: the page, its events, and what officers do.

Every error is JSON: `code`, which never changes and which the page turns into words of its language, and `text`.
"""

from __future__ import annotations

import asyncio
import time
import unicodedata
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi import Path as UrlPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from contract.identity import EventId
from contract.inventory import PhotoPath
from contract.messages import Latitude, Longitude
from duty_desk.acts import Acts
from duty_desk.desk import DutyDesk
from duty_desk.errors import AlreadyAcceptedError, DeskError, LedgerFullError, NotPossibleError, UnknownIncidentError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Report
from duty_desk.incidents.entries import CallOrigin, CancelReason, Category, ReportKey, Screen
from duty_desk.settings import Desk
from duty_desk.web.geo_api import add_geo
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
    """Who does something with an incident, at which screen, with which note."""

    officer: Officer
    screen: Screen
    note: Note | None = None

    @property
    def actor(self) -> Actor:
        """The person."""
        return Actor(self.officer, "officer", self.screen)


class Cancel(Accept):
    """Who cancels an incident, and why."""

    reason: CancelReason


class Write(Accept):
    """Who writes which note."""

    note: Annotated[Note, Field(min_length=1)]


class Call(Accept):
    """Who reports what, and where. `key` is a UUID of the page's, so that a report sent twice is one incident."""

    key: ReportKey
    origin: CallOrigin = "call"
    category: Category
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    address: Annotated[str, Field(max_length=200), AfterValidator(_note)] | None = None
    caller: Annotated[str, Field(max_length=120), AfterValidator(_note)] | None = None

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude stand together")
        if self.latitude is None and not self.address:
            raise ValueError("expected a place: latitude and longitude, or an address")
        return self


class Delivery(_Request):
    """How far a press (by its `key`) came at a screen; `painted_ms`, with `shown`, by its clock, in ms since 1970."""

    kind: Literal["delivered", "shown", "seen"] = "shown"
    officer: Officer = "-"
    screen: Screen
    key: Annotated[str, Field(min_length=1, max_length=64)]
    painted_ms: Annotated[float, Field(ge=0, le=2**53, allow_inf_nan=False)] | None = None


class Fault(BaseModel):
    """An error: a code that never changes, a text, and for `already_accepted` who has the incident."""

    code: str
    text: str
    officer: str | None = None


Verb = Literal["accept", "answer", "depart", "resolve", "close"]
_MEANS: Final[dict[Verb, str]] = {
    "accept": "Take an incident. The first has it; the second is told who.",
    "answer": "Silence further presses of an incident that is being handled, as seen.",
    "depart": "Tell that somebody is on the way.",
    "resolve": "Tell that it is over at the place.",
    "close": "Close an incident; one that is being handled is resolved by it as well.",
}
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
    _add_acting(app, Acts(desk, time.time_ns))
    app.router.routes.append(Route("/api/events", Events(desk), methods=["GET"]))
    app.mount("/static", StaticFiles(directory=CONSOLE), name="static")
    return Guard(app, config.settings.http.names)


def _add_reading(app: FastAPI, desk: DutyDesk, config: Desk) -> None:
    inventory = json_bytes(inventory_view(config.inventory, config.settings))
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

    add_geo(app, config)

    @app.get("/photos/{name}", responses={404: {"model": Fault}})
    async def photo(name: Annotated[PhotoPath, UrlPath()]) -> FileResponse:
        """Give the photo of a button."""
        file = config.photos / name
        if name not in photos or not file.is_file():
            raise HTTPException(404)
        return FileResponse(file)


def _add_acting(app: FastAPI, acts: Acts) -> None:
    @app.post("/api/incidents/{incident_id}/cancel", responses=_FAULTS)
    async def cancel(incident_id: IncidentId, body: Cancel) -> JSONResponse:
        """Cancel an incident: a false alarm, a test, a duplicate, or at the caller's request."""
        view = acts.cancel(incident_id, body.actor, reason=body.reason, note=body.note)
        return JSONResponse({"incident": view})

    @app.post("/api/incidents/{incident_id}/note", responses=_FAULTS)
    async def note(incident_id: IncidentId, body: Write) -> JSONResponse:
        """Write a note."""
        return JSONResponse({"incident": acts.note(incident_id, body.actor, body.note)})

    @app.post("/api/incidents/{incident_id}/shown", status_code=204, responses=_FAULTS)
    async def delivery(incident_id: IncidentId, body: Delivery) -> None:
        """Take note how far a press came at a screen."""
        painted_at_ns = None if body.painted_ms is None else round(body.painted_ms * 1_000_000)
        actor = Actor(body.officer, "officer", body.screen)
        acts.delivery(body.kind, incident_id, actor, key=body.key, painted_at_ns=painted_at_ns)

    for verb in get_args(Verb):
        _add_act(app, acts, verb)

    @app.post("/api/incidents", responses=_FAULTS)
    async def report(body: Call) -> JSONResponse:
        """Make an incident of a 112 call, of what a citizen or another system reports."""
        told = Report(
            key=body.key,
            origin=body.origin,
            category=body.category,
            latitude=body.latitude,
            longitude=body.longitude,
            address=body.address,
            caller=body.caller,
            text=body.note,
        )
        return JSONResponse({"incident": acts.report(told, body.actor)})


def _add_act(app: FastAPI, acts: Acts, verb: Verb) -> None:
    @app.post(f"/api/incidents/{{incident_id}}/{verb}", responses=_FAULTS, name=verb, description=_MEANS[verb])
    async def act(incident_id: IncidentId, body: Accept) -> JSONResponse:
        return JSONResponse({"incident": acts.act(verb, incident_id, body.actor, note=body.note)})


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
