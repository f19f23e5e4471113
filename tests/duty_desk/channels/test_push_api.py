"""Phones over HTTP: one's own, tested, and answered by; and what is no subscription."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from contract import topics
from contract.identity import new_event_id
from duty_desk.channels.channel import Report
from duty_desk.channels.contacts_file import MAX_PHONES
from duty_desk.settings import load_desk
from duty_desk.web import push_api
from tests.duty_desk.access.conftest import Inside, headers, opened
from tests.duty_desk.channels.push_service import PushService, id_of, push_service
from tests.duty_desk.conftest import Desk, press_body

pytestmark = pytest.mark.slow

FCM = "https://fcm.googleapis.com/fcm/send/one"
KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}


class Rig:
    """A desk's application without its processes, and a push service that it may use."""

    def __init__(self, inside: Inside, client: httpx.AsyncClient, service: PushService) -> None:
        self.inside = inside
        self.push = inside.push
        self.service = service
        self.reports: list[Report] = []
        self.push._tell = self.reports.append
        self._client = client

    async def ask(
        self, method: str, path: str, body: Any = None, who: str | None = "petugas-1", **more: str
    ) -> tuple[int, Any]:
        """Return status and JSON of an answer."""
        content = None if body is None else json.dumps(body)
        answer = await self._client.request(method, path, content=content, headers=headers(who) | more)
        return answer.status_code, (answer.json() if answer.content else None)

    async def get(self, path: str, **more: str) -> httpx.Response:
        """Return the answer to a GET without a session."""
        return await self._client.get(path, headers=more)

    def incident(self) -> str:
        """Let a button be pressed; return the incident."""
        self.inside.desk.hear("alarm", topics.alarm("box-1"), press_body(), False)
        return self.inside.desk.board.active()[-1].id


@pytest_asyncio.fixture
async def rig(idle: Desk) -> AsyncIterator[Rig]:
    """Yield an application."""
    async with push_service() as service:
        with idle.config.open("a") as file:
            file.write(f'[channels.push]\nservices = ["{service.origin}"]\n')
        async with opened(load_desk(idle.config)) as inside, inside.client() as client:
            yield Rig(inside, client, service)
            await inside.push.close()


async def test_a_phone_is_turned_on_tested_confirmed_and_turned_off(rig: Rig) -> None:
    status, key = await rig.ask("GET", "/api/push/key")
    assert (status, key) == (200, {"key": rig.push.key and rig.push.key.public})
    browser = rig.service.browser()
    told = rig.service.subscription(browser)
    status, phone = await rig.ask("POST", "/api/push/subscribe", told | {"language": "en"})
    assert (status, phone["id"], phone["screen"]) == (200, id_of(told["endpoint"]), "Layar 1")
    assert (phone["worked_ms"], phone["confirmed_ms"]) == (None, None)
    assert (await rig.ask("GET", "/api/push/phones"))[1] == {"phones": [phone]}
    assert (await rig.ask("POST", "/api/push/test", {"phone": phone["id"]}))[0] == 202
    came = await rig.service.wait(browser)
    assert came.note["title"] == "TEST: Test of calls to this phone"
    assert came.note["text"] == "This phone is called for Petugas 1. Nothing has happened."
    assert (came.note["incident"], came.headers["topic"]) == (None, "test")
    shown = {name: came.note[name] for name in ("page", "phone", "proof")}
    assert (await rig.ask("POST", "/api/push/delivered", shown, "petugas-2"))[1]["code"] == "unproven"
    assert (await rig.ask("POST", "/api/push/delivered", shown))[0] == 204
    (now,) = (await rig.ask("GET", "/api/push/phones"))[1]["phones"]
    assert now["worked_ms"] is not None
    assert now["confirmed_ms"] >= phone["created_ms"]
    assert rig.reports == [Report(came.note["page"], "delivered")]
    # The page comes back in the other language: the same phone, with what is known of it.
    (status, again) = await rig.ask("POST", "/api/push/subscribe", told | {"language": "id"})
    assert (again["language"], again["confirmed_ms"]) == ("id", now["confirmed_ms"])
    assert (await rig.ask("POST", "/api/push/test", {"phone": phone["id"]}))[1]["code"] == "try_later"
    assert (await rig.ask("DELETE", f"/api/push/phones/{phone['id']}"))[0] == 204
    assert (await rig.ask("GET", "/api/push/phones"))[1] == {"phones": []}
    assert (await rig.ask("POST", "/api/push/test", {"phone": phone["id"]}))[1]["code"] == "unknown_phone"


async def test_nobody_touches_anothers_phone(rig: Rig) -> None:
    told = rig.service.subscription(rig.service.browser())
    _, phone = await rig.ask("POST", "/api/push/subscribe", told)
    for who in ("petugas-2", "pengawas-1", "admin-1", "tamu-1"):
        assert (await rig.ask("GET", "/api/push/phones", who=who))[1] == {"phones": []}
        assert (await rig.ask("DELETE", f"/api/push/phones/{phone['id']}", who=who))[1]["code"] == "unknown_phone"
        assert (await rig.ask("POST", "/api/push/test", {"phone": phone["id"]}, who))[1]["code"] == "unknown_phone"
    assert (await rig.ask("GET", "/api/push/phones", who=None))[0] == 401
    assert (await rig.ask("POST", "/api/push/subscribe", told, **{"x-siaga-csrf": "x"}))[1]["code"] == "bad_csrf"
    # Whoever logs in at that browser and turns it on has it from then on.
    assert (await rig.ask("POST", "/api/push/subscribe", told, "petugas-2"))[0] == 200
    assert (await rig.ask("GET", "/api/push/phones"))[1] == {"phones": []}


async def test_what_is_no_subscription_is_refused(rig: Rig) -> None:
    rows: list[tuple[Any, str]] = [
        ({"endpoint": "http://127.0.0.1:1/x", "keys": KEYS}, "unknown_service"),
        ({"endpoint": "https://10.0.0.1/x", "keys": KEYS}, "unknown_service"),
        ({"endpoint": "https://fcm.googleapis.com.evil.example/x", "keys": KEYS}, "unknown_service"),
        ({"endpoint": FCM, "keys": KEYS | {"p256dh": KEYS["p256dh"][:-4]}}, "invalid"),
        ({"endpoint": FCM, "keys": KEYS | {"auth": "AAAA"}}, "invalid"),
        ({"endpoint": FCM, "keys": {"p256dh": KEYS["p256dh"]}}, "invalid"),
        ({"endpoint": FCM + "x" * 1_000, "keys": KEYS}, "invalid"),
        ({"endpoint": FCM, "keys": KEYS, "language": "fr"}, "invalid"),
        ({"endpoint": FCM, "keys": KEYS, "account": "petugas-2"}, "invalid"),
        ({"endpoint": FCM}, "invalid"),
        ([], "invalid"),
    ]
    for body, code in rows:
        status, fault = await rig.ask("POST", "/api/push/subscribe", body)
        assert (status, fault["code"]) == (422, code), body
    assert rig.push.contacts.all_phones() == []


async def test_a_sixth_phone_takes_the_place_of_the_one_not_heard_of_for_longest(rig: Rig) -> None:
    for number in range(MAX_PHONES + 1):
        assert (await rig.ask("POST", "/api/push/subscribe", {"endpoint": f"{FCM}{number}", "keys": KEYS}))[0] == 200
    phones = (await rig.ask("GET", "/api/push/phones"))[1]["phones"]
    assert [phone["id"] for phone in phones] == [id_of(f"{FCM}{number}") for number in range(1, MAX_PHONES + 1)]


async def test_a_browser_that_renews_its_address_keeps_its_language(rig: Rig) -> None:
    await rig.ask("POST", "/api/push/subscribe", {"endpoint": FCM, "keys": KEYS, "language": "en"})
    assert (await rig.ask("POST", "/api/push/subscribe", {"endpoint": FCM + "2", "keys": KEYS}))[1]["language"] == "en"


async def test_an_incident_is_accepted_by_a_phone_and_the_second_is_told_who(rig: Rig) -> None:
    incident, page = rig.incident(), new_event_id()
    assert rig.push.key is not None
    phone = id_of(FCM)

    def answer(who: str, what: str) -> dict[str, str]:
        assert rig.push.key is not None
        proof = rig.push.key.proof(page, who)
        return {"page": page, "phone": phone, "proof": proof, "incident_id": incident, "answer": what}

    ask = rig.ask
    assert (await ask("POST", "/api/push/answer", answer("petugas-2", "accept")))[1]["code"] == "unproven"
    assert (await ask("POST", "/api/push/answer", answer("tamu-1", "accept"), "tamu-1"))[1]["code"] == "wrong_role"
    assert (await ask("POST", "/api/push/answer", answer("petugas-2", "cannot"), "petugas-2"))[1] == {"incident": None}
    status, told = await ask("POST", "/api/push/answer", answer("petugas-1", "accept"), **{"x-siaga-screen": "Push"})
    assert (status, told["incident"]["state"], told["incident"]["officer"]) == (200, "accepted", "Petugas 1")
    status, told = await ask("POST", "/api/push/answer", answer("petugas-2", "accept"), "petugas-2")
    assert (status, told["code"], told["officer"]) == (409, "already_accepted", "Petugas 1")
    assert rig.reports == [Report(page, "answered", answer="cannot"), Report(page, "answered", answer="accept")]
    # A press that joined is answered by the same button.
    rig.incident()
    status, told = await ask("POST", "/api/push/answer", answer("petugas-2", "accept"), "petugas-2")
    assert (status, told["incident"]["unanswered"]) == (200, 0)
    other = answer("petugas-1", "accept") | {"incident_id": new_event_id()}
    assert (await ask("POST", "/api/push/answer", other))[1]["code"] == "unknown_incident"


async def test_what_the_desk_cannot_do_it_says(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_api, "TEST_EVERY_S", 0.0)
    told = rig.service.subscription(rig.service.browser(answer=503))
    _, phone = await rig.ask("POST", "/api/push/subscribe", told)
    status, fault = await rig.ask("POST", "/api/push/test", {"phone": phone["id"]})
    assert (status, fault["code"], fault["text"]) == (503, "not_handed", "the push service answered 503")
    rig.push.contacts.path.unlink()
    status, fault = await rig.ask("POST", "/api/push/subscribe", told)
    assert (status, fault["code"]) == (503, "contacts_unwritable")
    status, fault = await rig.ask("DELETE", f"/api/push/phones/{phone['id']}")
    assert (status, fault["code"]) == (503, "contacts_unwritable")
    rig.push.key, rig.push.fault = None, "push.pem: expected a key"
    assert (await rig.ask("GET", "/api/push/key"))[1] == {"code": "push_off", "text": "push.pem: expected a key"}
    assert (await rig.ask("POST", "/api/push/subscribe", told))[0] == 503


async def test_worker_manifest_and_icons_are_there_for_everybody_and_the_page_names_them(rig: Rig) -> None:
    worker = await rig.get("/sw.js")
    assert (worker.status_code, worker.headers["cache-control"]) == (200, "no-cache")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert "worker-src 'self'" in worker.headers["content-security-policy"]
    manifest = await rig.get("/manifest.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    told = manifest.json()
    assert (told["scope"], told["start_url"], told["display"]) == ("/", "/", "standalone")
    for icon in told["icons"]:
        answer = await rig.get(icon["src"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, icon["type"])
        if icon["type"] == "image/png":
            width = int.from_bytes(answer.content[16:20], "big")
            assert f"{width}x{width}" == icon["sizes"]
