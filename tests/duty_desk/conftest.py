"""A desk with its account on two real brokers, and a box with its certificate that speaks to it by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

import aiomqtt
import pytest
import pytest_asyncio

from contract import topics
from contract.identity import new_event_id, new_stream_id
from contract.messages import Status, encode
from contract.topics import Lane
from duty_desk.access.book import token_hash
from duty_desk.access.door import csrf_of
from duty_desk.access.people import Account
from duty_desk.access.people import Session as AccessSession
from duty_desk.access.store import open_accounts, put_account, put_sessions
from duty_desk.incidents.actor import Role
from link import Outgoing, Session
from provisioning.brokers.model import account
from siaga.stack.client import connection
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from siaga.stack.trust import Trust
from tests.warm import Warm, WarmProcess

PASSWORD: Final = "Braga 10, malam"
PASSWORD_HASH: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$ukr47IbccMnie+Ouv4NAtA$wTZSaVzUDltRKGArEaJ413PZ6FkXRTm+OLXvBBI6VUU"
)
"""Of PASSWORD: made once, as each costs 0.15 s."""
NAMES: Final[dict[Role, tuple[str, str]]] = {
    "viewer": ("tamu-1", "Tamu 1"),
    "officer": ("petugas-1", "Petugas 1"),
    "call_taker": ("operator-1", "Operator 112"),
    "supervisor": ("pengawas-1", "Pengawas 1"),
    "admin": ("admin-1", "Admin 1"),
}
"""An account of each role: its name, and the name that others see."""
SCREEN: Final = "Layar 1"

REPO = Path(__file__).parents[2]
STREAM = new_stream_id()

INVENTORY = """
version = 3
[[sites]]
id = "alun-alun"
address = "Alun-Alun, Jl. Asia Afrika"
latitude = -6.9217
longitude = 107.6071
[[devices]]
name = "box-1"
label = "Kotak Braga"
site = "alun-alun"
[[devices]]
name = "box-2"
label = "Kotak Dago"
[[devices]]
name = "box-3"
label = "Kotak Gedung Sate"
[[buttons]]
device = "box-1"
id = "sos"
address = "Jl. Braga 10, depan Gedung Merdeka"
latitude = -6.9211
longitude = 107.6098
photo = "braga.svg"
instructions_id = "Pintu masuk di sisi utara. Pos satpam 20 m ke kiri; lampu jalan sering padam."
instructions_en = "Entrance on the north side. Guard post 20 m to the left; the street light often fails."
[[buttons]]
device = "box-2"
id = "sos"
address = "Simpang Dago, Jl. Ir. H. Juanda"
latitude = -6.8850
longitude = 107.6137
[[buttons]]
device = "box-3"
id = "sos"
address = "Gedung Sate, Jl. Diponegoro 22"
latitude = -6.9025
longitude = 107.6187
"""

PHOTO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 270"><rect width="480" height="270" fill="#7d93a5"/>
<rect y="190" width="480" height="80" fill="#4a4f55"/><path d="M40 190V70h150v120zM210 190V40h240v150z" fill="#d9cdb4"/>
<path d="M60 90h30v40H60zm50 0h30v40h-30zM240 70h40v50h-40zm60 0h40v50h-40zm60 0h40v50h-40z" fill="#4a5a68"/>
<path d="M205 230v-70h10v70z" fill="#222"/><circle cx="210" cy="152" r="13" fill="#d8232a"/></svg>"""


def press_body(device: str = "box-1", button: str = "sos", *, event_id: str | None = None, **more: Any) -> bytes:
    """Return the body of a valid press; `more` replaces or adds keys."""
    press = {
        "event_id": event_id or new_event_id(),
        "device": device,
        "button": button,
        "cause": "press",
        "status": "Actual",
        "pressed_at_ns": 1_760_000_000_000_000_000,
        "clock": "ntp",
        "age_ms": 12,
        "stream": STREAM,
        "sequence": 1,
        "attempt": 1,
    }
    return json.dumps(press | more).encode()


def session_token(who: str) -> str:
    """Return the token of the session that an account of a test's desk has from the start."""
    return f"session-of-{who}"


def make_accounts(path: Path) -> None:
    """Make the accounts of NAMES and a second officer, `petugas-2`, all with PASSWORD, each with a session."""
    now_ns = time.time_ns()
    people: list[tuple[Role, str, str]] = [(role, *names) for role, names in NAMES.items()]
    people.append(("officer", "petugas-2", "Petugas 2"))
    engine = open_accounts(path)
    with engine.begin() as connection:
        for role, name, display in people:
            put_account(connection, Account(name, display, role, PASSWORD_HASH, False, 1, now_ns))
            session = AccessSession(f"id-{name}", token_hash(session_token(name)), name, 1, now_ns, now_ns)
            put_sessions(connection, [session])
    engine.dispose()


def session_headers(who: str | None, screen: str = SCREEN) -> dict[str, str]:
    """Return what a page of an account's session sends with each request."""
    headers = {"content_type": "application/json", "x_siaga_screen": quote(screen)}
    if who is not None:
        token = session_token(who)
        headers |= {"cookie": f"siaga={token}", "x_siaga_csrf": csrf_of(token)}
    return headers


def events_request(who: str = "petugas-1") -> bytes:
    """Return a request for the stream of events, in the session of an account."""
    return f"GET /api/events HTTP/1.1\r\nHost: localhost\r\nCookie: siaga={session_token(who)}\r\n\r\n".encode()


def broker_lines(broker: Mosquitto, service: str = "desk") -> str:
    """Return a broker's lines in the configuration of one of the centre's services."""
    authority = broker.trust.authority
    password_file = authority.accounts / f"{service}.password"
    return (
        f'host = "127.0.0.1"\nport = {broker.centre_port}\nca = "{authority.trust}"\n'
        f'username = "{account(service).username}"\npassword_file = "{password_file}"\n'
    )


@dataclass
class Desk:
    """A running desk and its two brokers."""

    folder: Path
    alarm: Mosquitto
    telemetry: Mosquitto
    port: int = field(default_factory=free_port)
    warm: Warm | None = None
    """What forks it; None: it is started as a command is."""

    def __post_init__(self) -> None:
        self.config = self.folder / "desk.toml"
        self.ledger = self.folder / "data" / "ledger.db"
        (self.folder / "photos").mkdir(exist_ok=True)
        (self.folder / "photos" / "braga.svg").write_text(PHOTO)
        (self.folder / "inventory.toml").write_text(INVENTORY)
        self.config.write_text(
            f'data_dir = "data"\ninventory = "inventory.toml"\n'
            f'streets = "{REPO / "simulator" / "bandung.geojson"}"\n'
            f"[alarm_broker]\n{broker_lines(self.alarm)}"
            f"[telemetry_broker]\n{broker_lines(self.telemetry)}"
            f'[http]\nhost = "127.0.0.1"\nport = {self.port}\n'
        )
        make_accounts(self.accounts)
        self.process = (
            Process(self.command("run"), name="desk", folder=self.folder)
            if self.warm is None
            else WarmProcess(self.command("run"), name="desk", folder=self.folder)
        )

    @property
    def accounts(self) -> Path:
        """Its accounts.db."""
        return self.folder / "data" / "accounts.db"

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}"

    def command(self, *verb: str) -> list[str]:
        """Return the command line of `siaga desk <verb>`."""
        return [sys.executable, "-m", "siaga.main", "desk", *verb, "--config", str(self.config)]

    def start(self, *, recording: bool = True) -> None:
        """Start it and wait until it hears each broker that runs, and records.

        It says that it is ready without them after a while. A box sends again what came to nobody then, a test does
        not.

        Args:
            recording: Whether it is to be waited for that it records.
        """
        self.process.start()
        self.process.wait_ready()
        lanes = [each.lane for each in (self.alarm, self.telemetry) if each.running]
        deadline = time.monotonic() + 15
        while not self._whole(lanes, recording):
            assert time.monotonic() < deadline, self.get("/healthz")
            time.sleep(0.01)

    def _whole(self, lanes: list[Lane], recording: bool) -> bool:
        health = self.get("/healthz")
        heard = all(health["links"][lane] or lane in health["faults"] for lane in lanes)
        return heard and (health["recording"] or not recording)

    def get(self, path: str) -> Any:
        """Return what a GET answers, as JSON."""
        return self.request("GET", path)[1]

    def post(self, path: str, body: Any, *, who: str | None = "petugas-1", **headers: str) -> tuple[int, Any]:
        """Return status and JSON of a POST."""
        return self.request("POST", path, json.dumps(body).encode(), who=who, **headers)

    def request(
        self, method: str, path: str, body: bytes | None = None, *, who: str | None = "petugas-1", **headers: str
    ) -> tuple[int, Any]:
        """Return status and JSON of a request, in the session of an account (None: without) and at SCREEN."""
        request = urllib.request.Request(self.url + path, data=body, method=method)
        for name, value in (session_headers(who) | headers).items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def incidents(self) -> list[dict[str, Any]]:
        """Return all incidents it shows."""
        found: list[dict[str, Any]] = self.get("/api/state")["incidents"]
        return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(no_process_left_at_the_end: None) -> AsyncIterator[None]:
    """Keep this worker's browsers."""
    from tests.duty_desk.console.browser import kept_browsers  # it needs this module

    async with kept_browsers():
        yield


@pytest.fixture
def idle(tmp_path: Path, trust: Trust) -> Desk:
    """Return a desk that is not started, nor are its brokers."""
    brokers = Mosquitto(tmp_path, "a", trust, "alarm"), Mosquitto(tmp_path, "b", trust, "telemetry")
    for broker in brokers:
        broker.render()
    return Desk(tmp_path, *brokers)


@pytest.fixture
def desk(tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, warm: Warm) -> Iterator[Desk]:
    """Yield a desk, started."""
    running = Desk(tmp_path, alarm_broker, telemetry_broker, warm=warm)
    running.start()
    yield running
    running.process.stop()


class Box:
    """A box by hand on one broker: publishes, and keeps what it was sent and what the desk tells everyone."""

    def __init__(self, client: aiomqtt.Client, device: str) -> None:
        self.client = client
        self.device = device
        self.received: list[tuple[str, Any]] = []
        self._sent: dict[str, str] = {}
        self._arrived = asyncio.Condition()

    async def alarm(self, body: bytes) -> None:
        """Publish a body on the alarm topic."""
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            self._sent = {"event_id": json.loads(body)["event_id"]}
        await self.client.publish(topics.alarm(self.device), body, qos=1)

    async def read(self, client: aiomqtt.Client) -> None:
        """Keep what arrives, for ever."""
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            async with self._arrived:
                self.received.append((str(message.topic), json.loads(message.payload)))
                self._arrived.notify_all()

    async def wait(self, topic: str, match: Callable[[Any], bool] = lambda _: True, timeout_s: float = 15.0) -> Any:
        """Return the first body on a topic that matches, from those that came before on."""

        def found() -> Any:
            return next((body for at, body in self.received if at == topic and match(body)), None)

        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                await self._arrived.wait_for(lambda: found() is not None)
        except TimeoutError:
            raise AssertionError(f"nothing that matches came on {topic}: {self.received}") from None
        return found()

    async def receipt(self, stage: str, **names: str) -> Any:
        """Return the first receipt of a stage that names these; without names, of the press that was sent last."""
        topic = topics.alarm_receipt(self.device)
        wanted = (names or self._sent).items()
        return await self.wait(topic, lambda body: body["stage"] == stage and wanted <= body.items())


@asynccontextmanager
async def box(broker: Mosquitto, device: str = "box-1") -> AsyncIterator[Box]:
    """Yield a box connected to a broker with its certificate, beside a probe that hears what the desk tells others."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connection(broker.device(device), device))
        witness = await stack.enter_async_context(connection(broker.probe(), "witness"))
        for topic in (topics.alarm_receipt(device), topics.lamp(device)):
            await client.subscribe(topic, qos=1)
        for topic in ("siaga/v1/desk/#", topics.INVENTORY):
            await witness.subscribe(topic, qos=1)
        made = Box(client, device)
        readers = [asyncio.create_task(made.read(each), name="box-read") for each in (client, witness)]
        try:
            yield made
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)


def _status(device: str, lane: Lane, state: Literal["online", "offline"]) -> Outgoing:
    body = encode(Status(device=device, lane=lane, state=state, boot="1", software="0"))
    return Outgoing(topics.status(device, lane), body, retain=True)


async def birth(street: Box, lane: Lane) -> None:
    """Say that a box is online on this lane."""
    message = _status(street.device, lane, "online")
    await street.client.publish(message.topic, message.body, qos=1, retain=True)


@asynccontextmanager
async def living(desk: Desk, device: str) -> AsyncIterator[None]:
    """Keep a box online on both lanes; at the end it dies, and the brokers publish its will."""
    sessions = [
        Session(
            broker.device(device),
            device,
            birth=partial(_status, device, broker.lane, "online"),
            will=_status(device, broker.lane, "offline"),
        )
        for broker in (desk.alarm, desk.telemetry)
    ]
    tasks = [asyncio.create_task(session.run(), name="box-session") for session in sessions]
    try:
        async with asyncio.timeout(10):
            for session in sessions:
                await session.wait_connected()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
