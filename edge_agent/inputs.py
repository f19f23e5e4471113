"""Buttons and sensors: keeps each line open, and hands over presses and samples."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing

from contract.messages import Position
from edge_agent.clock import Clock, is_plausible
from edge_agent.config import ButtonSettings, SensorSettings
from edge_agent.drivers.base import Decoder, Sample, open_decoder
from edge_agent.drivers.button.driver import Edge, watch_button
from edge_agent.errors import LineError
from edge_agent.lines import read_line_source
from edge_agent.outbox.alarms import HeldButton
from link.backoff import Backoff

_log = logging.getLogger("siaga.edge.inputs")

SAME_PRESS_NS = 60 * 10**9
"""A button found pressed at the start, whose press of at most this age is in the outbox, is still that press."""


class ButtonState:
    """Tells a press from a button that is still held, over lost lines and restarts. Pure.

    Args:
        boot: The kernel's boot id.
        held: What the outbox remembers of this button, or None.
    """

    def __init__(self, boot: str, held: HeldButton | None) -> None:
        self._same_until_ns = held.monotonic_ns + SAME_PRESS_NS if held is not None and held.boot == boot else None
        self.pressed = False

    def edge(self, edge: Edge) -> bool:
        """Take a level or an edge; return whether it is a press."""
        known = edge.initial and self._same_until_ns is not None and edge.timestamp_ns < self._same_until_ns
        self._same_until_ns = None
        press = edge.active and not self.pressed and not known
        self.pressed = edge.active
        return press


async def watch(
    button: ButtonSettings,
    state: ButtonState,
    faults: Counter[str],
    on_press: Callable[[int], None],
    on_release: Callable[[], None],
    opened: Callable[[], None],
) -> None:
    """Watch a button until cancelled, opening its line again when it is lost.

    Args:
        button: The button.
        state: What is known of it.
        faults: Counts lost lines.
        on_press: Called with the moment of the edge, in ns of the monotonic clock.
        on_release: Called when the button is let go.
        opened: Called each time its level was read.
    """
    backoff = Backoff(base_s=0.2, cap_s=5.0)
    while True:
        try:
            async with aclosing(watch_button(button.uri)) as edges:
                async for edge in edges:
                    backoff.reset()
                    was_pressed = state.pressed
                    if state.edge(edge):
                        on_press(edge.timestamp_ns)
                    elif not edge.active and (was_pressed or edge.initial):
                        on_release()
                    if edge.initial:
                        opened()
        except LineError as error:
            faults[f"button {button.id}: line lost"] += 1
            _log.error("button %s: %s", button.id, error)
        await asyncio.sleep(backoff.next_s())


class SensorReader:
    """Reads one sensor's line, opening it again when it is lost.

    Args:
        sensor: The sensor.
        clock: The box's clock; it hears the time of a satellite fix here.
        faults: Counts lost lines and garbled input.
        on_sample: Called with each sample.
    """

    def __init__(
        self, sensor: SensorSettings, clock: Clock, faults: Counter[str], on_sample: Callable[[str, Sample], None]
    ) -> None:
        self._sensor = sensor
        self._clock = clock
        self._faults = faults
        self._on_sample = on_sample
        # A replayed log says when it was recorded, not what time it is.
        self._live = not sensor.uri.startswith("replay://")
        self.position: Position | None = None
        self._past: Counter[str] = Counter()
        self._decoder: Decoder | None = None

    @property
    def counters(self) -> Counter[str]:
        """What the driver counted over all openings of the line."""
        return self._past if self._decoder is None else self._past + self._decoder.counters

    @property
    def id(self) -> str:
        """The sensor's name."""
        return self._sensor.id

    async def run(self) -> None:
        """Read until cancelled."""
        backoff = Backoff(base_s=0.2, cap_s=10.0)
        while True:
            decoder = open_decoder(self._sensor.driver)
            self._decoder = decoder
            fault: str | None = None
            try:
                async with aclosing(read_line_source(self._sensor.uri)) as source:
                    async for data, monotonic_ns in source:
                        backoff.reset()
                        for sample in decoder.feed(data, monotonic_ns):
                            self._take(sample)
                        fault = self._note(decoder.fault(), fault)
                if not self._live:
                    return
            except LineError as error:
                self._faults[f"sensor {self._sensor.id}: line lost"] += 1
                _log.error("sensor %s: %s", self._sensor.id, error)
            finally:
                for sample in decoder.flush():
                    self._take(sample)
                self._past, self._decoder = self.counters, None
            await asyncio.sleep(backoff.next_s())

    def _note(self, fault: str | None, before: str | None) -> str | None:
        """Count and tell a fault of the line when it begins."""
        if fault is not None and fault != before:
            self._faults[f"sensor {self.id}: {fault}"] += 1
            _log.error("sensor %s: %s", self.id, fault)
        return fault

    def _take(self, sample: Sample) -> None:
        if sample.time_ns is not None and self._live:
            self._clock.tell("gnss", sample.time_ns, sample.monotonic_ns)
        if sample.kind == "position":
            self.position = self._position(sample)
        self._on_sample(self._sensor.id, sample)

    def _position(self, sample: Sample) -> Position:
        own = sample.time_ns is not None and is_plausible(sample.time_ns)
        time_ns = sample.time_ns if own and sample.time_ns is not None else self._clock.time_ns(time.monotonic_ns())
        return Position(
            latitude=float(sample.fields["latitude"]),
            longitude=float(sample.fields["longitude"]),
            timestamp_ns=time_ns,
        )
