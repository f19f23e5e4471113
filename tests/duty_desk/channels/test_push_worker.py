"""The whole way in Debian's Chromium: a phone is turned on at the console, pushed to, and answered by.

Chromium has no push service here, so the tests' own stands behind it: it opens what the desk sent and gives it to the
browser, which gives it to our service worker, as a real one does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import CDPSession, Page, Worker, expect

from contract import topics
from contract.identity import new_event_id
from duty_desk.channels.contacts import ContactsFile
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.access.conftest import until
from tests.duty_desk.channels.push_service import Browser, Came, PushService, push_service
from tests.duty_desk.conftest import Box, Desk, box, press_body
from tests.duty_desk.console.browser import PHONE, browser, console, in_browser
from tests.warm import Warm

SUBSCRIBING = """({ endpoint, keys }) => {
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0)).buffer;
const made = () => ({
  endpoint,
  options: { applicationServerKey: bytes(sessionStorage.getItem("pushed")) },
  toJSON: () => ({ endpoint, keys }),
  unsubscribe: async () => sessionStorage.removeItem("pushed"),
});
PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
  if (!userVisibleOnly) throw new DOMException("refused", "NotAllowedError");
  sessionStorage.setItem("pushed", applicationServerKey);
  return made();
};
PushManager.prototype.getSubscription = async () => (sessionStorage.getItem("pushed") ? made() : null);
}"""
"""Stands for the browser's own push service, which is not to be had without the internet."""
CLICK = """async ({ tag, action }) => {
const [notification] = await registration.getNotifications({ tag });
const event = new NotificationEvent("notificationclick", { notification, action });
let until;
event.waitUntil = (promise) => { until = promise; };
dispatchEvent(event);
await until;
}"""
"""Clicks; only a real click, for which there is no hand here, could also raise a window."""
SHOWN = """async () => (await registration.getNotifications()).map((one) => ({
  ...Object.fromEntries(["title", "body", "tag", "silent", "requireInteraction"].map((name) => [name, one[name]])),
  actions: one.actions.map(({ action, title }) => `${action}: ${title}`),
}))"""
RAISES = """() => {
self.opened = [];
WindowClient.prototype.focus = async function () { return this; };
Clients.prototype.openWindow = async (path) => { opened.push(path); };
}"""
"""Stands for what a browser does for a real click alone."""
IN_TURN = """() => {
let turn = Promise.resolve();
for (const name of ["showNotification", "getNotifications"]) {
  const does = ServiceWorkerRegistration.prototype[name];
  ServiceWorkerRegistration.prototype[name] = function (...how) {
    const done = () => does.apply(this, how);
    turn = turn.then(done, done);
    return turn;
  };
}
}"""
"""Chromium forgets a notification that it is still showing when somebody asks for those that are shown: whoever looks
again and again would lose every other one."""
KEPT = """async () => {
const found = [];
for (const name of await caches.keys())
  for (const one of await (await caches.open(name)).keys()) found.push(new URL(one.url).pathname);
return found.sort();
}"""
BRAGA = "Tombol darurat: Jl. Braga 10, depan Gedung Merdeka"


class Phone:
    """A phone with the console on it, behind a push service."""

    def __init__(self, page: Page, cdp: CDPSession, origin: str, desk_browser: Browser) -> None:
        self.page = page
        self.browser = desk_browser
        self._cdp = cdp
        self._origin = origin
        self._registration: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._delivering: set[asyncio.Task[Any]] = set()
        cdp.on("ServiceWorker.workerRegistrationUpdated", self._registered)

    def _registered(self, event: Any) -> None:
        for each in event["registrations"]:
            if not each["isDeleted"] and not self._registration.done():
                self._registration.set_result(each["registrationId"])

    def take(self, came: Came) -> None:
        """Give what came to the browser."""
        task = asyncio.create_task(self.deliver(json.dumps(came.note)))
        self._delivering.add(task)
        task.add_done_callback(self._delivering.discard)

    async def deliver(self, data: str) -> None:
        """Give something to the browser."""
        where = {"origin": self._origin, "registrationId": await self._registration, "data": data}
        await self._cdp.send("ServiceWorker.deliverPushMessage", where)

    @property
    def worker(self) -> Worker:
        """Its service worker."""
        return self.page.context.service_workers[-1]

    async def titled(self, *titles: str) -> list[dict[str, Any]]:
        """Return the notifications, once these and no others are shown."""
        found: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(15):
                found = await self.worker.evaluate(SHOWN)
                while sorted(each["title"] for each in found) != sorted(titles):
                    await asyncio.sleep(0.02)
                    found = await self.worker.evaluate(SHOWN)
        except TimeoutError:
            pytest.fail(f"not {sorted(titles)}, but {found}")
        return found

    async def again(self, incident: str, **changes: Any) -> None:
        """Give the browser the page about an incident once more, with changes, under the title "lama"."""
        page = next(came.note for came in self.browser.came if came.note["incident"] == incident)
        await self.deliver(json.dumps(page | {"title": "lama"} | changes))
        await self.titled("lama")

    async def click(self, tag: str, action: str = "") -> None:
        """Click on a notification, or on one of its buttons."""
        await self.worker.evaluate(CLICK, {"tag": tag, "action": action})


@asynccontextmanager
async def phone_of(
    desk: Desk, service: PushService, running: Any, officer: str = "petugas-1", **how: Any
) -> AsyncIterator[Phone]:
    """Yield a phone, with the console open and push turned on."""
    behind = service.browser()
    async with console(
        running, desk, officer=officer, size=PHONE, screen=f"Ponsel {officer}", permissions=["notifications"], **how
    ) as page:
        subscribing = f"({SUBSCRIBING})({json.dumps(service.subscription(behind))})"
        await page.evaluate(subscribing)
        await page.context.add_init_script(subscribing)
        cdp = await page.context.new_cdp_session(page)
        made = Phone(page, cdp, desk.url, behind)
        behind.heard = made.take
        await cdp.send("ServiceWorker.enable")
        await expect(page.locator("#phone-toggle")).to_have_text("Panggil ponsel ini")
        await page.locator("#phone-toggle").click()
        await page.get_by_role("button", name="Nyalakan").click()
        await expect(page.locator("#phone-toggle")).to_have_attribute("data-state", "on")
        await made.worker.evaluate(IN_TURN)
        yield made


@pytest.fixture
def waiting(tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, warm: Warm) -> Iterator[Desk]:
    """Yield a desk that is not started yet; it is stopped at the end."""
    made = Desk(tmp_path, alarm_broker, telemetry_broker, warm=warm)
    yield made
    if made.process.running:
        made.process.stop()


@asynccontextmanager
async def pushing(desk: Desk) -> AsyncIterator[PushService]:
    """Start the desk with the tests' push service, which is yielded."""
    async with push_service() as service:
        with desk.config.open("a") as file:
            file.write(f'[channels.push]\nservices = ["{service.origin}"]\n')
        desk.start()
        yield service


async def pressed(desk: Desk, device: str = "box-1") -> str:
    """Let a button be pressed; return the incident."""
    async with box(desk.alarm, device) as street:
        return await pressed_at(street)


async def pressed_at(street: Box) -> str:
    """Let a box's button be pressed; return the incident."""
    await street.alarm(press_body(street.device, event_id=(event_id := new_event_id())))
    incident: str = (await street.receipt("ringing", event_id=event_id))["incident_id"]
    return incident


def state(desk: Desk, incident: str) -> tuple[str, str | None]:
    """Return the state of an incident, and who has it."""
    (found,) = [each for each in desk.incidents() if each["id"] == incident]
    return found["state"], found["officer"]


@in_browser
async def test_a_phone_is_turned_on_where_it_may_be_and_proves_that_a_push_comes(waiting: Desk) -> None:
    desk = waiting
    async with pushing(desk) as service, browser(whole=True) as running:
        async with console(running, desk, size=PHONE) as page:
            await page.locator("#phone-toggle").click()
            await page.get_by_role("button", name="Nyalakan").click()
            await expect(page.locator("#phone")).to_contain_text("Notifikasi diblokir di peramban ini")
            await expect(page.locator("#phone-toggle")).to_have_attribute("data-state", "denied")
        # What is asked while the session ends gets a 401.
        async with phone_of(desk, service, running, faults=(401, 409)) as phone:
            await _proves_that_a_push_comes(desk, phone)


async def _proves_that_a_push_comes(desk: Desk, phone: Phone) -> None:
    panel = phone.page.locator("#phone")
    await expect(panel).to_contain_text("dipanggil untuk Petugas 1")
    await expect(panel).to_contain_text("Belum pernah diuji")
    await panel.get_by_role("button", name="Uji").click()
    (shown,) = await phone.titled("UJI COBA: Uji panggilan ke ponsel ini")
    assert shown["actions"] == []
    await expect(panel).to_contain_text("Uji sampai di sini")
    await expect(panel).to_contain_text("Terakhir terbukti sampai")
    assert len(phone.browser.came) == 1
    # Its words follow the page's, at the desk too.
    await phone.page.locator("#language").click()
    await expect(phone.page.locator("#phone-toggle")).to_have_text("This phone is called")
    await expect(panel).to_contain_text("Last proven to arrive")
    await until(lambda: desk.get("/api/push/phones")["phones"][0]["language"] == "en", 15)
    # It is still on after a reload, and off for who comes after a log-out.
    await phone.page.reload()
    await expect(phone.page.locator("#phone-toggle")).to_have_attribute("data-state", "on")
    await phone.page.locator("#log-out").click()
    await expect(phone.page).to_have_url(f"{desk.url}/login")
    contacts = ContactsFile(desk.folder / "data" / "contacts.db")
    assert contacts.read()[1] == []


@in_browser
async def test_an_incident_is_accepted_from_its_notification_and_the_other_phone_falls_silent(waiting: Desk) -> None:
    desk = waiting
    async with (
        pushing(desk) as service,
        browser(whole=True) as running,
        phone_of(desk, service, running) as phone,
        phone_of(desk, service, running, "petugas-2") as other,
        box(desk.alarm) as street,
    ):
        incident = await pressed_at(street)
        (shown,) = await phone.titled(BRAGA)
        assert (shown["tag"], shown["requireInteraction"], shown["silent"]) == (incident, True, False)
        assert shown["actions"] == ["accept: Terima", "cannot: Tidak bisa"]
        await other.titled(BRAGA)
        # Again: in its place, not beside it.
        await phone.again(incident)
        await phone.click(incident, "accept")
        await street.wait(topics.lamp("box-1"), lambda body: body["lamps"] == {"sos": "accepted"}, 5.0)
        assert state(desk, incident) == ("accepted", "Petugas 1")
        (quiet,) = await phone.titled("Anda menerimanya")
        assert (quiet["silent"], quiet["requireInteraction"], quiet["actions"]) == (True, False, [])
        (closed,) = await other.titled("Sudah diambil: Petugas 1")
        assert (closed["silent"], closed["requireInteraction"], closed["actions"]) == (True, False, [])
        # Its own phone knows already.
        assert [came.note["do"] for came in phone.browser.came] == ["page"]
        await until(lambda: "Push" in json.dumps(desk.get(f"/api/incidents/{incident}/timeline")), 15)
        # Whoever answers a page that came late is told who has it.
        await other.again(incident)
        await other.click(incident, "accept")
        await other.titled("Sudah diambil: Petugas 1")
        assert state(desk, incident) == ("accepted", "Petugas 1")


@in_browser
async def test_what_cannot_be_answered_opens_the_console_on_the_incident(waiting: Desk) -> None:
    desk = waiting
    async with pushing(desk) as service, browser(whole=True) as running, phone_of(desk, service, running) as phone:
        hero, second = phone.page.locator("#hero-address"), "Tombol darurat: Simpang Dago, Jl. Ir. H. Juanda"
        first_id, second_id = await pressed(desk), await pressed(desk, "box-2")
        await phone.titled(BRAGA, second)
        # A click raises the console that is there, on the incident.
        await phone.worker.evaluate(RAISES)
        await phone.click(second_id)
        await expect(hero).to_contain_text("Dago")
        await phone.click(first_id)
        await expect(hero).to_contain_text("Braga")
        await phone.titled()
        # What cannot be sent opens it too; where none is open, at the incident's own address.
        await phone.again(second_id, proof="AAAA")
        await phone.click(second_id, "accept")
        await expect(hero).to_contain_text("Dago")
        assert state(desk, second_id) == ("open", None)
        await phone.worker.evaluate("() => { Clients.prototype.matchAll = async () => []; }")
        await phone.again(second_id, proof="AAAA")
        await phone.click(second_id, "cannot")
        assert await phone.worker.evaluate("() => opened") == [f"/?incident={second_id}"]
        await phone.page.goto(desk.url)
        await expect(hero).to_contain_text("Braga")
        await phone.page.goto(f"{desk.url}/?incident={second_id}")
        await expect(hero).to_contain_text("Dago")
        await expect(phone.page).to_have_url(f"{desk.url}/")
        # Who cannot come is written down, and the incident stays open.
        await phone.again(second_id)
        await phone.click(second_id, "cannot")
        await phone.titled("Tidak bisa: tercatat, petugas lain dipanggil")
        assert state(desk, second_id) == ("open", None)
        # What this worker cannot read, somebody should look at.
        await phone.deliver('{"do": "something new"}')
        await phone.titled("Tidak bisa: tercatat, petugas lain dipanggil", f"127.0.0.1:{desk.port}")


@in_browser
async def test_without_the_desk_the_app_says_so_and_never_shows_what_was(waiting: Desk) -> None:
    desk = waiting
    async with (
        pushing(desk) as service,
        browser(whole=True) as running,
        phone_of(desk, service, running, faults=(409, 0)) as phone,
    ):
        page = phone.page
        await page.reload()
        await expect(page.locator("#health-stream")).to_have_attribute("data-good", "true")
        assert await page.evaluate("() => navigator.serviceWorker.controller !== null")
        assert await page.evaluate(KEPT) == ["/static/pages/no_connection.css", "/static/pages/no_connection.html"]
        desk.process.stop()
        await page.goto(desk.url)
        await expect(page.get_by_role("heading", name="Tidak ada sambungan ke meja")).to_be_visible()
        assert await page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(92, 10, 16)"
        desk.start()
        await page.get_by_role("link", name="Coba lagi").click()
        await expect(page.locator("#health-stream")).to_have_attribute("data-good", "true")
        await expect(page.locator("#phone-toggle")).to_have_attribute("data-state", "on")


@pytest.mark.slow
async def test_a_desk_whose_push_key_and_contacts_are_broken_rings_and_says_so(waiting: Desk) -> None:
    for name in ("push.pem", "contacts.db"):
        (waiting.folder / "data" / name).write_text("something else, and long enough to be looked at" * 30)
    waiting.start()
    incident = await pressed(waiting)
    assert state(waiting, incident) == ("open", None)
    assert waiting.post(f"/api/incidents/{incident}/accept", {})[0] == 200
    await until(lambda: set(waiting.request("GET", "/healthz")[1]["failing"]) == {"push", "contacts"}, within_s=15)
    assert waiting.get("/api/state")["failing"]["push"].endswith("a new one asks every phone anew")
    assert waiting.request("GET", "/api/push/key")[1]["code"] == "push_off"
