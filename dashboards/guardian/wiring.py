"""The guardian's routes in the wall server, and what it needs of the wall."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contract.errors import BodyError
from dashboards.boards import DASHBOARDS
from dashboards.guardian.figures import CONTENT_TYPE
from dashboards.guardian.guardian import Data, Guardian, LookAtData, Publisher
from dashboards.server.app import PAGE
from dashboards.server.wall import Wall

_PAGE_FILES: Final = ("*.html", "*.js", "*.css", "*.json")
NO_ANSWER_MS: Final = 10_000


def add_guardian(app: FastAPI, guardian: Guardian) -> None:
    """Add `POST /api/screen/{n}/alive`, `GET /api/screens` and `GET /metrics`.

    The POST changes no data. It makes a screen look worse at most, never better: see the judge.
    """

    async def alive(request: Request) -> Response:
        try:
            number = int(request.path_params["number"])
            origin = request.client.host if request.client is not None else ""
            told = guardian.heard(number, origin, await request.body())
        except BodyError as error:
            return JSONResponse({"code": "invalid", "text": str(error)[:300]}, 422)
        except (KeyError, ValueError):
            return JSONResponse({"code": "no_screen", "text": "wall.toml has no such screen"}, 404)
        return JSONResponse(told)

    async def screens(request: Request) -> Response:
        return JSONResponse({str(number): told for number, told in guardian.faults().items()})

    async def figures(request: Request) -> Response:
        return Response(guardian.metrics(), media_type=CONTENT_TYPE)

    # Plain routes, before all others: 24 screens beat twelve times a second.
    app.router.routes[:0] = [
        Route("/api/screen/{number}/alive", alive, methods=["POST"]),
        Route("/api/screens", screens, methods=["GET"]),
        Route("/metrics", figures, methods=["GET"]),
    ]


def guardian_of(wall: Wall, sessions: Sequence[Publisher]) -> Guardian:
    """Return the guardian of a wall's screens, which the index page then knows of."""
    numbers = [screen.number for screen in wall.plan.screens]
    guardian = Guardian(numbers, data_of(wall), version=page_version(PAGE), sessions=sessions)
    wall.faults = guardian.faults
    return guardian


def page_version(folder: Path) -> str:
    """Return a short name of what the pages are now: another one when a file of ours is another."""
    digest = hashlib.sha256()
    for file in sorted(file for pattern in _PAGE_FILES for file in folder.glob(pattern)):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def data_of(wall: Wall) -> LookAtData:
    """Return what looks at the data of each screen of a wall."""

    async def look() -> dict[int, Data]:
        found = await wall.overview()
        silent_ms = found["no_answer_since_ms"]
        silent = silent_ms is not None and found["now_ms"] - silent_ms > NO_ANSWER_MS
        told: dict[int, Data] = {}
        for screen in wall.plan.screens:
            entry = next(each for each in found["screens"] if each["number"] == screen.number)
            told[screen.number] = _judged(entry["data"], entry["uid"], found["now_ms"], silent)
        return told

    return look


def _judged(data: dict[str, Any], uid: str, now_ms: int, silent: bool) -> Data:
    age_s = None if data["newest_ms"] is None else max(0.0, (now_ms - data["newest_ms"]) / 1_000)
    if silent:
        return Data(("stale", "store_silent"), age_s)
    can_be_stale = sum(1 for panel in DASHBOARDS[uid].panels if panel.questions and panel.stale_s is not None)
    # Some panels without fresh data say so themselves; a screen on which all are old has nothing to show.
    old = can_be_stale > 0 and data["stale"] >= can_be_stale
    return Data(("stale", "data_old") if old else None, age_s)
