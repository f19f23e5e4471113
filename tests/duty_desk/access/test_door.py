"""Coming and going through the real door: what ends a session, what is written down, and what a broken file stops."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from duty_desk.access.attempts import FREE
from duty_desk.access.changes import Changes
from duty_desk.access.door import Visitor
from duty_desk.access.errors import LogInRefusedError
from duty_desk.errors import LedgerFullError
from duty_desk.incidents.entries import AuditEntry
from duty_desk.incidents.records import Record
from duty_desk.settings import load_desk
from tests.duty_desk.access.conftest import Inside, headers, opened, until
from tests.duty_desk.conftest import PASSWORD, Desk, session_token


def told(inside: Inside) -> list[tuple[str, str | None, str | None]]:
    """Return what the ledger was given: what, who, detail."""
    entries = [(record.entry, record) for record in inside.kept]
    return [(each.what, record.text("who"), each.detail) for each, record in entries if isinstance(each, AuditEntry)]


def forget(_record: Record) -> None:
    """Keep nothing."""


async def log_in(inside: Inside, name: str = "petugas-1", password: str = PASSWORD) -> tuple[str, Visitor]:
    return await inside.door.log_in(name, password, address="192.0.2.7", screen="Layar 1")


@pytest.mark.slow
async def test_a_log_in_over_http_and_out_again(inside: Inside) -> None:
    async with inside.client() as client:
        body = {"name": " Petugas-1 ", "password": PASSWORD}
        answer = await client.post("/api/session", json=body)
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("siaga=")
        # The desk decides when it is over: a browser that forgets it would end a page that is open.
        assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=34560000"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        view = (await client.get("/api/session")).json()
        assert (view["login"], view["name"], view["role"]) == ("petugas-1", "Petugas 1", "officer")
        assert view == answer.json()
        proof = {"x-siaga-csrf": view["csrf"], "content-type": "application/json"}
        assert (await client.delete("/api/session", headers={"content-type": "application/json"})).status_code == 403
        gone = await client.delete("/api/session", headers=proof)
        assert (gone.status_code, "Max-Age=0" in gone.headers["set-cookie"]) == (204, True)
        client.cookies.clear()
        stolen = {"cookie": cookie.partition(";")[0]}
        assert (await client.get("/api/session", headers=stolen)).status_code == 401
    assert told(inside) == [("login", "petugas-1", None), ("logout", "petugas-1", None)]


@pytest.mark.parametrize(
    "cookies",
    ['a={"x":1}; {}', "{}; a=b c", "pa[th]=1; {}", "@a=1; {}", 'x="open; {}', "siaga=; siaga=other; {}", "a;{}"],
)
async def test_what_else_the_host_gave_the_browser_keeps_nobody_out(inside: Inside, cookies: str) -> None:
    sent = {"cookie": cookies.replace("{}", f"siaga={session_token('petugas-1')}")}
    async with inside.client() as client:
        assert (await client.get("/api/session", headers=sent)).status_code == 200
        assert (await client.get("/api/session", headers={"cookie": cookies})).status_code == 401


async def test_the_record_of_a_log_in_and_of_an_export_says_what_kept_the_clock(inside: Inside) -> None:
    inside.desk.board.clock = "ntp"
    async with inside.client() as client:
        assert (await client.get("/api/archive.csv", headers=headers("admin-1"))).status_code == 200
        (exported,) = inside.desk.ledger.waiting()
        inside.door.log_out(inside.door.by_cookie(session_token("petugas-1")) or pytest.fail("nobody is in"))
    assert [record.entry.at_clock for record in (*inside.kept, exported)] == ["ntp", "ntp"]


@pytest.mark.slow
async def test_a_refusal_never_says_what_was_wrong(inside: Inside) -> None:
    with Changes(inside.config.accounts, "test", forget) as changes:
        changes.disable("operator-1")
    await until(lambda: inside.door.by_cookie(session_token("operator-1")) is None)
    answers = set()
    async with inside.client() as client:
        for name, password in (("petugas-1", "wrong"), ("nobody", PASSWORD), ("operator-1", PASSWORD), ("", "")):
            answer = await client.post("/api/session", json={"name": name, "password": password})
            answers.add((answer.status_code, answer.content, answer.headers.get("set-cookie")))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401
    # A name that is none may be a password in the wrong field, so it is not written down.
    refused = [row for row in told(inside) if row[0] == "login_refused"]
    assert [row[1] for row in refused] == ["petugas-1", "?", "operator-1", "?"]


@pytest.mark.slow
async def test_a_flood_is_told_when_to_come_again(inside: Inside) -> None:
    async with inside.client("192.0.2.9") as client:
        body = {"name": "petugas-1", "password": "wrong"}
        answers = [await client.post("/api/session", json=body) for _ in range(FREE + 5)]
        assert [answer.status_code for answer in answers[:FREE]] == [401] * FREE
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["code"] == "try_later"
        assert int(refused.headers["retry-after"]) >= 1
    async with inside.client("192.0.2.10") as client:
        answer = await client.post("/api/session", json={"name": "petugas-1", "password": PASSWORD})
        assert answer.status_code == 200


@pytest.mark.parametrize("change", ["set_role", "set_password", "disable", "end_sessions"])
@pytest.mark.slow
async def test_a_change_by_another_process_ends_sessions_and_open_streams_within_two_seconds(
    inside: Inside, change: str
) -> None:
    visitor = inside.door.by_cookie(session_token("petugas-1"))
    assert visitor is not None
    ended = asyncio.Event()
    with inside.door.streaming(visitor, ended.set):
        with Changes(inside.config.accounts, "test", forget) as changes:
            more = {"set_role": ["supervisor"], "set_password": ["sepuluh huruf"]}.get(change, [])
            getattr(changes, change)("petugas-1", *more)
        async with asyncio.timeout(2):
            await ended.wait()
    assert inside.door.by_cookie(session_token("petugas-1")) is None
    assert inside.door.by_cookie(session_token("petugas-2")) is not None
    assert told(inside) == [("session_ended", "petugas-1", "changed")]
    if change == "set_password":
        with pytest.raises(LogInRefusedError):
            await log_in(inside)
        assert (await log_in(inside, password="sepuluh huruf"))[1].name == "Petugas 1"


@pytest.mark.slow
async def test_sessions_outlive_the_desk(idle: Desk) -> None:
    async with opened(load_desk(idle.config)) as inside:
        token, visitor = await log_in(inside)
        out, leaving = await log_in(inside, "petugas-2")
        inside.door.log_out(leaving)
    assert os.stat(idle.accounts).st_mode & 0o077 == 0
    assert token.encode() not in idle.accounts.read_bytes()
    async with opened(load_desk(idle.config)) as again:
        back = again.door.by_cookie(token)
        assert back is not None
        assert (back.name, back.csrf, back.ends_ms) == (visitor.name, visitor.csrf, visitor.ends_ms)
        assert again.door.by_cookie(out) is None


@pytest.mark.slow
async def test_a_full_ledger_keeps_nobody_out(inside: Inside) -> None:
    def full(_record: Record) -> None:
        raise LedgerFullError("full")

    inside.door._record = full
    token, visitor = await log_in(inside)
    inside.door.log_out(visitor)
    assert inside.door.by_cookie(token) is None


def replaced(file: Path) -> None:
    other = file.with_suffix(".other")
    other.write_bytes(b"this is no database" * 100)
    other.replace(file)


def removed(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("breaks", [replaced, removed])
@pytest.mark.slow
async def test_a_broken_accounts_file_is_told_and_those_who_are_known_go_on(inside: Inside, breaks: object) -> None:
    whole = inside.config.accounts.read_bytes()
    for suffix in ("-wal", "-shm"):
        assert inside.config.accounts.with_name("accounts.db" + suffix).exists()
    assert callable(breaks)
    breaks(inside.config.accounts)
    await until(lambda: inside.door.fault is not None)
    async with inside.client() as client:
        assert (await client.get("/api/state", headers=headers("petugas-1"))).status_code == 200
    token, _ = await log_in(inside)
    assert inside.door.by_cookie(token) is not None
    assert not inside.config.accounts.exists() or breaks is replaced
    for suffix in ("-wal", "-shm"):
        inside.config.accounts.with_name("accounts.db" + suffix).unlink(missing_ok=True)
    mended = inside.config.accounts.with_suffix(".mended")
    mended.write_bytes(whole)
    mended.replace(inside.config.accounts)
    await until(lambda: inside.door.fault is None)
    assert inside.door.by_cookie(token) is not None


async def test_by_tls_the_cookie_is_for_this_host_alone(idle: Desk) -> None:
    idle.config.write_text(idle.config.read_text() + "https = true\n")
    async with opened(load_desk(idle.config)) as inside, inside.client() as client:
        answer = await client.post("/api/session", json={"name": "petugas-1", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-siaga=")
        assert {"Secure", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        # The plain cookie of another name is not ours.
        assert (await client.get("/api/state", headers=headers("petugas-1"))).status_code == 401
