"""Counts the pulses of a line. Pure: edges and moments go in, counts and rates come out.

Rules:
- A pulse is a change to active. Edges that the kernel's queue lost are counted by their numbers, as edges alternate.
- A gust is the most pulses of any 3 s (the World Meteorological Organization's gust), in steps of 0.25 s. Pulses that
  were lost are left out of it, as nobody knows when in the gap they were.
- A line that was lost and opened again begins anew; what was counted before stays.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from edge_agent.drivers.button.edges import Edge

GUST_NS: Final = 3 * 10**9
STEP_NS: Final = 250_000_000
_STEPS: Final = GUST_NS // STEP_NS


@dataclass(frozen=True, slots=True)
class Count:
    """What one interval brought: `pulses` in `duration_ns`, of which `lost` were known only by their numbers; `gust` is
    the most of any 3 s."""

    pulses: int
    lost: int
    duration_ns: int
    gust: int


class PulseMeter:
    """One line's pulses. `last_pulse_ns` is when the last one was, or the line's first opening; None before that."""

    def __init__(self) -> None:
        self.last_pulse_ns: int | None = None
        self._begun_ns: int | None = None
        self._sequence = 0
        self._pulses = 0
        self._lost = 0
        self._gust = 0
        self._steps: deque[list[int]] = deque(maxlen=_STEPS)  # [number of the step, pulses], none without pulses

    def edge(self, edge: Edge) -> None:
        """Take a level or an edge."""
        if edge.initial:
            self._sequence = edge.sequence
            if self._begun_ns is None:
                self._begun_ns = edge.timestamp_ns
            if self.last_pulse_ns is None:
                self.last_pulse_ns = edge.timestamp_ns
            return
        passed = edge.sequence - self._sequence
        self._sequence = edge.sequence
        # Edges alternate, and this one ends with its own level.
        pulses = (passed + 1) // 2 if edge.active else passed // 2
        if pulses <= 0:
            return
        self._pulses += pulses
        self.last_pulse_ns = edge.timestamp_ns
        if edge.active:
            self._lost += pulses - 1
            self._step(edge.timestamp_ns)
        else:
            self._lost += pulses

    def close(self, now_ns: int) -> Count | None:
        """Return what came since the interval before, and begin the next; None: the line was never open in it."""
        if self._begun_ns is None:
            return None
        count = Count(self._pulses, self._lost, max(now_ns - self._begun_ns, 0), self._gust)
        self._begun_ns = now_ns
        self._pulses = self._lost = 0
        self._gust = 0
        return count

    def lost_line(self, now_ns: int) -> Count | None:
        """Return what came until the line was lost; the next interval begins when it is opened again."""
        count = self.close(now_ns)
        self._begun_ns = None
        self._steps.clear()
        return count

    def _step(self, timestamp_ns: int) -> None:
        step = timestamp_ns // STEP_NS
        if self._steps and self._steps[-1][0] == step:
            self._steps[-1][1] += 1
        else:
            self._steps.append([step, 1])
        while self._steps[0][0] <= step - _STEPS:
            self._steps.popleft()
        self._gust = max(self._gust, sum(pulses for _, pulses in self._steps))
