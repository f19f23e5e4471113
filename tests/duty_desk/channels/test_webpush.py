"""The channel `push`, to a push service of the tests whose browsers open what comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec

from contract.identity import new_event_id
from duty_desk.channels.channel import Page, Report
from duty_desk.channels.contacts import Contacts, Subscription
from duty_desk.channels.webpush import channel as channel_module
from duty_desk.channels.webpush import courier as courier_module
from duty_desk.channels.webpush.channel import WebPush
from duty_desk.channels.webpush.settings import PushSettings
from duty_desk.channels.webpush.vapid import PushKey
from duty_desk.errors import ChannelError
from tests.duty_desk.channels.push_service import CURVE, Browser, PushService, push_service

INCIDENT = new_event_id()


class Rig:
    """A channel, its contacts, and a push service."""

    def __init__(self, contacts: Contacts, service: PushService) -> None:
        self.contacts = contacts
        self.service = service
        self.settled: dict[str, str] = {}
        settings = PushSettings(services=[service.origin], contact="mailto:posko@kota.example")
        key = PushKey(ec.generate_private_key(CURVE), settings.contact, time.time)
        self.push = WebPush(contacts, key, settings, now_ns=time.time_ns, settled=self.settled.get)

    async def phone(
        self, account: str = "petugas-1", language: Literal["id", "en"] = "id", **how: Any
    ) -> tuple[Browser, Subscription]:
        """Return a new browser of an account."""
        browser = self.service.browser(**how)
        told = self.service.subscription(browser)
        phone = Subscription(
            told["endpoint"], **told["keys"], account=account, screen="Ponsel", language=language, created_ns=1
        )
        await self.contacts.subscribe(phone)
        return browser, phone


def page(who: str = "petugas-1", **other: Any) -> Page:
    """Return a page."""
    made = Page(
        id=new_event_id(),
        who=who,
        display="Petugas 1",
        status="Actual",
        title="Jl. Braga 10, depan Gedung Merdeka",
        text="Tombol darurat ditekan.",
        incident_id=INCIDENT,
        path=f"/?incident={INCIDENT}",
        expires_ns=time.time_ns() + 600 * 10**9,
    )
    return replace(made, **other)


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """Yield a channel with its push service."""
    async with push_service() as service:
        made = Rig(Contacts(tmp_path / "contacts.db"), service)
        yield made
        await made.push.close()


async def fails(push: WebPush, given: Page | None = None) -> ChannelError:
    """Return why a page is not handed over."""
    with pytest.raises(ChannelError) as error:
        await push.send(given or page())
    return error.value


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(15):
        while not true():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)


async def test_a_page_comes_sealed_in_haste_and_for_as_long_as_it_is_true(rig: Rig) -> None:
    browser, phone = await rig.phone()
    began = time.monotonic()
    sent = page()
    assert rig.push.reaches("petugas-1")
    assert not rig.push.reaches("petugas-2")
    assert (await rig.push.send(sent)).detail is None
    came = await rig.service.wait(browser)
    assert came.headers["urgency"] == "high"
    assert 600 - (time.monotonic() - began) <= int(came.headers["ttl"]) <= 600
    assert came.headers["topic"] == INCIDENT.replace("-", "")
    assert came.vapid["sub"] == "mailto:posko@kota.example"
    note = came.note
    assert (note["do"], note["page"], note["incident"], note["path"]) == ("page", sent.id, INCIDENT, sent.path)
    assert (note["title"], note["text"]) == (sent.title, sent.text)
    assert (note["phone"], note["words"]["accept"], note["words"]["cannot"]) == (phone.id, "Terima", "Tidak bisa")
    assert rig.push.told(sent.id, note["proof"], "petugas-1")
    assert not rig.push.told(sent.id, note["proof"], "petugas-2")
    await until(lambda: rig.contacts.phones("petugas-1")[0].worked_ns is not None)
    assert rig.service.refused == []


@pytest.mark.parametrize(
    ("status", "language", "title", "shown"),
    [
        ("Exercise", "id", "Jl. Braga 10", "LATIHAN: Jl. Braga 10"),
        ("Exercise", "en", "Jl. Braga 10", "EXERCISE: Jl. Braga 10"),
        ("Test", "id", "Jl. Braga 10", "UJI COBA: Jl. Braga 10"),
        ("Test", "en", "UJI COBA: Jl. Braga 10", "UJI COBA: Jl. Braga 10"),
        ("Test", "id", "UJI Saluran push bekerja", "UJI Saluran push bekerja"),
        ("Test", "id", "UJIAN di Jl. Braga", "UJI COBA: UJIAN di Jl. Braga"),
        ("Actual", "en", "Jl. Braga 10", "Jl. Braga 10"),
    ],
)
async def test_what_is_not_real_says_so_in_its_first_word(
    rig: Rig, status: Any, language: Any, title: str, shown: str
) -> None:
    browser, _ = await rig.phone(language=language)
    await rig.push.send(page(status=status, title=title))
    came = await rig.service.wait(browser)
    assert (came.note["title"], came.note["real"]) == (shown, status == "Actual")


@pytest.mark.slow
async def test_all_phones_of_a_person_are_pushed_to_at_once_and_one_that_is_slow_is_not_waited_for(rig: Rig) -> None:
    slow, _ = await rig.phone(opens=(opens := asyncio.Event()))
    quick, _ = await rig.phone()
    other, _ = await rig.phone("petugas-2")
    assert (await rig.push.send(page())).detail == "2 phones"
    assert slow.came == []
    opens.set()
    await rig.service.wait(slow)
    await rig.service.wait(quick)
    assert other.came == []


async def test_a_phone_that_is_gone_is_forgotten_and_the_others_are_pushed_to(rig: Rig) -> None:
    _, gone = await rig.phone(answer=410)
    _, never = await rig.phone(answer=404)
    kept, _ = await rig.phone(delay_s=0.05)
    await rig.push.send(page())
    await rig.service.wait(kept)
    await until(lambda: not rig.push.going)
    await rig.contacts.read()
    assert {each.endpoint for each in rig.contacts.all_phones()} == {rig.service.endpoint(kept)}
    assert {gone.endpoint, never.endpoint}.isdisjoint({each.endpoint for each in rig.contacts.all_phones()})


async def test_a_person_whose_only_phone_is_gone_is_not_reached(rig: Rig) -> None:
    await rig.phone(answer=410)
    error = await fails(rig.push)
    assert error.gone
    assert not rig.push.reaches("petugas-1")
    assert (await fails(rig.push)).detail == "no phone"


@pytest.mark.parametrize(
    ("status", "told"), [(429, "429: too many"), (500, "500"), (503, "503"), (403, "turn it off and on"), (307, "307")]
)
async def test_what_the_service_does_not_take_has_failed_and_the_phone_stays(rig: Rig, status: int, told: str) -> None:
    await rig.phone(answer=status)
    error = await fails(rig.push)
    assert told in error.detail
    assert not error.gone
    assert rig.push.reaches("petugas-1")


async def test_a_service_that_does_not_answer_fails_in_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_module, "ASK_S", 0.1)
    await rig.phone(delay_s=0.5)
    assert "did not answer" in (await fails(rig.push)).detail


async def test_a_service_that_is_not_there_fails_at_once(rig: Rig) -> None:
    _, phone = await rig.phone()
    rig.push.settings.services.append("http://127.0.0.1:9")
    await rig.contacts.subscribe(replace(phone, endpoint="http://127.0.0.1:9/x", account="petugas-3"))
    assert "cannot be reached" in (await fails(rig.push, page("petugas-3"))).detail


async def test_nothing_is_sent_to_what_is_no_push_service_or_after_its_time(rig: Rig) -> None:
    browser, phone = await rig.phone()
    assert (await fails(rig.push, page(expires_ns=time.time_ns()))).detail == "its time is over"
    rig.push.settings.services.clear()
    assert "not a push service" in (await fails(rig.push)).detail
    rig.push.settings.services.append(rig.service.origin)
    assert "too long" in (await fails(rig.push, page(text="x" * 5_000))).detail
    await rig.contacts.subscribe(replace(phone, p256dh="AAAA"))
    assert (await fails(rig.push)).gone
    assert browser.came == []


@pytest.mark.slow
async def test_so_many_are_on_their_way_and_no_more(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "MAX_GOING", 2)
    browser, _ = await rig.phone(opens=(opens := asyncio.Event()))
    sending = [asyncio.create_task(rig.push.send(page())) for _ in range(2)]
    await asyncio.sleep(0)
    assert "too many pushes" in (await fails(rig.push)).detail
    opens.set()
    await asyncio.gather(*sending)
    assert len(browser.came) == 2
    await rig.push.send(page())


async def test_an_attempt_that_is_given_up_sends_nothing_more(rig: Rig) -> None:
    browser, _ = await rig.phone(opens=asyncio.Event())
    sending = asyncio.create_task(rig.push.send(page()))
    await until(lambda: rig.service.asked[browser.name] == 1)
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    await until(lambda: not rig.push.going)
    assert rig.contacts.phones("petugas-1")[0].worked_ns is None


async def test_connections_are_kept_also_while_nothing_is_pushed(rig: Rig) -> None:
    browser, _ = await rig.phone()
    running = asyncio.create_task(rig.push.run(lambda _: None))
    await until(lambda: bool(rig.service.connections))
    await rig.push.send(page())
    there = set(rig.service.connections)
    for count in range(2, 5):
        await rig.push.send(page())
        await rig.service.wait(browser, count)
    assert rig.service.connections == there
    running.cancel()


@pytest.mark.slow
async def test_who_accepts_silences_the_other_phones_and_not_the_own_one(rig: Rig) -> None:
    own, phone = await rig.phone()
    tablet, _ = await rig.phone()
    other, _ = await rig.phone("petugas-2", language="en")
    never, _ = await rig.phone("petugas-3")
    told: list[Report] = []
    running = asyncio.create_task(rig.push.run(told.append))
    first = page()
    await rig.push.send(first)
    await rig.push.send(page("petugas-2"))
    await rig.service.wait(other)
    await rig.service.wait(tablet)
    rig.push.accepted(first.id, INCIDENT, phone.id)
    rig.settled[INCIDENT] = "Petugas 1"
    closed = await rig.service.wait(other, 2)
    assert (closed.note["do"], closed.note["incident"]) == ("close", INCIDENT)
    assert closed.note["title"] == "Already taken: Petugas 1"
    assert (closed.headers["urgency"], closed.headers["topic"]) == ("normal", INCIDENT.replace("-", ""))
    assert (await rig.service.wait(tablet, 2)).note["title"] == "Sudah diambil: Petugas 1"
    await until(lambda: not rig.push.going)
    assert (len(own.came), len(never.came)) == (1, 0)
    assert told == [Report(first.id, "answered", answer="accept")]
    # What joined later rings anew, and is closed anew; over: nobody has it.
    del rig.settled[INCIDENT]
    await rig.push.send(page("petugas-2"))
    rig.settled[INCIDENT] = ""
    assert (await rig.service.wait(other, 4)).note["title"] == "It has been dealt with"
    running.cancel()


@pytest.mark.slow
async def test_a_page_that_is_slow_is_not_the_last_that_comes(rig: Rig) -> None:
    slow, _ = await rig.phone(opens=(opens := asyncio.Event()))
    sending = asyncio.create_task(rig.push.send(page()))
    await until(lambda: rig.service.asked[slow.name] == 1)
    slow.opens = None
    rig.settled[INCIDENT] = "Petugas 1"
    rig.push.look()
    asyncio.get_running_loop().call_later(0.1, opens.set)  # time for a close that waits for nothing
    await sending
    await rig.service.wait(slow, 2)
    assert [came.note["do"] for came in slow.came] == ["page", "close"]


async def test_a_service_that_refuses_is_told_before_a_phone_that_is_gone(rig: Rig) -> None:
    for _ in range(3):
        await rig.phone(answer=410)
    await rig.phone(answer=500, delay_s=0.02)
    await rig.phone(answer=410, delay_s=0.04)
    error = await fails(rig.push)
    assert ("500" in error.detail, error.gone) == (True, False)


async def test_whom_it_paged_before_a_restart_is_told_too(rig: Rig) -> None:
    browser, _ = await rig.phone()
    rig.push.remember(INCIDENT, "petugas-1")
    rig.push.look()
    assert not rig.push.going
    rig.settled[INCIDENT] = "Petugas 2"
    rig.push.look()
    rig.push.look()
    await rig.service.wait(browser)
    await until(lambda: not rig.push.going)
    assert len(browser.came) == 1


async def test_so_many_incidents_are_remembered_and_no_more(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "MAX_PAGED", 3)
    for number in range(5):
        rig.push.remember(str(number), "petugas-1")
    asked: list[str] = []
    rig.settled = {}
    rig.push._settled = asked.append
    rig.push.look()
    assert asked == ["2", "3", "4"]


async def test_without_a_key_nobody_is_reached_and_it_says_why(tmp_path: Path) -> None:
    push = WebPush(Contacts(tmp_path / "c.db"), None, PushSettings(), now_ns=time.time_ns, fault="push.pem: no key")
    assert not push.reaches("petugas-1")
    assert "push.pem" in (await fails(push)).detail
    assert not push.told("page", "proof", "petugas-1")
    running = asyncio.create_task(push.run(lambda _: None))
    await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
