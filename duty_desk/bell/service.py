"""The bell's process: a session on each broker, its judge, siren, button and SMS, and what it says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from contract import topics
from contract.bell import BELL_REPORT_S, MAX_REASONS, BellEvent, BellReport
from contract.messages import encode
from contract.topics import Lane
from duty_desk.bell.button import Button
from duty_desk.bell.hearing import Hearing
from duty_desk.bell.judge import Event, Judge
from duty_desk.bell.kept import Kept
from duty_desk.bell.settings import Bell
from duty_desk.bell.texting import GammuInject, Texting
from duty_desk.channels.channel import ChannelError
from duty_desk.control import serve
from link import Endpoint, LinkError, Session
from link.backoff import Backoff
from link.notify import Notifier
from link.supervise import Failing, keep_running
from pins.errors import LineError
from pins.output import Output

SOCKET: Final = "bell.sock"
TICK_S: Final = 0.2
SOUND_S: Final = 30
"""What the siren is told each time it is told to go on; its guard ends it after that, whatever hangs here."""
RENEW_S: Final = 5.0
TEST_S: Final = 3
_WATCHDOG_S: Final = 2.0
_RETRY_S: Final = 1.0
"""The longest wait between two attempts to connect: a bell that is deaf sounds."""
_MAX_WORDS: Final = 80
_log = logging.getLogger("siaga.bell")


class Service:
    """One bell, running.

    Args:
        bell: What was read from its configuration.
        notifier: Tells systemd.
    """

    def __init__(self, bell: Bell, notifier: Notifier | None = None) -> None:
        settings = bell.settings
        self._bell = bell
        self._name = settings.name
        self._notifier = notifier or Notifier({})
        self._faults: Counter[str] = Counter()
        self._failing = Failing("siaga-bell")
        self.judge = Judge(time.monotonic_ns())
        self.hearing = Hearing(self.judge)
        self.kept = Kept(bell.data)
        self.kept.load()
        self.siren = Output("siren", settings.siren.uri, SOUND_S, self._faults)
        self._button = None if settings.button is None else Button(settings.button.uri, self.silence)
        self._texting = (
            None
            if settings.sms is None or bell.gammu is None
            else Texting(
                GammuInject(bell.gammu),
                settings.sms.to,
                settings.language,
                settings.zone,
                lambda: self.kept.inventory,
                self._now_ns,
            )
        )
        self._sessions = {lane: self._session(lane, broker) for lane, broker in bell.brokers.items()}
        self._news = {lane: asyncio.Event() for lane in bell.brokers}
        self._siren_news = asyncio.Event()
        self._test_until_s = 0.0

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Work until `stop` is set; `ready` is called once it listens to its socket."""
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "judge": self._ticks,
            "siren": self.siren.run,
            "sound": self._sound,
            "disk": self.kept.run,
            "socket": partial(serve, self._bell.data, self._asked, SOCKET),
        }
        if self._button is not None:
            parts["button"] = self._button.run
        if self._texting is not None:
            parts["sms"] = self._texting.run
        for lane, session in self._sessions.items():
            parts[f"session-{lane}"] = session.run
            parts[f"report-{lane}"] = partial(self._reports, lane)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(keep_running(name, part, self._faults, self._failing), name=f"bell-{name}")
                for name, part in parts.items()
            ]
            await asyncio.sleep(0)  # each part has begun: the socket is there
            self._notifier.tell("READY=1")
            ready()
            await stop.wait()
            self._notifier.tell("STOPPING=1")
            for task in tasks:
                task.cancel()

    def silence(self) -> bool:
        """Let it be silent, as somebody at the bell asks; return whether it sounded."""
        events = self.judge.silence(time.monotonic_ns())
        self._test_until_s = 0.0
        self._happened(events)
        return bool(events)

    def status(self) -> dict[str, Any]:
        """Return how it is, for people and for the desk."""
        return self._report().model_dump(mode="json") | {
            "links": {lane: session.connected for lane, session in self._sessions.items()},
            "heard": self.judge.heard(),
            "late": self.judge.late(time.monotonic_ns()),
        }

    # Inside

    def _session(self, lane: Lane, broker: Endpoint) -> Session:
        subscriptions = [topics.HEARTBEAT, topics.ALL_ALARMS, topics.alarm_receipt("+")]
        if lane == "telemetry":
            subscriptions.append(topics.INVENTORY)

        def hear(topic: str, body: bytes, retained: bool) -> None:
            if topic == topics.INVENTORY:
                self.kept.take_inventory(body)
            else:
                self.hearing.hear(lane, topic, body, retained, time.monotonic_ns(), time.time_ns())

        username = None if broker.credentials is None else broker.credentials.username
        return Session(
            broker,
            username or self._name,
            subscriptions=tuple(subscriptions),
            on_message=hear,
            on_connect=lambda: self._news[lane].set(),
            keep_alive_s=2,
            connect_timeout_s=2.0,
            backoff=Backoff(base_s=0.2, cap_s=_RETRY_S),
        )

    def _now_ns(self) -> int:
        return self.hearing.clock.now_ns(time.monotonic_ns(), time.time_ns())

    async def _ticks(self) -> None:
        fed_s, told = 0.0, list[str]()
        while True:
            now_ns = time.monotonic_ns()
            self._happened(self.judge.tick(now_ns))
            if (faults := self._own_faults()) != told:
                told = faults
                self._tell_soon()
            if now_ns / 1e9 - fed_s >= _WATCHDOG_S:
                fed_s = now_ns / 1e9
                self._notifier.tell("WATCHDOG=1", f"STATUS={self._state_words()}")
            await asyncio.sleep(TICK_S)

    def _happened(self, events: list[Event]) -> None:
        if events:
            self._siren_news.set()
        for event in events:
            why = ", ".join(cause.words for cause in event.causes)[:_MAX_WORDS]
            _log.warning("%s: %s", event.what, why or "over meanwhile")
            self.kept.add(BellEvent(what=event.what, at_ns=max(0, self._now_ns()), why=why))
            if event.what == "sounded" and self._texting is not None:
                self._texting.say(event.causes)
        if events:
            self._tell_soon()

    def _tell_soon(self) -> None:
        for news in self._news.values():
            news.set()

    async def _sound(self) -> None:
        """Keep the siren as it is to be: told again and again, as its own guard ends it."""
        told = False
        while True:
            tested = time.monotonic() < self._test_until_s
            wanted = self.judge.sounding or tested
            self._siren_news.clear()
            wait_s = RENEW_S
            if wanted or told:
                try:
                    await self.siren.set(wanted, TEST_S if tested and not self.judge.sounding else SOUND_S)
                    told = wanted
                except LineError as error:
                    _log.error("the siren: %s", error)
                    wait_s = TICK_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._siren_news.wait()

    async def _reports(self, lane: Lane) -> None:
        news = self._news[lane]
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BELL_REPORT_S):
                    await news.wait()
            news.clear()
            with contextlib.suppress(LinkError):
                await self._sessions[lane].publish(
                    topics.bell(self._name), encode(self._report()), allow_no_subscriber=True
                )

    def _report(self) -> BellReport:
        judge = self.judge
        return BellReport(
            bell=self._name,
            timestamp_ns=max(0, self._now_ns()),
            sounding=judge.sounding,
            silenced=judge.silenced,
            reasons=[cause.words for cause in judge.causes[:MAX_REASONS]],
            faults=self._own_faults(),
            presses=judge.counts["press"],
            tests=judge.counts["test"],
            events=list(self.kept.events),
        )

    def _own_faults(self) -> list[str]:
        found = {
            "siren": self.siren.wrong,
            "button": None if self._button is None else self._button.fault,
            "sms": None if self._texting is None else self._texting.fault,
            "disk": self.kept.fault,
            **{f"{lane} broker": session.fault for lane, session in self._sessions.items()},
            **self._failing.now(),
        }
        return [f"{part}: {words}"[:200] for part, words in found.items() if words is not None][:4]

    def _state_words(self) -> str:
        causes = ", ".join(cause.words for cause in self.judge.causes[:MAX_REASONS])
        if self.judge.sounding:
            return f"sounding: {causes or 'over meanwhile'}"
        return f"silenced: {causes}" if causes else "listening"

    async def _asked(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a command at this machine."""
        match request:
            case {"ask": "status"}:
                return self.status()
            case {"ask": "silence"}:
                return {"silenced": self.silence()}
            case {"ask": "test"}:
                return await self._test(sms=request.get("sms") is True)
        return {"error": "not understood"}

    async def _test(self, *, sms: bool) -> dict[str, Any]:
        """Let it sound for TEST_S, and send a text that says it is a test."""
        if sms and self._texting is None:
            return {"error": "no [sms] in its configuration"}
        self._test_until_s = time.monotonic() + TEST_S
        self._siren_news.set()
        try:
            if sms and self._texting is not None:
                await self._texting.test()
        except ChannelError as error:
            return {"error": str(error)}
        await asyncio.sleep(TICK_S)
        if not self.siren.on:
            await asyncio.sleep(1.0)
        return {"sounding": self.siren.on} if self.siren.on else {"error": self.siren.wrong or "its siren is silent"}


def environment_notifier() -> Notifier:
    """Return what tells the systemd that started this process."""
    return Notifier(os.environ)
