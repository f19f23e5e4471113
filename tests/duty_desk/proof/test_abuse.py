"""The console's row of the bad-input table: what is sent to the desk to break it, each with the answer it gets."""

from __future__ import annotations

import http.client
import json
import socket

import psutil
import pytest

from contract.identity import new_event_id
from duty_desk.web.guard import MAX_BODY_BYTES
from tests.duty_desk.conftest import PASSWORD, SCREEN, Desk, session_headers

MEGABYTE = 1_000_000
QUICK_S = 3.0

pytestmark = pytest.mark.slow


def _ask(desk: Desk, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """Return status and body of what is sent as it is, in a session; headers given here come before the session's."""
    connection = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=10)
    sent = {name.replace("_", "-"): value for name, value in (session_headers("petugas-1") | headers).items()}
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _worked_s(desk: Desk) -> float:
    """Return how long the desk has worked: a machine with other work makes no request a bomb."""
    return sum(psutil.Process(desk.process.pid).cpu_times()[:2])


def _code(answer: tuple[int, bytes]) -> tuple[int, str]:
    return answer[0], json.loads(answer[1])["code"]


def test_a_name_of_a_megabyte_is_too_large_wherever_it_is_put(running: Desk) -> None:
    name = "x" * MEGABYTE
    incident = running.incidents()[0]["id"]
    for path, body in (
        ("/api/session", {"name": name, "password": PASSWORD}),
        ("/api/session", {"name": "petugas-1", "password": name}),
        (f"/api/incidents/{incident}/note", {"note": name}),
        ("/api/incidents", {"key": "k", "category": "crime", "address": "Jl. Braga", "caller": name}),
    ):
        assert _code(_ask(running, "POST", path, json.dumps(body).encode())) == (413, "too_large")
    # Without a length it is read only as far as a body may be.
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as raw:
        head = "POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        raw.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        piece = b"1000\r\n" + b"x" * 4_096 + b"\r\n"
        raw.sendall(piece * (MAX_BODY_BYTES // 4_096 + 1))
        assert b" 413 " in raw.recv(4_096)
    # In a header or an address it never comes as far as the desk's own code.
    for path, screen in (("/api/state", name), (f"/api/places?q={name}", "Layar 1")):
        status = _status_of_huge(running, path, screen)
        assert status in (None, 400, 414, 431)
    assert _code(_ask(running, "POST", f"/api/incidents/{incident}/accept", b"{}", x_siaga_screen="x" * 41)) == (
        422,
        "invalid",
    )
    assert running.get("/api/state")["recording"]


def _status_of_huge(desk: Desk, path: str, screen: str) -> int | None:
    """Return the status, or None when the desk closed the connection while it was still being told."""
    try:
        return _ask(desk, "GET", path, x_siaga_screen=screen)[0]
    except OSError:
        return None


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * MAX_BODY_BYTES,
        b'{"a":' * (MAX_BODY_BYTES // 5),
        b'{"note":' + b"[" * 8_000 + b"]" * 8_000 + b"}",
        b"9" * MAX_BODY_BYTES,
        b'{"note": 1e999}',
        b'{"note": NaN}',
        b'{"note": -Infinity}',
        b'{"note": "\\ud800"}',
        b'{"note": "\\u0000"}',
        b'{"note": "a", "note": ["b"]}',
        b"{" + b",".join(b'"%d":0' % number for number in range(1_500)) + b"}",
        b'{"note": "' + b"\\u0061" * 2_700 + b'"}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b"",
    ],
    ids=[
        "deep list", "deep object", "deep value", "huge number", "beyond a float", "NaN", "infinity", "half a letter",
        "NUL", "a key twice", "1,500 keys", "escapes only", "UTF-16", "byte order mark", "empty",
    ],
)  # fmt: skip
def test_a_json_bomb_is_refused_at_once(running: Desk, bomb: bytes) -> None:
    incident = running.incidents()[0]["id"]
    started = _worked_s(running)
    status, body = _ask(running, "POST", f"/api/incidents/{incident}/note", bomb)
    assert _worked_s(running) - started < QUICK_S
    assert status in (400, 413, 422)
    assert json.loads(body).keys() == {"code", "text"}
    assert running.incidents()[0]["notes"] == []


@pytest.mark.parametrize(
    "forged",
    [
        "01930000-0000-7000-8000-000000000001",
        "01930000-0000-7000-8000-00000000000A",
        "42",
        "-1",
        "x" * 10_000,
        "%00",
        "%2e%2e%2fapi",
        "' OR 1=1 --".replace(" ", "%20"),
        "%F0%9F%9A%A8",
        "{incident_id}",
    ],
    ids=["unknown", "capitals", "number", "negative", "long", "NUL", "upwards", "SQL", "siren", "template"],
)
def test_a_forged_id_is_none(running: Desk, forged: str) -> None:
    for verb in ("accept", "note", "timeline"):
        method = "GET" if verb == "timeline" else "POST"
        status, body = _ask(running, method, f"/api/incidents/{forged}/{verb}", b'{"note": "a"}')
        assert (status, json.loads(body)["code"]) in {
            (404, "unknown_incident"), (404, "not_found"), (422, "invalid"), (405, "method_not_allowed"),
        }  # fmt: skip
    assert running.incidents()[0]["state"] == "open"


def test_a_cookie_of_another_desk_is_none(running: Desk, idle: Desk) -> None:
    other = idle
    other.start()
    try:
        body = json.dumps({"name": "petugas-1", "password": PASSWORD}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", other.port, timeout=10)
        connection.request("POST", "/api/session", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        csrf = json.loads(answer.read())["csrf"]
        cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
        connection.close()
        assert answer.status == 200
        assert _ask(other, "GET", "/api/state", cookie=cookie)[0] == 200
        assert _code(_ask(running, "GET", "/api/state", cookie=cookie)) == (401, "no_session")
        path = f"/api/incidents/{new_event_id()}/accept"
        assert _code(_ask(running, "POST", path, b"{}", cookie=cookie, x_siaga_csrf=csrf)) == (401, "no_session")
    finally:
        other.process.stop()


@pytest.mark.parametrize(
    "cookie",
    [
        "siaga=",
        "siaga=x",
        "siaga=" + "x" * 8_000,
        "siaga=\xff\xfe",
        'siaga="session-of-petugas-1',
        "siaga=session-of-petugas-1x",
        "siaga=x; siaga=y",
        "=; ;;; siaga",
        "siaga=session-of-nobody",
    ],
)
def test_a_broken_cookie_is_no_session(running: Desk, cookie: str) -> None:
    assert _code(_ask(running, "GET", "/api/state", cookie=cookie)) == (401, "no_session")
    incident = running.incidents()[0]["id"]
    assert _code(_ask(running, "POST", f"/api/incidents/{incident}/accept", b"{}", cookie=cookie)) == (
        401,
        "no_session",
    )
    assert running.incidents()[0]["state"] == "open"


def test_what_is_no_http_is_answered_or_closed_and_the_desk_goes_on(running: Desk) -> None:
    for words in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n" * 100 + b"\x00" * 1_000,
    ):
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as raw:
            raw.sendall(words)
            raw.shutdown(socket.SHUT_WR)
            answer = raw.recv(65_536)
            assert not answer or answer.split()[1] in (b"400", b"415", b"421", b"401"), (words, answer)
    assert running.get("/api/state")["recording"]


def test_a_screen_without_a_name_can_do_nothing(running: Desk) -> None:
    incident = running.incidents()[0]["id"]
    for screen in ("", "%ff", "a%0d%0ab", "%00", "%E2%80%AE"):
        answer = _ask(running, "POST", f"/api/incidents/{incident}/accept", b"{}", x_siaga_screen=screen)
        assert _code(answer) == (422, "invalid"), screen
    assert running.incidents()[0]["state"] == "open"
    assert running.post(f"/api/incidents/{incident}/note", {"note": SCREEN})[0] == 200
