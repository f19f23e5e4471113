"""The box's picture: its status from all its parts, for who asks on the socket, for Prometheus and for systemd."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from contract.messages import Report
from edge_agent.alarm_lane import AlarmLane
from edge_agent.config import HEALTH_SENSOR, BoxSettings
from edge_agent.faults import reason
from edge_agent.health import resident_bytes
from edge_agent.inputs import ButtonState
from edge_agent.lamp import LampPanel
from edge_agent.latest import Latest
from edge_agent.metrics import Process, render
from edge_agent.report_size import as_counts, fit
from edge_agent.status import (
    AgentStatus,
    ButtonStatus,
    OutputStatus,
    ReadingStatus,
    SensorStatus,
    ThresholdStatus,
    fault_status,
    outbox_status,
    reading_status,
    session_status,
    waiting_presses,
)
from edge_agent.threshold import Thresholds
from edge_agent.uplink import Uplink
from edge_agent.watchman import Watchman
from pins.output import Sounding

_STATUS_BYTES: Final = 500_000
OVERDUE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Portrait:
    """The parts of an agent that its status is made from.

    `report` returns its books, `on_clock_floor` whether the time counts from where the last life ended, `log_lost` how
    many lines of the log nobody took. `began_ns` is its start by the monotonic clock.
    """

    settings: BoxSettings
    began_ns: int
    report: Callable[[], Report]
    on_clock_floor: Callable[[], bool]
    log_lost: Callable[[], int]
    presses: AlarmLane
    uplink: Uplink
    latest: Latest
    states: Mapping[str, ButtonState]
    panel: LampPanel
    thresholds: Thresholds
    watchman: Watchman
    outputs: Mapping[str, Sounding]

    def status(self) -> AgentStatus:
        """Return how the agent is now."""
        now_ns = time.monotonic_ns()
        receipts_ns = {"alarm": self.uplink.alarms.receipt_ns, "telemetry": self.uplink.telemetry.receipt_ns}
        board, keeper = self.watchman.board, self.uplink.keeper
        return AgentStatus(
            pid=os.getpid(),
            running_s=(now_ns - self.began_ns) / 1e9,
            report=fit(self.report(), _STATUS_BYTES),
            clock_floor=self.on_clock_floor(),
            chattering=as_counts(self.presses.chattering),
            sessions={lane: session_status(session) for lane, session in self.uplink.sessions.items()},
            outboxes={name: outbox_status(writer) for name, writer in self.watchman.writers.items()},
            presses=waiting_presses(kept.press for kept in self.presses.waiting()),
            sensors=[
                SensorStatus(id=name, driver=driver, readings=self._readings_of(parts, now_ns))
                for name, driver, parts in self._sources()
            ],
            buttons=[
                ButtonStatus(id=name, pressed=state.pressed, lamp=self.panel[name].pattern(now_ns)[0])
                for name, state in self.states.items()
            ],
            outputs=[
                OutputStatus(id=name, on=output.on, left_s=output.left_s(now_ns))
                for name, output in self.outputs.items()
            ],
            thresholds=[
                ThresholdStatus(id=name, state=state, value=value)
                for name, (state, value) in self.thresholds.states().items()
            ],
            faults=[fault_status(fault, now_ns) for fault in board.now],
            cleared=[fault_status(fault, now_ns) for fault in board.cleared],
            config=None if keeper is None else keeper.status(),
            receipt_ages_s={
                lane: (now_ns - at_ns) / 1e9
                for lane in self.uplink.sessions
                if (at_ns := receipts_ns[lane]) is not None
            },
        )

    def figures(self) -> str:
        """Return its figures for Prometheus."""
        return render(self.status(), Process(time.process_time(), resident_bytes(), self.log_lost()))

    def in_a_line(self) -> str:
        """Return how it is in one line, for systemd."""
        faults = self.watchman.board.now
        lanes = ", ".join(
            f"{lane} {'connected' if session.connected else 'NOT connected'}"
            for lane, session in self.uplink.sessions.items()
        )
        wrong = f"{len(faults)} faults ({faults[0].what}: {reason(faults[0].words)})" if faults else "no fault"
        return f"{wrong}; {len(self.presses)} presses without receipt; {lanes}"

    def why_dead(self) -> str | None:
        """Return why nothing but a new start can mend this agent, or None."""
        dead = [name for name, writer in self.watchman.writers.items() if not writer.alive]
        if dead:
            return f"the thread of {' and '.join(dead)} is dead"
        overdue_s = self.uplink.alarms.overdue_s
        return f"presses are due for {overdue_s:.0f} s and nobody sends them" if overdue_s > OVERDUE_S else None

    def _sources(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Return each source of readings: its name, its driver, and itself with its parts."""
        sensors = [(each.id, each.driver, (each.id, *each.parts())) for each in self.settings.sensors]
        return [*sensors, (HEALTH_SENSOR, "health", (HEALTH_SENSOR,))]

    def _readings_of(self, parts: tuple[str, ...], now_ns: int) -> list[ReadingStatus]:
        return [reading_status(name, sample, now_ns) for name in parts for sample in self.latest.of(name)]
