"""The guardian in the wall server's process: judges each second, tells both brokers, and has its routes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from contract import topics
from contract.messages import ScreenMessage, encode
from dashboards.guardian.beat import read_beat
from dashboards.guardian.figures import metrics
from dashboards.guardian.judge import Judge, Verdict
from dashboards.guardian.signs import Sign
from link import LinkError

AGAIN_S: Final = 30.0
DATA_S: Final = 5.0
DATA_TIMEOUT_S: Final = 10.0
PUBLISH_TIMEOUT_S: Final = 3.0
_log = logging.getLogger("siaga.wall.guardian")


class Publisher(Protocol):
    """What of a session is needed here."""

    @property
    def connected(self) -> bool:
        """Whether a connection stands."""

    async def publish(
        self,
        topic: str,
        body: bytes,
        *,
        retain: bool = False,
        timeout_s: float = 5.0,
        allow_no_subscriber: bool = False,
    ) -> None:
        """Publish at QoS 1."""


@dataclass(frozen=True, slots=True)
class Data:
    """What the wall server itself knows of a screen's data: what is wrong with it, the age of the newest in s."""

    sign: Sign | None
    age_s: float | None


LookAtData = Callable[[], Awaitable[Mapping[int, Data]]]


class Guardian:
    """All screens of the wall.

    Args:
        numbers: The screens of the plan.
        data: Looks at the data that each screen shows now.
        version: That of the pages the server has.
        sessions: To each broker that is told; none is no fault.
        time_ns: The centre's clock.
        monotonic: The monotonic clock, in s.
    """

    def __init__(
        self,
        numbers: Sequence[int],
        data: LookAtData,
        *,
        version: str = "",
        sessions: Sequence[Publisher] = (),
        time_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.judge = Judge(numbers, monotonic(), version=version)
        self.version = version
        self.sessions = tuple(sessions)
        self._look = data
        self._time_ns = time_ns
        self._monotonic = monotonic
        self._to_tell: set[int] = set()
        self._wake = asyncio.Event()

    def heard(self, number: int, origin: str, body: bytes) -> dict[str, Any]:
        """Take in a beat; return what is answered.

        Raises:
            BodyError: It is none.
            KeyError: The plan has no such screen.
        """
        if not self.judge.knows(number):
            raise KeyError(number)
        reload = self.judge.heard(number, origin, read_beat(body), self._monotonic())
        if reload:
            _log.warning("screen %d is told to load itself anew: %s", number, self._why(number))
        return {"reload": reload, "version": self.version, "next_ms": self._next_ms()}

    def faults(self) -> dict[int, dict[str, Any]]:
        """Return how each screen is: `state`, `reasons`, `since_ms`, `heard_ms`, `reloads`."""
        return {verdict.number: self._told(verdict) for verdict in self.judge.verdicts()}

    def metrics(self) -> str:
        """Return the figures for Prometheus."""
        return metrics(self.judge.verdicts(), self._monotonic())

    async def run(self) -> None:
        """Judge each second, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_at_data(), name="wall-guardian-data")
            group.create_task(self._tell(), name="wall-guardian-tell")
            while True:
                self.step()
                await asyncio.sleep(self.judge.limits.tick_s)

    def step(self) -> None:
        """Bring all verdicts up to now; what is new waits to be told."""
        changed = self.judge.judge(self._monotonic())
        for number in changed:
            _log.info("screen %d: %s", number, self._why(number))
        if changed:
            self._to_tell.update(changed)
            self._wake.set()

    async def _look_at_data(self) -> None:
        while True:
            try:
                async with asyncio.timeout(DATA_TIMEOUT_S):
                    found = await self._look()
            except TimeoutError:
                found = dict.fromkeys(
                    (verdict.number for verdict in self.judge.verdicts()), Data(("stale", "store_silent"), None)
                )
            for number, data in found.items():
                self.judge.data(number, data.sign, data.age_s, self._monotonic())
            await asyncio.sleep(DATA_S)

    async def _tell(self) -> None:
        """Tell what is new at once, and everything each 30 s: a broker that was away, or forgot, has it then."""
        due_s = self._monotonic() + AGAIN_S
        while True:
            try:
                async with asyncio.timeout(max(0.0, due_s - self._monotonic())):
                    await self._wake.wait()
            except TimeoutError:
                due_s = self._monotonic() + AGAIN_S
                self._to_tell.update(verdict.number for verdict in self.judge.verdicts())
            self._wake.clear()
            numbers, self._to_tell = sorted(self._to_tell), set()
            async with asyncio.TaskGroup() as group:
                for session in self.sessions:
                    group.create_task(self._tell_one(session, numbers))

    async def _tell_one(self, session: Publisher, numbers: Sequence[int]) -> None:
        for number in numbers:
            verdict = self.judge.verdict(number)
            if verdict is None or not session.connected:
                continue
            try:
                await session.publish(
                    topics.wall_screen(number),
                    encode(self.message(verdict)),
                    retain=True,
                    timeout_s=PUBLISH_TIMEOUT_S,
                    allow_no_subscriber=True,
                )
            except LinkError as error:
                # Said again in 30 s.
                _log.warning("screen %d could not be told: %s", number, error)
                return

    def message(self, verdict: Verdict) -> ScreenMessage:
        """Return a verdict as it travels."""
        now_ns = self._time_ns()
        return ScreenMessage(
            screen=verdict.number,
            state=verdict.state,
            since_ns=max(0, now_ns - self._ago_ns(verdict.since_s)),
            timestamp_ns=now_ns,
            dashboard=verdict.dashboard,
            reasons=list(verdict.reasons),
            data_age_s=None if verdict.data_age_s is None else max(0.0, verdict.data_age_s),
            reloads=verdict.reloads,
        )

    def _next_ms(self) -> int:
        """Return when the next beat is to come: all screens' at one moment, so that it wakes this process once."""
        beat_ms = int(self.judge.limits.beat_s * 1_000)
        left_ms = beat_ms - int(self._monotonic() * 1_000) % beat_ms
        return left_ms if left_ms >= beat_ms // 2 else left_ms + beat_ms

    def _told(self, verdict: Verdict) -> dict[str, Any]:
        now_ns = self._time_ns()
        heard_s = verdict.heard_s
        return {
            "state": verdict.state,
            "reasons": list(verdict.reasons),
            "since_ms": (now_ns - self._ago_ns(verdict.since_s)) // 1_000_000,
            "heard_ms": None if heard_s is None else (now_ns - self._ago_ns(heard_s)) // 1_000_000,
            "dashboard": verdict.dashboard,
            "reloads": verdict.reloads,
        }

    def _ago_ns(self, then_s: float) -> int:
        return int((self._monotonic() - then_s) * 1e9)

    def _why(self, number: int) -> str:
        verdict = self.judge.verdict(number)
        if verdict is None:
            return "not judged yet"
        return f"{verdict.state} ({', '.join(verdict.reasons)})" if verdict.reasons else verdict.state
