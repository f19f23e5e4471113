"""Every error as JSON: `code`, which never changes and which the page turns into words of its language, and `text`."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from duty_desk.access.errors import AccessError
from duty_desk.errors import (
    AlreadyAcceptedError,
    AlreadyReportedError,
    ArchiveBusyError,
    DeskError,
    LedgerFullError,
    LedgerUnreadableError,
    NotOnDutyError,
    NotPossibleError,
    UnknownIncidentError,
)
from duty_desk.web.session_api import access_answer, access_first


class Fault(BaseModel):
    """An error: a code that never changes, a text, and for `already_accepted` who has the incident."""

    code: str
    text: str
    officer: str | None = None


_UNAVAILABLE: Final[dict[type[DeskError], str]] = {
    LedgerFullError: "ledger_full",
    LedgerUnreadableError: "ledger_unreadable",
    ArchiveBusyError: "archive_busy",
}


COMMON: Final[dict[int | str, dict[str, Any]]] = {status: {"model": Fault} for status in (401, 403, 413, 415, 421, 422)}
"""What any route may answer: who asks may not, or it cannot be read. Described once, for all of them."""


def add_errors(app: FastAPI) -> None:
    """Let the application answer every error as JSON."""

    async def desk_error(request: Request, error: Exception) -> Response:
        if isinstance(error, AccessError):
            return access_answer(request, error)
        if isinstance(error, UnknownIncidentError):
            return fault(404, "unknown_incident", str(error))
        if isinstance(error, AlreadyAcceptedError):
            return fault(409, "already_accepted", str(error), officer=error.officer)
        if isinstance(error, NotPossibleError):
            return fault(409, "not_possible", str(error))
        if isinstance(error, NotOnDutyError):
            return fault(409, "not_on_duty", str(error))
        if isinstance(error, AlreadyReportedError):
            return fault(409, "already_reported", str(error))
        for kind, code in _UNAVAILABLE.items():
            if isinstance(error, kind):
                return fault(503, code, str(error))
        raise error

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return access_first(request) or fault(422, "invalid", f"{where}: {first['msg']}")

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 400:
            # What the framework says to a body it cannot read at all, such as one that is not UTF-8.
            return access_first(request) or fault(422, "invalid", str(error.detail))
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        return access_first(request) or fault(error.status_code, code, str(error.detail))

    app.add_exception_handler(DeskError, desk_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http_error)


def fault(status: int, code: str, text: str, *, officer: str | None = None) -> JSONResponse:
    """Return an error."""
    body = {"code": code, "text": text}
    if officer is not None:
        body["officer"] = officer
    return JSONResponse(body, status_code=status)
