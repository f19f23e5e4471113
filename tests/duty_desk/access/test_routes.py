"""Every route, asked by every role, by nobody, by another system and without the session's own token."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from contract.identity import new_event_id
from duty_desk.access.changes import Changes
from duty_desk.access.roles import MAY, PERMISSIONS, ROLES, Permission
from duty_desk.web.guard import SAFE
from duty_desk.web.session_api import PUBLIC, check_routes, declared
from tests.duty_desk.access.conftest import Inside, headers, until
from tests.duty_desk.conftest import NAMES, REPO

STREAMS = {"/api/events"}
"""Whoever may come in gets an answer without end, so only the refusals are asked for here."""


def routes(inside: Inside) -> Iterator[tuple[str, str, Permission, bool]]:
    """Yield each route that is not public: method, path, what it needs, whether it is a page."""
    for route in application(inside).routes:
        path = getattr(route, "path", "")
        if path in PUBLIC:
            continue
        needs = declared(route)
        assert needs is not None, path
        for method in sorted(methods(route)):
            yield method, re.sub(r"\{[^}]*\}", new_event_id(), path), needs.permission, needs.page


def methods(route: BaseRoute) -> set[str]:
    assert isinstance(route, APIRoute | Route)
    return set(route.methods or ()) - {"HEAD", "OPTIONS"}


def application(inside: Inside) -> FastAPI:
    app = inside.app._app
    assert isinstance(app, FastAPI)
    return app


async def ask(client: httpx.AsyncClient, method: str, path: str, sent: dict[str, str]) -> tuple[int, str]:
    answer = await client.request(method, path, headers=sent, content=None if method in SAFE else b"{}")
    code = answer.json().get("code", "") if answer.headers.get("content-type") == "application/json" else ""
    return answer.status_code, code


async def test_every_route_answers_each_role_as_the_table_says(inside: Inside) -> None:
    asked, refused = 0, {(401, "no_session"), (403, "wrong_role"), (403, "bad_csrf")}
    async with inside.client() as client:
        for method, path, permission, page in routes(inside):
            nobody = await ask(client, method, path, headers(None))
            assert nobody == ((303, "") if page else (401, "no_session")), (method, path)
            for role in ROLES:
                if path in STREAMS and permission in MAY[role]:
                    continue
                answer = await ask(client, method, path, headers(NAMES[role][0]))
                if permission in MAY[role]:
                    assert answer not in refused, (method, path, role)
                    assert answer[0] < 500 or path == "/healthz", (method, path, role, answer)
                else:
                    assert answer == (403, "" if page else "wrong_role"), (method, path, role)
                asked += 1
    assert asked > 60


async def test_what_changes_something_needs_the_sessions_own_token_after_the_role(inside: Inside) -> None:
    forged = [None, "", "0" * 64, headers("petugas-2")["x-siaga-csrf"], "é"]
    async with inside.client() as client:
        for method, path, permission, _page in routes(inside):
            if method in SAFE:
                continue
            for role in ROLES:
                for csrf in forged:
                    sent = headers(NAMES[role][0]) | ({} if csrf is None else {"x-siaga-csrf": csrf})
                    if csrf is None:
                        del sent["x-siaga-csrf"]
                    wanted = (403, "bad_csrf" if permission in MAY[role] else "wrong_role")
                    raw = {name.encode(): value.encode() for name, value in sent.items()}
                    answer = await client.request(method, path, headers=raw, content=b"{}")
                    assert (answer.status_code, answer.json()["code"]) == wanted, (method, path, role, csrf)


async def test_who_may_not_come_in_is_told_that_even_with_a_broken_body(inside: Inside) -> None:
    own = f"/api/incidents/{new_event_id()}/accept"
    async with inside.client() as client:
        for body in (b"{", b"\xff\xfe", b"[]", b'{"note": 7}'):
            assert (await client.post(own, headers=headers(None), content=body)).status_code == 401
            assert (await client.post(own, headers=headers("tamu-1"), content=body)).status_code == 403
            assert (await client.post(own, headers=headers("petugas-1"), content=body)).status_code in (400, 422)


async def test_a_page_sends_who_is_not_in_to_the_log_in_and_back(inside: Inside) -> None:
    async with inside.client() as client:
        answer = await client.get("/?a=b&c")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F%3Fa%3Db%26c")
        assert (await client.get("/login")).status_code == 200
        assert (await client.get("/", headers=headers("petugas-1"))).status_code == 200


async def test_a_page_for_another_role_says_so_in_both_languages_and_leads_on(inside: Inside) -> None:
    async with inside.client() as client:
        for path in ("/call", "/archive"):
            answer = await client.get(path, headers=headers("tamu-1"))
            assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
            assert answer.headers["cache-control"] == "no-store"
            for word in ("tidak boleh membuka halaman ini", "may not open this page", 'href="/"', 'href="/login"'):
                assert word in answer.text, word
        # What a program asks for stays JSON.
        assert (await client.get("/api/archive", headers=headers("tamu-1"))).json()["code"] == "wrong_role"


async def test_another_system_reads_with_its_token_and_changes_nothing(inside: Inside) -> None:
    with Changes(inside.config.accounts, "test", lambda _record: None) as changes:
        token = changes.add_token("walls")
    path = f"/api/incidents/{new_event_id()}"
    async with inside.client() as client:
        bearer = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        await until(lambda: inside.door.by_bearer(token) is not None)
        assert (await client.get("/api/state", headers=bearer)).status_code == 200
        for verb in ("accept", "shown", "note"):
            answer = await client.post(f"{path}/{verb}", headers=bearer, content=b"{}")
            assert (answer.status_code, answer.json()["code"]) == (403, "wrong_role")
        assert (await client.get("/api/state", headers={"authorization": "Bearer other"})).status_code == 401
        # A token and a cookie: the token counts, and nobody gets more by sending both.
        both = headers("petugas-1") | {"authorization": "Bearer other"}
        assert (await client.get("/api/state", headers=both)).status_code == 401


async def test_the_screen_comes_in_its_header(inside: Inside) -> None:
    path = f"/api/incidents/{new_event_id()}/accept"
    async with inside.client() as client:
        for screen, status in (
            ("Layar%201", 404),
            ("Layar%20%C3%A9", 404),
            ("..%2F", 422),
            ("%FF", 422),
            ("x" * 41, 422),
        ):
            sent = headers("petugas-1") | {"x-siaga-screen": screen}
            assert (await client.post(path, headers=sent, content=b"{}")).status_code == status, screen
        sent = headers("petugas-1")
        del sent["x-siaga-screen"]
        answer = await client.post(path, headers=sent, content=b"{}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_a_route_that_says_nothing_is_never_served() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    check_routes(app)

    @app.get("/api/open")
    async def open_to_all() -> None:
        """Say nothing of who may ask."""

    with pytest.raises(RuntimeError, match="/api/open says nothing"):
        check_routes(app)


def test_every_role_stands_in_the_table_and_every_permission_is_somebodys() -> None:
    assert set(MAY) == set(ROLES)
    assert set().union(*MAY.values()) == set(PERMISSIONS)
    assert all("see" in each for each in MAY.values())
    assert MAY["viewer"] == {"see"}


def test_the_docs_show_the_table_as_it_is() -> None:
    lines = (REPO / "docs" / "access.md").read_text().splitlines()
    start = lines.index("| role | " + " | ".join(PERMISSIONS) + " |")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start + 2 : start + 2 + len(ROLES)]]
    assert rows == [[role, *("yes" if each in MAY[role] else "" for each in PERMISSIONS)] for role in ROLES]
