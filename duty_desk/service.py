"""The desk's process: it brings brokers, ledger, channels and web server together, and keeps the timers."""

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
from duty_desk.lanes import LANES, Lanes
from duty_desk.ledger.writer import Ledger
from duty_desk.paging import PagingHost
from duty_desk.pair.owner import Owner
from duty_desk.ringing import TICK_S
from duty_desk.serving import Server, listen
from duty_desk.settings import Desk
from duty_desk.synthetic.asked import Asked
from duty_desk.synthetic.book import Book
from duty_desk.web.api import make_app
from duty_desk.web.connections import Connection
from duty_desk.web.view import Places, json_bytes
from link import ntp
from link.supervise import Failing, keep_running

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
        self._roster = RosterDisk(config.roster, config.settings.duty.zone)
        self._loaded = asyncio.Event()
        self._lanes = Lanes(config, owner, loaded=self._loaded.is_set, changed=self._beat)
        self.desk = DutyDesk(
            config.name,
            Places(config.inventory),
            self._lanes,
            time.time_ns,
            config.settings.escalation.policy,
            roster=self._roster,
            duty=config.settings.duty,
            command_key=config.command_key,
        )
        self._lanes.desk = self.desk
        self._failing = Failing("siaga-desk")
        self._failures: Counter[str] = Counter()
        self._told = Board()
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
        self.drills = Drills(self.desk, time.time_ns, time.monotonic_ns)
        self.desk.drill = self.drills.shown
        self.contacts = Contacts(config.contacts)
        self.web_push = open_push(self.contacts, config.push_key, config.settings.channels.push, self.desk)
        self.pager = self._pager()
        self.desk.attach(self.pager)
        self.desk.bells.expect(config.settings.bells)
        self.desk.duty.ways, self.desk.duty.test = self.pager.ways, self.pager.test
        calls = Calls(self.pager.channels, self.desk.duty.display, self.desk.note, time.time_ns)
        self.desk.duty.call = lambda fault: calls.about(fault, self.desk.duty, config.settings.language)
        self.desk.synthetic.book = self._book = Book(config.synthetic, time.time_ns)
        self._synthetic_asked = Asked(self.desk)
        self.desk.may_act = self._lanes.may_act

    # The process

    def words(self) -> str:
        """Return how it is, in a few words."""
        faults = {
            "not recording": not self.ledger.recording,
            "may not act": not self._lanes.may_act(),
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
                        for event in self._lanes.connected.values():
                            await event.wait()
                ready()
                await _until_stopped(stop, http)
                await self._lanes.tell_alive()  # for the bell a restart begins now, not up to 2 s ago
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
        parts["synthetic-count"] = self.desk.synthetic.count
        parts["synthetic-book"] = partial(self._book.run, self.desk.synthetic.kept)
        if self._config.settings.synthetic.each_s and self.desk.commander.able:
            parts["synthetic"] = partial(self.desk.synthetic.run, self._config.settings.synthetic.each_s)
        for name, channel in self.pager.channels.items():
            parts[f"channel-{name}"] = partial(channel.run, self.pager.tell(name))
        parts |= self._lanes.parts
        return [
            group.create_task(keep_running(name, part, self._failures, self._failing), name=f"desk-{name}")
            for name, part in parts.items()
        ]

    def _pager(self) -> Pager:
        """Return what pages people, by all channels that are set up."""
        settings = self._config.settings
        channels = open_channels(
            self.web_push,
            *open_addressed(
                self.contacts, settings.channels, self._config.contacts.parent, settings.language, self.desk
            ),
            *self._sirens(),
        )
        return Pager(
            channels if self._owner is None else self._owner.gated(channels),
            self.desk.duty,
            PagingHost(self.desk, Acts(self.desk, time.time_ns), lambda: self.door.accounts, settings.language),
            now_ns=time.time_ns,
            monotonic_ns=time.monotonic_ns,
            on_fault=partial(self._failing.note, "pager"),
        )

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

    async def _ticks(self) -> None:
        while True:
            more = self._lanes.may_act() and self.desk.tick()
            await asyncio.sleep(0 if more else TICK_S)

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
            if self._lanes.may_act() and duty.tick().changed:
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

    def _beat(self) -> None:
        self.desk.accounts_fault = self.door.fault
        self.desk.desks_wrong = ({} if self._owner is None else self._owner.wrong()) | self._lanes.namesakes.wrong
        self.desk.faults = self._lanes.faults
        broken = self.desk.synthetic.faults
        self.desk.faults |= {lane: broken[lane] for lane in LANES if lane in broken and lane not in self.desk.faults}
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
        self._lanes.greet()
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
