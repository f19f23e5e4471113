"""Looks at the parts of the box once a second: what is wrong with each now, and what to do about it.

A part tells what is wrong with it; what no part can know of itself is found here: a line that is open and silent, a
lane that stays down, presses that nobody answers, a clock that nobody sets.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from contract.messages import Press
from contract.topics import Lane
from edge_agent.clock import Clock
from edge_agent.drivers.base import DriverSettings
from edge_agent.faults import FaultBoard, reason
from edge_agent.inputs import ButtonState, SensorReader
from edge_agent.lamp import LampPanel
from edge_agent.outbox.writer import Writer
from edge_agent.silence import Silence
from link import Session
from link.supervise import Failing

_log = logging.getLogger("siaga.edge.watchman")

ROUND_S: Final = 1.0
DOWN_NS: Final = 15 * 10**9
"""A lane that is down for less comes back by itself: it is not worth a word."""
UNANSWERED_NS: Final = 10 * 10**9
CLOCK_NS: Final = 600 * 10**9


class Watchman:
    """Knows what is wrong with a box.

    Args:
        sensors: The sensors at work, and their settings.
        states: The state of each button, by its name.
        panel: The lamps.
        clock: The box's clock.
        faults: Counts each fault that is found here when it begins.
        failing: Parts that fail.
        waiting: Tells the presses without receipt, each with the moment of the monotonic clock when it was taken.
        began_ns: The start, by the monotonic clock.
    """

    def __init__(
        self,
        sensors: Iterable[tuple[SensorReader, DriverSettings]],
        states: Mapping[str, ButtonState],
        panel: LampPanel,
        clock: Clock,
        faults: Counter[str],
        failing: Failing,
        waiting: Callable[[], Iterable[tuple[Press, int]]],
        *,
        began_ns: int,
    ) -> None:
        self._readers: list[SensorReader] = []
        self._silences: dict[str, Silence] = {}
        for reader, settings in sensors:
            self._readers.append(reader)
            if settings.live:
                interval_s = getattr(settings, "interval_s", 0) or getattr(settings, "poll_s", 0)
                self._silences[reader.id] = Silence(began_ns, round(interval_s * 1e9))
        self._states = states
        self._panel = panel
        self._clock = clock
        self._faults = faults
        self._failing = failing
        self._waiting = waiting
        self._began_ns = began_ns
        self._down_ns: dict[str, int] = {}
        self.sessions: Mapping[Lane, Session] = {}
        self.writers: Mapping[str, Writer] = {}
        self.health: dict[str, str] = {}
        self.others: Mapping[str, Callable[[], str | None]] = {}
        """What else there is, by name, each with what is wrong with it and was counted by itself."""
        self.board = FaultBoard()

    def heard(self, sensor: str, monotonic_ns: int) -> None:
        """A sensor gave a reading."""
        if (silence := self._silences.get(sensor)) is not None:
            silence.take(monotonic_ns)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look(time.monotonic_ns())
            await asyncio.sleep(ROUND_S)

    def look(self, now_ns: int) -> None:
        """Look at everything once; count and tell what begins here, tell what is over."""
        told = self._told()
        found = self._found(now_ns)
        began, over = self.board.update(found | told, now_ns)
        for fault in began:
            if fault.what not in told:
                self._faults[f"{fault.what}: {reason(fault.words)}"] += 1
                _log.error("%s: %s", fault.what, fault.words)
        for fault in over:
            if fault.what not in found | told:
                _log.info("%s: well again (it was: %s)", fault.what, reason(fault.words))

    def _told(self) -> dict[str, str]:
        """Return what the parts say of themselves, and have counted."""
        wrong = {f"sensor {name}": words for reader in self._readers for name, words in reader.wrong.items()}
        wrong |= {f"button {name}": state.wrong for name, state in self._states.items() if state.wrong is not None}
        for name in self._states:
            if (lost := self._panel[name].wrong) is not None:
                wrong[f"lamp {name}"] = lost
        wrong |= {name: words for name, ask in self.others.items() if (words := ask()) is not None}
        for name, words in self._failing.now().items():
            wrong.setdefault(name, words)
        return wrong

    def _found(self, now_ns: int) -> dict[str, str]:
        wrong = {f"box {name}": f"{name}: {advice}" for name, advice in self.health.items()}
        for reader in self._readers:
            if reader.id not in reader.wrong and (silent := self._silent(reader.id, now_ns)) is not None:
                wrong[f"sensor {reader.id}"] = silent
        for lane, session in self.sessions.items():
            down = self._down(lane, session, now_ns)
            if down is not None:
                wrong[f"lane {lane}"] = down
        for name, writer in self.writers.items():
            if (fault := writer.fault) is not None:
                what = "stands still" if "stands still" in fault else "refuses"
                wrong[f"card {name}"] = f"{what}: {fault}; is the card full or read-only? df -h, dmesg"
        late = [press for press, taken_ns in self._waiting() if now_ns - taken_ns > UNANSWERED_NS]
        if late:
            wrong["presses"] = f"not delivered: {len(late)} without receipt; call the duty room, then check the lanes"
        if not self._clock.trusted and now_ns - self._began_ns > CLOCK_NS:
            wrong["clock"] = "not trusted: it needs NTP, a GPS fix, or the centre's link"
        return wrong

    def _silent(self, sensor: str, now_ns: int) -> str | None:
        silence = self._silences.get(sensor)
        silent_ns = None if silence is None else silence.silent_ns(now_ns)
        if silence is None or silent_ns is None:
            return None
        since = f"no reading: none for {silent_ns / 1e9:.0f} s" if silence.heard else "no reading: none since the start"
        usual = f", usually each {silence.usual_ns / 1e9:.0f} s" if silence.usual_ns else ""
        return f"{since}{usual}; check its supply and cable, and see what comes: siaga edge read"

    def _down(self, lane: str, session: Session, now_ns: int) -> str | None:
        if session.connected:
            self._down_ns.pop(lane, None)
            return None
        if session.fault is not None:
            return f"refused: {session.fault}"
        if now_ns - self._down_ns.setdefault(lane, now_ns) < DOWN_NS:
            return None
        return f"not connected: {session.endpoint} gives no answer; check the network and the broker"
