"""Who asks: the session's cookie, its CSRF token, tokens of other systems, and logging in and out over HTTP.

Every route declares what its caller must be allowed to, by `needs(…)`, `page(…)` or `actor(…)` among its
dependencies, or stands in PUBLIC. `check_routes` holds it when the application is made: a route that says nothing is
never served.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Annotated, Any, Final
from urllib.parse import quote, unquote

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Scope

from duty_desk.access.door import Door, Visitor
from duty_desk.access.errors import AccessError, BadCsrfError, NoSessionError, TryLaterError, WrongRoleError
from duty_desk.access.roles import MAY, PERMISSIONS, Permission, may
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.entries import Screen
from duty_desk.web.frame import unframed
from duty_desk.web.guard import SAFE

PUBLIC: Final = frozenset(
    {"/login", "/static", "/favicon.ico", "/sw.js", "/manifest.webmanifest", "/healthz", "/api/session"}
)
"""Paths that anybody may ask for: browsers want a worker and a manifest without a session.
`/api/session` itself says 401 to who is not in."""
CSRF_HEADER: Final = "x-siaga-csrf"
SCREEN_HEADER: Final = "x-siaga-screen"
NO_SCREEN: Final = "tanpa nama"
"""The screen of a reading program that gave none."""
_SCREEN: Final[TypeAdapter[str]] = TypeAdapter(Screen)
COOKIE_S: Final = 400 * 86_400
"""How long a browser keeps the cookie: as long as any does. How long a session lasts, the desk decides."""
_MAX_HEADER: Final = 512
_MAX_TOKENS: Final = 5


class Entrance:
    """What every request is held against.

    Args:
        door: Knows who is in.
        https: Whether browsers come by TLS alone; then the cookie is sent in no other way, and to no other name.
    """

    def __init__(self, door: Door, *, https: bool) -> None:
        self.door = door
        self.cookie = "__Host-siaga" if https else "siaga"
        self._flags = "; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if https else "")

    def visitor(self, scope: Scope) -> Visitor | None:
        """Return who asks, or None when it is nobody we know."""
        headers = Headers(scope=scope)
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.door.by_bearer(bearer.strip()[:_MAX_HEADER])
        found = (self.door.by_cookie(token) for token in self.tokens(headers))
        return next((visitor for visitor in found if visitor is not None), None)

    def admit(self, scope: Scope, permission: Permission) -> Visitor:
        """Return who asks, once it is clear that they may.

        Raises:
            NoSessionError: Nobody we know.
            WrongRoleError: Their role may not, or another system wants to change something.
            BadCsrfError: It would change something, and is not proven to come from the session's own page.
        """
        visitor = self.visitor(scope)
        if visitor is None:
            raise NoSessionError
        unsafe = scope["method"] not in SAFE
        if not may(visitor.role, permission) or (unsafe and visitor.csrf is None):
            raise WrongRoleError(visitor.role, permission)
        if unsafe:
            check_csrf(scope, visitor)
        return visitor

    def tokens(self, headers: Headers) -> list[str]:
        """Return what may be the session's token, from the cookies.

        Whatever else this host serves sets cookies too, some in no form that a parser takes, and perhaps one of our
        name: none of them may keep an officer out.
        """
        pairs = (part.partition("=") for each in headers.getlist("cookie") for part in each.split(";"))
        return [value.strip()[:_MAX_HEADER] for name, _, value in pairs if name.strip() == self.cookie][:_MAX_TOKENS]

    def give(self, response: Response, token: str) -> None:
        """Let the browser keep a session's token."""
        response.headers.append("set-cookie", f"{self.cookie}={token}; Max-Age={COOKIE_S}{self._flags}")

    def take(self, response: Response) -> None:
        """Let the browser forget it."""
        response.headers.append("set-cookie", f"{self.cookie}=; Max-Age=0{self._flags}")


def check_csrf(scope: Scope, visitor: Visitor) -> None:
    """Check that a change comes with the session's own CSRF token.

    Raises:
        BadCsrfError: It does not.
    """
    given = Headers(scope=scope).get(CSRF_HEADER, "")
    # Bytes, as compare_digest takes no text beyond ASCII.
    if visitor.csrf is None or not compare_digest(given.encode(), visitor.csrf.encode()):
        raise BadCsrfError


class Needs:
    """A dependency: the request comes from somebody with a permission. `page`: who may not gets a page too."""

    def __init__(self, permission: Permission, *, page: bool = False) -> None:
        self.permission = permission
        self.page = page

    async def __call__(self, request: Request) -> Visitor:
        """Return who asks; raise AccessError otherwise."""
        entrance: Entrance = request.app.state.entrance
        return entrance.admit(request.scope, self.permission)


class _Acts(Needs):
    async def __call__(self, request: Request) -> Actor:  # type: ignore[override] # the same check, another answer
        """Return who acts, and at which screen."""
        visitor = await super().__call__(request)
        return Actor(visitor.name, visitor.role, _screen_of(request, visitor))


def needs(permission: Permission) -> Any:
    """Return a dependency that lets in who has a permission; its value is the `Visitor`."""
    return Depends(Needs(permission))


def page(permission: Permission) -> Any:
    """Return the same for a page: who is not in is sent to log in, and comes back; a wrong role is told so in words."""
    return Depends(Needs(permission, page=True))


def actor(permission: Permission) -> Any:
    """Return the same whose value is the `Actor`; what changes something must name the screen."""
    return Depends(_Acts(permission))


def screen_name(request: Request) -> str | None:
    """Return the screen's name from its header, or None without one.

    Raises:
        RequestValidationError: It is none.
    """
    given = request.headers.get(SCREEN_HEADER)
    if given is None:
        return None
    try:
        return _SCREEN.validate_python(unquote(given[:_MAX_HEADER], errors="strict"))
    except (ValidationError, UnicodeDecodeError):
        told = "expected 1 to 40 letters, digits, spaces and hyphens, as percent-encoded UTF-8"
        raise RequestValidationError([{"loc": ("header", SCREEN_HEADER), "msg": told, "type": "value_error"}]) from None


def _screen_of(request: Request, visitor: Visitor) -> str:
    screen = screen_name(request)
    if screen is None:
        if request.method not in SAFE:
            told = "the name of the screen is missing"
            raise RequestValidationError([{"loc": ("header", SCREEN_HEADER), "msg": told, "type": "missing"}])
        return NO_SCREEN
    visitor.at(screen)
    return screen


# The routes


class LogIn(BaseModel):
    """Name and password."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    name: Annotated[str, Field(max_length=80)]
    password: Annotated[str, Field(max_length=1_024)]


class SessionView(BaseModel):
    """Who is in, what they may do, what their page sends with changes, and until when it lasts without an open page."""

    login: str
    name: str
    role: str
    permissions: list[Permission]
    csrf: str | None
    ends_at_ms: int | None


def add_session(app: FastAPI, entrance: Entrance) -> None:
    """Add the log-in page, and logging in and out."""
    app.state.entrance = entrance
    login = unframed("login.html")

    @app.get("/login", include_in_schema=False)
    async def login_page() -> HTMLResponse:
        return HTMLResponse(login, headers={"cache-control": "no-cache"})

    @app.post("/api/session")
    async def log_in(request: Request, body: LogIn, response: Response) -> SessionView:
        """Log in. A wrong name and a wrong password get the same answer."""
        address = request.client.host if request.client is not None else "?"
        screen = screen_name(request)
        before = entrance.visitor(request.scope)
        token, visitor = await entrance.door.log_in(body.name, body.password, address=address, screen=screen)
        if before is not None:
            entrance.door.log_out(before)
        entrance.give(response, token)
        return _view(visitor)

    @app.get("/api/session")
    async def session(request: Request) -> SessionView:
        """Tell who is in."""
        visitor = entrance.visitor(request.scope)
        if visitor is None:
            raise NoSessionError
        return _view(visitor)

    @app.delete("/api/session", status_code=204)
    async def log_out(request: Request, response: Response) -> None:
        """Log out."""
        visitor = entrance.visitor(request.scope)
        if visitor is None:
            raise NoSessionError
        check_csrf(request.scope, visitor)
        entrance.door.log_out(visitor)
        entrance.take(response)


def _view(visitor: Visitor) -> SessionView:
    return SessionView(
        login=visitor.login,
        name=visitor.name,
        role=visitor.role,
        permissions=[each for each in PERMISSIONS if each in MAY[visitor.role]],
        csrf=visitor.csrf,
        ends_at_ms=visitor.ends_ms,
    )


# What every route declares


def declared(route: BaseRoute) -> Needs | None:
    """Return what a route needs of its caller, or None when it says nothing."""
    if isinstance(route, APIRoute):
        return _declared(route.dependant)
    found = getattr(getattr(route, "endpoint", None), "needs", None)
    return found if isinstance(found, Needs) else None


def _declared(dependant: Dependant) -> Needs | None:
    for each in dependant.dependencies:
        if isinstance(each.call, Needs):
            return each.call
        found = _declared(each)
        if found is not None:
            return found
    return None


def check_routes(app: FastAPI) -> None:
    """Check that every route says what it needs, or is public.

    Raises:
        RuntimeError: One does not; it is a mistake in the code.
    """
    for route in app.routes:
        path = getattr(route, "path", None)
        if path in PUBLIC:
            continue
        if isinstance(route, Mount) or not isinstance(route, APIRoute | Route) or declared(route) is None:
            raise RuntimeError(f"{path or route} says nothing about who may ask for it")


def access_answer(request: Request, error: AccessError) -> Response:
    """Return the answer to who may not come in."""
    route = request.scope.get("route")
    wanted = declared(route) if isinstance(route, BaseRoute) else None
    if isinstance(error, NoSessionError) and wanted is not None and wanted.page:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(path, safe='')}", status_code=303)
    if isinstance(error, WrongRoleError) and wanted is not None and wanted.page:
        return HTMLResponse(unframed("pages/wrong_role.html"), status_code=error.status)
    answer = JSONResponse({"code": error.code, "text": str(error)}, status_code=error.status)
    if isinstance(error, TryLaterError):
        answer.headers["retry-after"] = str(max(1, round(error.after_s)))
    return answer


def access_first(request: Request) -> Response | None:
    """Return what a request gets that could not be read: who may not come in is told that, and nothing else."""
    route = request.scope.get("route")
    wanted = declared(route) if isinstance(route, BaseRoute) else None
    if wanted is None:
        return None
    entrance: Entrance = request.app.state.entrance
    try:
        entrance.admit(request.scope, wanted.permission)
    except AccessError as error:
        return access_answer(request, error)
    return None
