"""Takes pushed configurations while the agent runs: judges them, begins a trial by a restart, confirms or reverts.

Rules (`config_state.py` has what the card knows):
- A new configuration is begun by running the agent's program anew in the same process id, after an orderly stop: what
  is in memory is kept, held buttons are read again. It waits for presses without a receipt, and for
  a button's hold time, at most 60 s; and for the card to have each press, at most 60 s more. A trial's end waits for
  the card only.
- A trial is confirmed when both sessions stand and the centre was heard since the start: a receipt or a lamp state,
  none of them retained. If not within `confirm_s`, the agent goes back by the same way.
- What became of the last push is told at once, again at each connect, and when it is published again. The same bytes
  are not judged twice.
- One push waits to be judged, the newest; one is judged each half second.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from contract.messages import ConfigReply, encode
from contract.topics import Lane
from edge_agent.aside import aside
from edge_agent.clock import Clock
from edge_agent.config_state import NOT_REACHED, ConfigState, Outcome, Pushed, confirmed, reverted, taken
from edge_agent.pushed_config import InForce, PushRefusedError, judge
from edge_agent.status import ConfigStatus
from link import Session

_log = logging.getLogger("siaga.edge.config")

_JUDGE_AGAIN_S = 0.5
_WRITE_AGAIN_S = 5.0
_PRESSES_S = 60.0
_CARD_S = 60.0
_LOOK_S = 0.2
_LAST_WORDS_S = 2.0
_MOST_BYTES = 65_537
"""One more than an envelope may have, so that a longer one is seen to be."""


class ConfigKeeper:
    """The agent's part that minds pushed configurations.

    Args:
        in_force: What the agent was started with.
        clock: The box's clock.
        faults: Counts faults by name, for the report.
        sessions: Both lanes' sessions.
        presses_wait: Whether a press lacks its receipt, or a button's hold time runs.
        presses_in_memory: Whether a press is on no card: it would end with this process.
        send: Sends a reply; returns whether the broker took it.
        restart: Stops the agent and starts it anew.
        began_ns: When the agent started, CLOCK_MONOTONIC.
    """

    def __init__(
        self,
        in_force: InForce,
        *,
        clock: Clock,
        faults: Counter[str],
        sessions: Mapping[Lane, Session],
        presses_wait: Callable[[], bool],
        presses_in_memory: Callable[[], bool],
        send: Callable[[bytes], Awaitable[bool]],
        restart: Callable[[], None],
        began_ns: int,
    ) -> None:
        self._in_force = in_force
        self.state = in_force.state
        self._device = in_force.file.settings.device
        self._clock = clock
        self._faults = faults
        self._sessions = sessions
        self._presses_wait = presses_wait
        self._presses_in_memory = presses_in_memory
        self._send = send
        self._restart = restart
        self._began_ns = began_ns
        self._trial = in_force.pushed if in_force.standing == "trial" else None
        self._centre = asyncio.Event()
        self._wake = asyncio.Event()
        self._changing = asyncio.Lock()
        self._pending: bytes | None = None
        self._judged: str | None = None if self.state.last is None else self.state.last.body_sha256
        self._told = self.state.last
        for fault in in_force.faults:
            faults["pushed configuration unusable"] += 1
            _log.error("%s", fault)
        if self.state.last is not None and self.state.last.outcome == "reverted":
            faults["pushed configuration reverted"] += 1

    def hear(self, body: bytes, retained: bool) -> None:
        """Take a configuration that arrived; an empty body only clears what was retained."""
        if not body or (retained and _sha256(body) == self._judged):
            return
        self._pending = body[:_MOST_BYTES]
        self._wake.set()

    def heard_centre(self) -> None:
        """A live message of the centre arrived."""
        self._centre.set()

    def status(self) -> ConfigStatus:
        """Return what is in force, and what became of the last push."""
        pushed = self._in_force.pushed
        tried = self._in_force.standing == "trial" and self._trial is None
        return ConfigStatus(
            standing="confirmed" if tried else self._in_force.standing,
            version=None if pushed is None else pushed.version,
            last=self._told,
        )

    async def tell(self) -> None:
        """Send what became of the last push, if there ever was one."""
        if self._told is None:
            return
        told = ConfigReply(device=self._device, **self._told.model_dump())
        await self._send(encode(told))

    async def run(self) -> None:
        """Mind pushes until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_start(), name="config-start")
            if self._trial is not None:
                group.create_task(self._try(self._trial), name="config-trial")
            group.create_task(self._judge_all(), name="config-judge")

    async def _keep_start(self) -> None:
        """Write what the start changed, such as a trial that ended by a crash."""
        if not self._in_force.on_card:
            await self._keep(lambda state: state)

    async def _try(self, pushed: Pushed) -> None:
        left_s = pushed.confirm_s - (time.monotonic_ns() - self._began_ns) / 1e9
        try:
            async with asyncio.timeout(max(left_s, 0)):
                await self._reached()
        except TimeoutError:
            await self._give_up(pushed)
            return
        await self._keep(lambda state: confirmed(state, self._now_ns()) if _runs(state, pushed) else state)
        self._trial = None
        if self.state.confirmed is not None and self.state.confirmed.version == pushed.version:
            _log.warning("configuration version %d is confirmed", pushed.version)
            await self._tell(self.state.last)

    async def _reached(self) -> None:
        """Return when the centre was heard and both sessions stand."""
        await self._centre.wait()
        while not all(session.connected for session in self._sessions.values()):
            for session in self._sessions.values():
                await session.wait_connected()

    async def _give_up(self, pushed: Pushed) -> None:
        down = [
            f"{lane}: {session.fault or 'no connection'} ({session.endpoint})"
            for lane, session in self._sessions.items()
            if not session.connected
        ]
        detail = "; ".join(down) if down else "both brokers stand, and no receipt or lamp state came from the centre"
        _log.error("configuration version %d is taken back after %d s: %s", pushed.version, pushed.confirm_s, detail)
        # A card that stands still keeps the trial as begun, which is a revert at the next start too.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._keep(
                    lambda state: (
                        reverted(state, NOT_REACHED, detail, self._now_ns()) if _runs(state, pushed) else state
                    )
                )
        await self._none_in_memory()
        self._restart()

    async def _judge_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            body, self._pending = self._pending, None
            if body is not None:
                await self._judge(body)
                await asyncio.sleep(_JUDGE_AGAIN_S)

    async def _judge(self, body: bytes) -> None:
        name = _sha256(body)
        if name == self._judged:
            await self.tell()  # published anew: whoever did that wants to know
            return
        pushed = await aside(partial(self._verdict, body), "config-judge")
        if isinstance(pushed, PushRefusedError):
            self._judged = name
            self._faults["pushed configuration refused"] += 1
            _log.error("a pushed configuration is refused: %s", pushed)
            await self._tell(
                Outcome(
                    outcome="refused",
                    version=pushed.version,
                    reason=pushed.reason,
                    detail=pushed.detail[:500],
                    body_sha256=name,
                    timestamp_ns=self._now_ns(),
                )
            )
            return
        until_s = asyncio.get_running_loop().time() + _PRESSES_S
        await self._presses_first(until_s)
        await self._keep(lambda state: taken(state, pushed, name))
        await self._presses_first(until_s)  # what came while the card took its time
        self._judged = name
        _log.warning("configuration version %d goes on trial for %d s", pushed.version, pushed.confirm_s)
        self._restart()

    def _verdict(self, body: bytes) -> Pushed | PushRefusedError:
        force = self._in_force
        try:
            return judge(body, path=force.path, file=force.file, newest=self.state.newest, now_ns=self._now_ns())
        except PushRefusedError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a city's own driver checks its keys here, and may raise anything
            _log.exception("a pushed configuration cannot be judged")
            return PushRefusedError("cannot be judged", repr(error))

    async def _presses_first(self, until_s: float) -> None:
        try:
            async with asyncio.timeout_at(until_s):
                while self._presses_wait():  # noqa: ASYNC110 - rare, and the lanes tell nobody of it
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            await self._none_in_memory()

    async def _none_in_memory(self) -> None:
        """Wait for the card, which may lag behind a press: at most 60 s, as a box that is cut off helps nobody."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CARD_S):
                while self._presses_in_memory():  # noqa: ASYNC110 - rare, and the lanes tell nobody of it
                    await asyncio.sleep(_LOOK_S)

    async def _keep(self, change: Callable[[ConfigState], ConfigState]) -> None:
        """Put a changed state on the card, however long that takes, and only then go by it."""
        async with self._changing:
            while True:
                state = change(self.state)
                try:
                    await aside(partial(self._in_force.store.write, state), "config-write")
                except OSError as error:
                    self._faults["card"] += 1
                    _log.error("what became of a pushed configuration is not on the card: %s", error)
                    await asyncio.sleep(_WRITE_AGAIN_S)
                else:
                    self.state = state
                    return

    async def _tell(self, outcome: Outcome | None) -> None:
        self._told = outcome
        await self.tell()

    def _now_ns(self) -> int:
        return self._clock.time_ns(time.monotonic_ns())


def _runs(state: ConfigState, pushed: Pushed) -> bool:
    """Return whether a trial is this one; a newer push may have taken its place, and waits for a start of its own."""
    return state.begun and state.trial is not None and state.trial.version == pushed.version


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body[:_MOST_BYTES]).hexdigest()
