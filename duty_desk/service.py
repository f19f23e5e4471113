"""The desk's process: two broker sessions, the ledger's thread, the web server, and the timers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from typing import Any, Final, Literal, ParamSpec

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from contract import topics
from contract.messages import encode
from contract.topics import Lane
from duty_desk import siren_test
from duty_desk.access.door import Door
from duty_desk.acts import Acts
from duty_desk.channels import trial
from duty_desk.channels.addressed import open_addressed
from duty_desk.channels.build import open_channels
from duty_desk.channels.contacts import Contacts
from duty_desk.channels.pager import Pager
from duty_desk.channels.sirens import SirenChannel
from duty_desk.channels.webpush.build import open_push, remember_paged
from duty_desk.control import serve
from duty_desk.desk import DutyDesk
from duty_desk.drills.drills import Drills
from duty_desk.duty.calling import Calls
from duty_desk.duty.past import read_past
from duty_desk.duty.roster_disk import LOOK_S, RosterDisk
from duty_desk.incidents.board import Board
from duty_desk.incidents.retelling import ROUND_S
from duty_desk.ledger.writer import Ledger
from duty_desk.namesakes import Namesakes
from duty_desk.outbound import WORKERS, Outbound
from duty_desk.paging import PagingHost
from duty_desk.pair.owner import Owner
from duty_desk.ringing import TICK_S
from duty_desk.serving import Server, listen
from duty_desk.settings import Desk
from duty_desk.synthetic.asked import Asked
from duty_desk.synthetic.book import Book
from duty_desk.web.api import make_app
from duty_desk.web.connections import Connection
from duty_desk.web.view import Places, incident_message, json_bytes
from link import Endpoint, LinkError, Session, ntp
from link.supervise import Failing, keep_running

HEARTBEAT_S: Final = 2.0
LAMPS_S: Final = 30.0
BEAT_S: Final = 3.0
"""Between two signs of life to the pages."""
WATCH_S: Final = 1.0
"""Between two looks at which devices can be reached."""
DUTY_S: Final = 1.0
"""Between two looks at who is on duty, and whether they can be reached."""
NTP_S: Final = 10.0
"""Between two questions whether NTP keeps the centre's clock."""
_LEDGER_WAIT_S: Final = 2.0
_FIRST_ATTEMPT_S: Final = 1.5
_ANNOUNCE_S: Final = 1.5
"""How long the first heartbeat of a new owner may take to reach both brokers, before it acts without one of them."""
KEEP_ALIVE_S: Final = 4
"""A path to a broker that fell silent is noticed after at most twice that and 2 s."""
_SUBSCRIPTIONS: Final = (
    topics.ALL_ALARMS,
    topics.ALL_STATUS,
    topics.ALL_REPLIES,
    topics.ALL_BELLS,
    topics.HEARTBEAT,
)
_LANES: Final[tuple[Lane, Lane]] = ("alarm", "telemetry")

_Server = Server

_log = logging.getLogger("siaga.desk")
P = ParamSpec("P")


class Service:
    """One duty desk, running.

    Args:
        config: What was read from the configuration files.
        owner: What keeps it the owner, where it is one of two desks.
    """

    def __init__(self, config: Desk, owner: Owner | None = None) -> None:
        self._config = config
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._places = Places(config.inventory)
        self._roster = RosterDisk(config.roster, config.settings.duty.zone)
        self.desk = DutyDesk(
            config.name,
            self._places,
            self,
            time.time_ns,
            config.settings.escalation.policy,
            roster=self._roster,
            duty=config.settings.duty,
            command_key=config.command_key,
        )
        self._failing = Failing("siaga-desk")
        self._failures: Counter[str] = Counter()
        self._told = Board()
        self._loaded = asyncio.Event()
        self.ledger = Ledger(
            config.ledger,
            past=self._begin_replay,
            on_loaded=self._from_thread(self._adopt),
            on_committed=self._from_thread(self.desk.committed),
            on_others=self._from_thread(self.desk.others),
            on_state=self._from_thread(self._beat),
            fence=_no_fence if owner is None else owner.fence,
            on_fenced=_nothing if owner is None else owner.fenced,
        )
        self.desk.ledger = self.ledger
        self.door = Door(
            config.accounts,
            idle_s=config.settings.access.session_idle_h * 3_600,
            most_s=config.settings.access.session_days * 86_400,
            record=self.desk.note,
            on_fault=self._beat,
            clock=lambda: self.desk.board.clock,
        )
        self.namesakes = Namesakes(config.name, paired=owner is not None, monotonic_ns=time.monotonic_ns)
        self.drills = Drills(self.desk, time.time_ns, time.monotonic_ns)
        self.desk.drill = self.drills.shown
        self.contacts = Contacts(config.contacts)
        self.web_push = open_push(self.contacts, config.push_key, config.settings.channels.push, self.desk)
        channels = open_channels(
            self.web_push,
            *open_addressed(
                self.contacts,
                config.settings.channels,
                config.contacts.parent,
                config.settings.language,
                self.desk,
            ),
            *self._sirens(),
        )
        self.pager = Pager(
            channels if owner is None else owner.gated(channels),
            self.desk.duty,
            PagingHost(self.desk, Acts(self.desk, time.time_ns), lambda: self.door.accounts, config.settings.language),
            now_ns=time.time_ns,
            monotonic_ns=time.monotonic_ns,
            on_fault=partial(self._failing.note, "pager"),
        )
        self.desk.attach(self.pager)
        self.desk.bells.expect(config.settings.bells)
        self.desk.duty.ways, self.desk.duty.test = self.pager.ways, self.pager.test
        calls = Calls(self.pager.channels, self.desk.duty.display, self.desk.note, time.time_ns)
        self.desk.duty.call = lambda fault: calls.about(fault, self.desk.duty, config.settings.language)
        self.desk.synthetic.book = self._book = Book(config.synthetic, time.time_ns)
        self._synthetic_asked = Asked(self.desk)
        self._connected = {lane: asyncio.Event() for lane in _LANES}
        self._ungreeted: set[Lane] = set(_LANES)
        self._outbound: dict[Lane, Outbound] = {
            lane: Outbound(self._session(lane, config.brokers[lane]), self._lamp_message, self._may) for lane in _LANES
        }
        self.desk.may_act = self._may

    # As the desk's outlet

    def send(self, topic: str, body: bytes) -> None:
        """Send a message soon, on both brokers."""
        for outbound in self._outbound.values():
            outbound.send(topic, body)

    def lamps(self, device: str) -> None:
        """Send the lamps of a device soon, on both brokers."""
        for outbound in self._outbound.values():
            outbound.lamps(device)

    # The process

    def words(self) -> str:
        """Return how it is, in a few words."""
        faults = {
            "not recording": not self.ledger.recording,
            "may not act": not self._may(),
            **{f"no {lane} broker": not up for lane, up in self.desk.links.items()},
        }
        return "; ".join([f"{len(self.desk.board.active())} open", *(words for words, so in faults.items() if so)])

    async def run(self, stop: asyncio.Event, ready: Callable[[], None], sock: socket.socket | None = None) -> None:
        """Work until `stop` is set. `ready` is called once, when the page is served and both brokers were tried.

        Args:
            stop: Ends it.
            ready: Called once.
            sock: Where the page is served; None to take the address now.

        Raises:
            OSError: The page's address cannot be taken.
        """
        if sock is None:
            sock = listen(self._config.settings.http.host, self._config.settings.http.port)
        self.ledger.start()
        self.door.start()
        try:
            # Alarms are heard only once the past is known, unless the ledger cannot tell it in time.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LEDGER_WAIT_S):
                    await self._loaded.wait()
                    await self.door.loaded.wait()
            async with asyncio.TaskGroup() as group:
                tasks = self._start(group)
                server = _Server(
                    uvicorn.Config(
                        make_app(self.desk, self._config, self.door, self.web_push),
                        log_config=None,
                        access_log=False,
                        http=Connection,
                        ws="none",
                        lifespan="off",
                        server_header=False,
                        # Only a front on this machine may say for whom it asks.
                        proxy_headers=self._config.settings.http.https,
                        forwarded_allow_ips=["127.0.0.1", "::1"],
                        timeout_graceful_shutdown=1,
                    )
                )
                http = group.create_task(server.serve(sockets=[sock]), name="desk-http")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_FIRST_ATTEMPT_S):
                        for event in self._connected.values():
                            await event.wait()
                ready()
                await _until_stopped(stop, http)
                await self._tell_alive()  # for the bell a restart begins now, not up to 2 s ago
                self.desk.push.close()
                server.should_exit = True
                for task in tasks:
                    task.cancel()
                await http
        finally:
            await self.pager.close()
            self.door.stop()
            self.ledger.stop()
            sock.close()

    def _start(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start every part but the web server. One that fails is started again, and told on the pages meanwhile; the
        server's own end is the process's, which systemd starts again: without it there is nobody to ring for."""
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "escalation": self._ticks,
            "heartbeat": self._heartbeats,
            "lamps": self._lamp_rounds,
            "incidents": self._incident_rounds,
            "beat": self._beats,
            "watch": self._watches,
            "contacts": self.contacts.run,
            "duty": self._duties,
            "roster": self._look_at_roster,
            "clock": self._ask_ntp,
            "drills": self.drills.run,
            "control": partial(serve, self._config.data, self._asked),
        }
        if self._owner is not None:
            parts["announce"] = partial(self._announce, self._owner)
        parts["synthetic-count"] = self.desk.synthetic.count
        parts["synthetic-book"] = partial(self._book.run, self.desk.synthetic.kept)
        if self._config.settings.synthetic.each_s and self.desk.commander.able:
            parts["synthetic"] = partial(self.desk.synthetic.run, self._config.settings.synthetic.each_s)
        for name, channel in self.pager.channels.items():
            parts[f"channel-{name}"] = partial(channel.run, self.pager.tell(name))
        for lane, outbound in self._outbound.items():
            parts[f"session-{lane}"] = outbound.session.run
            parts |= {f"outbound-{lane}-{number}": outbound.work for number in range(WORKERS)}
        return [
            group.create_task(keep_running(name, part, self._failures, self._failing), name=f"desk-{name}")
            for name, part in parts.items()
        ]

    def _sirens(self) -> list[SirenChannel]:
        """Return the channels that sound at boxes."""
        escalation = self._config.settings.escalation
        named: dict[Literal["siren", "beacon"], list[str]] = {
            "siren": escalation.sirens,
            "beacon": escalation.beacons,
        }

        def unanswered() -> bool:
            return any(incident.unanswered for incident in self.desk.board.active())

        self.desk.commander.watched = frozenset((*escalation.sirens, *escalation.beacons))
        return [
            SirenChannel(name, tuple(dict.fromkeys(devices)), self.desk.commander, unanswered)
            for name, devices in named.items()
            if devices
        ]

    async def _asked(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a command on this machine."""
        if "drill" in request:
            return self.drills.answer(request)
        if "channel_test" in request:
            return await trial.answer(self.pager, request)
        if "synthetic_press" in request or "synthetic_result" in request:
            return self._synthetic_asked.answer(request)
        return await siren_test.answer(self.desk, request, time.time_ns)

    def _may(self) -> bool:
        """Return whether what this desk says may go out now."""
        return self._owner is None or self._owner.tenure.good

    async def _ticks(self) -> None:
        while True:
            more = self._may() and self.desk.tick()
            await asyncio.sleep(0 if more else TICK_S)

    async def _heartbeats(self) -> None:
        while True:
            await self._tell_alive()
            await asyncio.sleep(HEARTBEAT_S)

    async def _tell_alive(self) -> None:
        for lane in _LANES:
            with contextlib.suppress(LinkError):
                await self._tell_alive_on(lane)

    async def _tell_alive_on(self, lane: Lane, qos: int = 0) -> None:
        """Tell one broker.

        Raises:
            LinkError: It was not told.
        """
        tenure = None if self._owner is None else self._owner.tenure
        if tenure is None or tenure.may_beat:
            await self._outbound[lane].session.publish(topics.HEARTBEAT, self._heartbeat(), qos=qos)

    def _heartbeat(self) -> bytes:
        """Return a heartbeat that is about to go out."""
        beat = self.desk.heartbeat()
        self.namesakes.sent(beat.timestamp_ns)
        if self._owner is not None:
            beat = beat.model_copy(update={"epoch": self._owner.tenure.epoch})
            self._owner.tenure.beat(beat.timestamp_ns)
        return encode(beat)

    async def _announce(self, owner: Owner) -> None:
        """Tell both brokers who owns from now on, before anything else goes out."""

        async def tell(lane: Lane) -> None:
            await self._connected[lane].wait()
            await self._tell_alive_on(lane, qos=1)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ANNOUNCE_S):
                await asyncio.gather(*(tell(lane) for lane in _LANES), return_exceptions=True)
        owner.tenure.announce()

    async def _lamp_rounds(self) -> None:
        while True:
            await asyncio.sleep(LAMPS_S)
            for device in self.desk.devices():
                self.lamps(device)

    async def _incident_rounds(self) -> None:
        while True:
            await asyncio.sleep(ROUND_S)
            self.desk.tell_again()

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._beat()

    async def _watches(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            self.desk.watch()
            self.door.sweep()

    async def _duties(self) -> None:
        duty = self.desk.duty
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEDGER_WAIT_S):
                await self._loaded.wait()
        while True:
            if not duty.loaded:
                # As soon as the ledger can be read; who is on duty does not wait for it.
                with contextlib.suppress(SQLAlchemyError):
                    past = await asyncio.to_thread(read_past, self._config.ledger, time.time_ns())
                    duty.adopt(past)
                    self.desk.bells.adopt(past)
                    self.drills.adopt(past)
                    self.pager.remember(past)
            duty.accounts = self.door.accounts
            if self._may() and duty.tick().changed:
                self._beat()
            await asyncio.sleep(DUTY_S)

    async def _look_at_roster(self) -> None:
        while True:
            await asyncio.to_thread(self._roster.look)
            await asyncio.sleep(LOOK_S)

    async def _ask_ntp(self) -> None:
        while True:
            self.desk.board.clock = "ntp" if await ntp.is_synchronised() else "none"
            await asyncio.sleep(NTP_S)

    # The brokers

    def _session(self, lane: Lane, broker: Endpoint) -> Session:
        owner, more = self._owner, ((topics.ALL_REPORTS,) if lane == "telemetry" else ())

        def hear(topic: str, body: bytes, retained: bool) -> None:
            if topic == topics.HEARTBEAT:
                self.namesakes.hear(body, retained)
                if owner is not None:
                    owner.hear(body, retained)
                return
            try:
                self.desk.hear(lane, topic, body, retained)
            except Exception:  # noqa: BLE001 - one message, whatever is in it, must not keep the desk from hearing the next
                _log.exception("a message on %s was not understood", topic)

        return Session(
            broker,
            self._config.name,
            subscriptions=_SUBSCRIPTIONS + more,
            on_message=hear,
            on_connect=lambda: self._on_connect(lane),
            on_disconnect=lambda: self._link(lane, False),
            keep_alive_s=KEEP_ALIVE_S,
        )

    def _on_connect(self, lane: Lane) -> None:
        self._connected[lane].set()
        self._link(lane, True)
        outbound = self._outbound[lane]
        if self._owner is None:
            outbound.send(topics.HEARTBEAT, self._heartbeat())  # the bell counts the seconds
        if lane == "telemetry":
            outbound.send(topics.INVENTORY, encode(self._config.inventory), retain=True)
        for incident in self.desk.board.active():
            outbound.send(topics.INCIDENT, encode(incident_message(incident, self._places, self.ledger.head)))
            if incident.device is not None:
                outbound.lamps(incident.device)
        self._greet()

    def _greet(self) -> None:
        """Let each box know of this run of the desk, so that it sends again at once what waits for a receipt."""
        if not self._loaded.is_set():
            return
        for lane in [lane for lane in self._ungreeted if self._outbound[lane].session.connected]:
            self._ungreeted.discard(lane)
            for device in self.desk.devices():
                self._outbound[lane].lamps(device)

    def _link(self, lane: Lane, up: bool) -> None:
        if self._owner is not None:
            self._owner.tenure.link(lane, up)
        self.desk.link(lane, up)
        self._beat()

    def _lamp_message(self, device: str) -> tuple[str, bytes]:
        return topics.lamp(device), encode(self.desk.lamps(device))

    def _beat(self) -> None:
        self.desk.accounts_fault = self.door.fault
        self.desk.desks_wrong = ({} if self._owner is None else self._owner.wrong()) | self.namesakes.wrong
        self.desk.faults = {lane: fault for lane, each in self._outbound.items() if (fault := each.fault) is not None}
        broken = self.desk.synthetic.faults
        self.desk.faults |= {lane: broken[lane] for lane in _LANES if lane in broken and lane not in self.desk.faults}
        unusable = {
            "contacts": self.contacts.fault,
            "push": self.web_push.fault,
            "synthetic": broken.get("synthetic") or self._book.fault,
        }
        self.desk.failing = self._failing.now() | {part: fault for part, fault in unusable.items() if fault is not None}
        self.desk.push.send("beat", json_bytes(self.desk.beat()))

    # The ledger's thread

    def _begin_replay(self) -> Board:
        self._told = Board()
        return self._told

    def _adopt(self, epoch_ms: int) -> None:
        if self._told.misfits:
            _log.warning("%d records of the ledger do not fit its own past", self._told.misfits)
        self.desk.adopt(self._told, epoch_ms, version("siaga"))
        remember_paged(self.web_push, self.desk)
        self._loaded.set()
        self._greet()
        self._beat()

    def _from_thread(self, call: Callable[P, None]) -> Callable[P, None]:
        """Return a callback for the ledger's thread that runs `call` on the event loop."""

        def hop(*args: P.args, **kwargs: P.kwargs) -> None:
            # After the loop's end nobody is left to tell; the ledger itself is in order.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(lambda: call(*args, **kwargs))

        return hop


async def _until_stopped(stop: asyncio.Event, http: asyncio.Task[None]) -> None:
    """Return when the desk is to stop.

    Raises:
        RuntimeError: The web server ended by itself; nobody can be rung for, so the process ends and is started again.
    """
    stopping = asyncio.create_task(stop.wait(), name="desk-stop")
    await asyncio.wait((stopping, http), return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        stopping.cancel()
        raise RuntimeError("the web server ended")


def _no_fence(_transaction: object) -> None:
    """One desk alone may always write."""


def _nothing() -> None:
    """Nobody is to be told."""
