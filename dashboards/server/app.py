"""The wall server over HTTP: pages, panels and Grafana for reading; one POST, for an admin, has a screen load anew."""

from __future__ import annotations

import contextlib
import hmac
import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from dashboards.boards import DASHBOARDS
from dashboards.plan import SCREENS, Screen
from dashboards.server.guard import Guard
from dashboards.server.guests import TooManyError
from dashboards.server.panels import NotAPanelError, described
from dashboards.server.wall import Wall

PAGE: Final = Path(str(files("dashboards") / "server" / "page"))
_FILE: Final = re.compile(r"(?:[A-Za-z0-9_-]+/){0,3}[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.(js|mjs|css|json|svg)")
_TYPES: Final = {
    "js": "text/javascript",
    "mjs": "text/javascript",
    "css": "text/css",
    "json": "application/json",
    "svg": "image/svg+xml",
}
_ASKED_AGAIN: Final = {"cache-control": "no-cache"}
_ROOT: Final = '<html lang="id"'
_EMPTY: Final = b'{"type":"FeatureCollection","features":[]}'

Language = Literal["id", "en"]
Word = Annotated[str, Query(max_length=63)]


class Fault(HTTPException):
    """An error with a stable code and a text for people."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(status, text)
        self.code = code


def make_app(wall: Wall) -> FastAPI:
    """Return the application; its state has the `wall`. What stands before every request is the guard's."""
    app = FastAPI(title="Siaga walls", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.wall = wall
    app.add_exception_handler(HTTPException, _as_json)
    app.add_exception_handler(RequestValidationError, _invalid)
    _add_pages(app, wall.plan.time_zone)
    _add_screens(app, wall)
    _add_panels(app, wall)
    _add_streets(app, wall)
    _add_grafana(app, wall)
    app.add_middleware(Guard, names=wall.server.settings.http.names)
    return app


def _add_pages(app: FastAPI, time_zone: str) -> None:
    index_page, wall_page = (_told_zone(PAGE / name, time_zone) for name in ("index.html", "wall.html"))

    @app.api_route("/", methods=["GET", "HEAD"])
    async def index() -> Response:
        return HTMLResponse(index_page, headers=_ASKED_AGAIN)

    @app.api_route("/wall/{number}", methods=["GET", "HEAD"])
    async def screen(number: int) -> Response:
        if not 1 <= number <= SCREENS:
            raise Fault(404, "no_screen", f"screens are 1 to {SCREENS}")
        return HTMLResponse(wall_page, headers=_ASKED_AGAIN)

    @app.api_route("/static/{name:path}", methods=["GET", "HEAD"])
    async def static(name: str) -> Response:
        found = _FILE.fullmatch(name)
        if found is None or not (PAGE / name).is_file():
            raise Fault(404, "no_file", "there is no such file")
        return FileResponse(PAGE / name, headers=_ASKED_AGAIN, media_type=_TYPES[found.group(1)])


def _told_zone(file: Path, time_zone: str) -> str:
    """Return a page that tells times in a zone, wherever its browser is."""
    return file.read_text(encoding="utf-8").replace(_ROOT, f'{_ROOT} data-zone="{escape(time_zone)}"', 1)


def _add_screens(app: FastAPI, wall: Wall) -> None:
    def known(number: int) -> Screen:
        found = wall.plan.screen(number)
        if found is None:
            raise Fault(404, "no_screen", f"wall.toml has no screen {number}"[:100])
        return found

    @app.get("/api/wall")
    async def overview() -> dict[str, Any]:
        return await wall.overview()

    @app.get("/api/screen/{number}")
    async def state(request: Request, number: int, seen: Word = "") -> dict[str, Any]:
        return await wall.next_state(known(number), seen, _address(request))

    @app.get("/api/incident/{incident_id}")
    async def incident(incident_id: str, language: Language = "id") -> dict[str, Any]:
        found = await wall.scene(incident_id, language)
        if found is None:
            raise Fault(404, "no_incident", "no incident of this name is known here")
        return found

    @app.post("/api/reload/{number}", status_code=202)
    async def reload(number: int, request: Request) -> dict[str, Any]:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = wall.server.admin_token
        if token is None or not hmac.compare_digest(given.encode(), token.encode()):
            raise Fault(401, "not_admin", "this needs the token of admin_token_file: Authorization: Bearer …")
        wall.reload(known(number).number)
        return {"number": number}


def _add_panels(app: FastAPI, wall: Wall) -> None:
    panels = wall.panels

    @app.get("/api/dashboard/{uid}")
    async def dashboard(uid: str, language: Language = "id") -> dict[str, Any]:
        if uid not in DASHBOARDS:
            raise Fault(404, "no_panel", "there is no such dashboard")
        return described(DASHBOARDS[uid], language)

    @app.get("/api/health/{uid}")
    async def health(
        request: Request,
        uid: str,
        device: Word = "",
        sensor: Word = "",
        range_s: Annotated[int | None, Query(alias="range")] = None,
        language: Language = "id",
    ) -> dict[str, Any]:
        with _place(wall, request, uid, device, sensor, range_s) as guest:
            return await panels.health(
                uid, device=device, sensor=sensor, range_s=range_s, language=language, guest=guest
            )

    @app.get("/api/panel/{uid}/{panel}")
    async def answer(
        request: Request,
        uid: str,
        panel: str,
        from_ms: Annotated[int | None, Query(alias="from")] = None,
        to_ms: Annotated[int | None, Query(alias="to")] = None,
        range_s: Annotated[int | None, Query(alias="range")] = None,
        device: Word = "",
        sensor: Word = "",
        language: Language = "id",
    ) -> dict[str, Any]:
        bounded = from_ms is not None or to_ms is not None
        with _place(wall, request, uid, device, sensor, range_s, bounded=bounded) as guest:
            return await panels.answer(
                uid,
                panel,
                from_ms=from_ms,
                to_ms=to_ms,
                range_s=range_s,
                device=device,
                sensor=sensor,
                language=language,
                guest=guest,
            )


@contextlib.contextmanager
def _place(wall: Wall, request: Request, *choice: Any, bounded: bool = False) -> Iterator[bool]:
    """Take a place for a question that no screen asks; tell whether it is one."""
    guest = wall.guests.is_guest(*choice, bounded=bounded)
    try:
        with wall.guests.asking(_address(request)) if guest else contextlib.nullcontext():
            yield guest
    except TooManyError:
        text = "too many questions at once that no screen of the wall asks; ask again in a moment"
        raise Fault(429, "too_many", text) from None
    except NotAPanelError as error:
        raise Fault(404, "no_panel", str(error)) from None


def _add_streets(app: FastAPI, wall: Wall) -> None:
    async def streets() -> Response:
        body = wall.server.streets or _EMPTY
        return Response(body, media_type="application/geo+json", headers=_ASKED_AGAIN)

    app.add_api_route("/api/streets", streets, methods=["GET"])
    # Grafana's maps draw the same streets: one origin, no other address.
    app.add_api_route("/map/streets.geojson", streets, methods=["GET"])


def _add_grafana(app: FastAPI, wall: Wall) -> None:
    async def grafana(request: Request) -> Response:
        if wall.grafana is None:
            raise Fault(404, "no_grafana", "wall-server.toml names no [grafana]")
        return await wall.grafana.pass_on(request)

    app.add_api_route("/grafana/{path:path}", grafana, methods=["GET", "POST"], response_model=None)


def _address(request: Request) -> str:
    return "" if request.client is None else request.client.host


async def _as_json(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = error.code if isinstance(error, Fault) else "http"
    return JSONResponse({"code": code, "text": error.detail}, error.status_code, headers=error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    return JSONResponse({"code": "invalid", "text": "a parameter is not what it should be"}, 422)
