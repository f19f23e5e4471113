"""What stands before every request, for the desk's and the wall server's rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.server.guard import MAX_BODY_BYTES as WALL_MOST
from dashboards.server.guard import Guard as WallGuard
from duty_desk.web.guard import MAX_BODY_BYTES as DESK_MOST
from duty_desk.web.guard import Guard as DeskGuard

JSON: dict[str, Any] = {"content-type": "application/json; charset=utf-8"}


class App:
    """Keeps what comes through, and answers with what it was sent."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self.seen.append(scope["type"])
        if scope["type"] != "http":
            return
        body = (await receive()).get("body", b"") if scope["method"] == "POST" else b""
        headers = [(b"cache-control", b"max-age=60")] if scope["path"] == "/kept" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def ask(
    guard: ASGIApp, method: str = "GET", path: str = "/", parts: tuple[bytes, ...] = (b"",), **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of what is answered."""
    named = {name.replace("_", "-"): value for name, value in ({"host": "127.0.0.1:80"} | headers).items()}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    given = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]
    told: list[Message] = []

    async def receive() -> Message:
        return given.pop(0)

    async def send(message: Message) -> None:
        told.append(message)

    await guard(scope, receive, send)
    start, end = told
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, end["body"]


@pytest.fixture(params=[DeskGuard, WallGuard])
def guard(request: pytest.FixtureRequest) -> Any:
    """Return one server's guard around an application."""
    return request.param(App(), ["Meja.Example"])


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]:8080", "localhost:1", "meja.example", "MEJA.example:80"])
async def test_a_name_of_ours_is_answered(guard: ASGIApp, host: str) -> None:
    assert (await ask(guard, host=host))[0] == 200


@pytest.mark.parametrize("host", ["", "evil.example", "meja.example.evil", "127.0.0.1.evil", "x@localhost"])
async def test_another_name_is_not(guard: ASGIApp, host: str) -> None:
    status, headers, body = await ask(guard, host=host)
    assert (status, json.loads(body)["code"]) == (421, "unknown_host")
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (JSON, 200),
        (JSON | {"origin": "http://127.0.0.1:80", "sec-fetch-site": "same-origin"}, 200),
        (JSON | {"sec-fetch-site": "none"}, 200),
        (JSON | {"origin": "null"}, 403),
        (JSON | {"origin": "http://127.0.0.1:81"}, 403),
        (JSON | {"sec-fetch-site": "cross-site"}, 403),
        (JSON | {"sec-fetch-site": "same-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({}, 415),
    ],
)
async def test_what_changes_something_comes_from_our_page_as_json(
    guard: ASGIApp, headers: dict[str, Any], expected: int
) -> None:
    assert (await ask(guard, "POST", parts=(b"{", b"}"), **headers))[0] == expected


@pytest.mark.parametrize(("make", "most"), [(DeskGuard, DESK_MOST), (WallGuard, WALL_MOST)])
async def test_a_body_is_held_up_to_its_limit_in_parts_too(make: Any, most: int) -> None:
    guard = make(App(), [])
    half = b"x" * (most // 2)
    status, _, body = await ask(guard, "POST", parts=(half, half), **JSON)
    assert (status, len(body)) == (200, most)
    status, _, body = await ask(guard, "POST", parts=(half, half, b"x"), **JSON)
    assert (status, json.loads(body)["code"]) == (413, "too_large")


async def test_methods_are_the_application_s_at_the_desk_and_few_at_the_walls() -> None:
    desk, walls = App(), App()
    assert (await ask(DeskGuard(desk, []), "OPTIONS"))[0] == 200
    assert (await ask(DeskGuard(desk, []), "DELETE", **JSON))[0] == 200
    assert (await ask(DeskGuard(desk, []), "DELETE"))[0] == 415
    for method in ("OPTIONS", "DELETE", "PUT", "TRACE"):
        assert (await ask(WallGuard(walls, []), method, **JSON))[0] == 405
    assert (len(desk.seen), walls.seen) == (2, [])


async def test_each_answer_carries_its_headers() -> None:
    _, plain, _ = await ask(DeskGuard(App(), []))
    assert plain["cache-control"] == "no-store"
    assert "strict-transport-security" not in plain
    _, secure, _ = await ask(DeskGuard(App(), [], https=True), path="/kept")
    assert (secure["cache-control"], "strict-transport-security" in secure) == ("max-age=60", True)
    _, wall, _ = await ask(WallGuard(App(), []))
    assert (wall["x-frame-options"], wall["x-content-type-options"]) == ("DENY", "nosniff")
    _, framed, _ = await ask(WallGuard(App(), []), path="/grafana/d/x")
    assert (framed["x-frame-options"], "script-src" in framed["content-security-policy"]) == ("SAMEORIGIN", False)


async def test_a_socket_is_the_desk_s_to_refuse_and_comes_to_no_wall() -> None:
    async def nothing(*_: Message) -> Any:
        raise AssertionError("nothing is sent or received")

    desk, walls = App(), App()
    await DeskGuard(desk, [])({"type": "websocket"}, nothing, nothing)
    await WallGuard(walls, [])({"type": "websocket"}, nothing, nothing)
    assert (desk.seen, walls.seen) == (["websocket"], [])
