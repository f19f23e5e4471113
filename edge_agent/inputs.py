"""Buttons and sensors: keeps each line open, and hands over presses and samples."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from contract import catalogue
from contract.messages import Position
from edge_agent.clock import Clock, is_plausible
from edge_agent.config import ButtonSettings
from edge_agent.drivers.base import BusDriver, Driver, DriverSettings, Sample
from edge_agent.drivers.button.driver import Edge, watch_button
from edge_agent.drivers.button.hold import Hold, Told
from edge_agent.drivers.button.trial import Trial
from edge_agent.drivers.registry import find_driver
from edge_agent.errors import LineError
from edge_agent.kept_lines import KeptLines
from edge_agent.lines import reopen_backoff
from edge_agent.outbox.alarms import HeldButton
from edge_agent.thinning import Thinner
from link.backoff import Backoff

_log = logging.getLogger("siaga.edge.inputs")

SAME_PRESS_NS = 60 * 10**9
"""A button found pressed at the start, whose press of at most this age is in the outbox, is still that press."""

_STUCK = "stuck: held all the time; check the button, its cable for a short, and `active` in its uri"
_MOST_REASONS = 32


class ButtonState:
    """Tells a press from a button that is still held, over lost lines and restarts. Pure.

    `wrong` is what is wrong with the button now, in words that say what to do, or None.
    `undecided`: it is down, and not yet for its hold time. `trial` asks its driver for a press that is a test.

    Args:
        boot: The kernel's boot id.
        held: What the outbox remembers of this button, or None.
    """

    def __init__(self, boot: str, held: HeldButton | None) -> None:
        self._same_until_ns = held.monotonic_ns + SAME_PRESS_NS if held is not None and held.boot == boot else None
        self.pressed = False
        self.wrong: str | None = None
        self.undecided = False
        self.trial = Trial()

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
    on_stuck: Callable[[int], None] | None = None,
    kept: KeptLines | None = None,
) -> None:
    """Watch a button until cancelled, opening its line again when it is lost.

    Args:
        button: The button.
        state: What is known of it.
        faults: Counts lost lines, and each time the button is stuck.
        on_press: Called with the moment of the edge, in ns of the monotonic clock.
        on_release: Called when the button is let go.
        opened: Called each time its level was read.
        on_stuck: Called once when the button is stuck, with the moment since when it is held.
        kept: Lets its line outlive this process; None: nothing does.
    """
    backoff = Backoff(base_s=0.2, cap_s=5.0)
    judge = _Judge(button, state, faults, on_press, on_release, on_stuck)
    while True:
        try:
            async with aclosing(_edges_and_due(button.uri, judge.hold, state.trial, kept)) as edges:
                async for edge in edges:
                    backoff.reset()
                    judge.take(edge)
                    if edge is not None and edge.initial:
                        opened()
        except LineError as error:
            judge.lost(error)
        await asyncio.sleep(backoff.next_s())


class _Judge:
    """Makes presses, releases and stuck buttons of edges, over lost lines. Arguments are those of `watch`."""

    def __init__(
        self,
        button: ButtonSettings,
        state: ButtonState,
        faults: Counter[str],
        on_press: Callable[[int], None],
        on_release: Callable[[], None],
        on_stuck: Callable[[int], None] | None,
    ) -> None:
        self.hold = Hold(hold_ns=button.hold_ms * 1_000_000, stuck_ns=round(button.stuck_s * 1e9))
        self._button = button
        self._state = state
        self._faults = faults
        self._on_press = on_press
        self._on_release = on_release
        self._on_stuck = on_stuck

    def take(self, edge: Edge | None) -> None:
        """Take a level or an edge, or that the hold time is due (None)."""
        if edge is None:
            self._tell(self.hold.tick(time.monotonic_ns()))
        elif edge.synthetic:
            self._state.trial.came(edge.timestamp_ns)
        elif edge.active:
            self._tell(self.hold.down(edge.timestamp_ns, press=self._state.edge(edge)))
        else:
            self._state.edge(edge)
            short = self.hold.too_short
            told = self.hold.up(edge.timestamp_ns)
            if self.hold.too_short > short:
                self._faults[f"button {self._button.id}: pressed too shortly"] += 1
            # Let go while nobody watched: what an earlier run holds of its press ends now.
            self._tell(told or [Told("released", edge.timestamp_ns)] if edge.initial else told)

    def lost(self, error: LineError) -> None:
        """Take that the line is lost."""
        name = self._button.id
        self._tell(self.hold.lost())
        self._faults[f"button {name}: line lost"] += 1
        self._state.wrong = f"line lost: {error}"
        _log.error("button %s: %s", name, error)

    def _tell(self, all_told: list[Told]) -> None:
        for told in all_told:
            if told.what == "pressed":
                self._on_press(told.monotonic_ns)
            elif told.what == "released":
                self._on_release()
            else:
                self._faults[f"button {self._button.id}: stuck"] += 1
                _log.error("button %s: stuck since %.0f s", self._button.id, self._button.stuck_s)
                if self._on_stuck is not None:
                    self._on_stuck(told.monotonic_ns)
        self._state.wrong = _STUCK if self.hold.stuck else None
        self._state.undecided = self.hold.waiting


async def _edges_and_due(
    uri: str, hold: Hold, trial: Trial, kept: KeptLines | None
) -> AsyncGenerator[Edge | None, None]:
    """Yield a button's level, then its edges; None whenever `hold` is due."""
    async with aclosing(watch_button(uri, trial, kept)) as edges:
        coming = asyncio.ensure_future(anext(edges))
        try:
            while True:
                due_ns = hold.due_ns()
                timeout_s = None if due_ns is None else max(0.0, (due_ns - time.monotonic_ns()) / 1e9)
                done, _ = await asyncio.wait([coming], timeout=timeout_s)
                if not done:
                    yield None
                    continue
                edge = coming.result()
                coming = asyncio.ensure_future(anext(edges))
                yield edge
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError, LineError):
                await coming


class SensorReader:
    """Reads one sensor, opening it again when it is lost.

    Args:
        sensor: The sensor's settings.
        clock: The box's clock; it hears the time of a satellite fix here.
        faults: Counts lost lines and what else is wrong when it begins.
        on_sample: Called with the name of the sensor, or of a part of it, and each sample that is told.
        on_measured: Called so with every good sample, also those that come too often to be told.
    """

    def __init__(
        self,
        sensor: DriverSettings,
        clock: Clock,
        faults: Counter[str],
        on_sample: Callable[[str, Sample], None],
        on_measured: Callable[[str, Sample], None] | None = None,
    ) -> None:
        self._sensor = sensor
        self._kind = find_driver(sensor.driver)
        self._driver: Driver | None = None
        self._past: Counter[str] = Counter()
        self._parts = frozenset(sensor.parts())
        self._refused: Counter[str] = Counter()
        self._clock = clock
        self._faults = faults
        self._on_sample = on_sample
        self._on_measured = on_measured
        self._tells_time = self._kind.tells_time and sensor.live
        self.position: Position | None = None
        self._told: dict[str, str] = {}
        self._thinner = Thinner(sensor.thinning())

    @property
    def counters(self) -> Counter[str]:
        """What the driver counted over all openings of the line, and what of its samples was refused."""
        now = self._past + self._refused
        return now if self._driver is None else now + self._driver.counters

    @property
    def id(self) -> str:
        """The sensor's name."""
        return self._sensor.id

    @property
    def wrong(self) -> dict[str, str]:
        """What is wrong now, in words that say what to do, by the name of the sensor or of a part of it."""
        return dict(self._told)

    async def run(self) -> None:
        """Read until cancelled, or to the end of a finite source."""
        backoff = reopen_backoff(self._sensor.uri)
        # A driver that failed in a way it did not foresee is not used again.
        self._past += Counter() if self._driver is None else self._driver.counters
        driver = self._driver = self._kind.open(self._sensor)
        while True:
            try:
                async with aclosing(driver.samples()) as source:
                    async for samples in source:
                        backoff.reset()
                        for sample in samples:
                            self._take(sample)
                        self._note(_faults_of(driver, self.id))
                if not self._sensor.live:
                    return
            except LineError as error:
                self._note(_faults_of(driver, self.id) | {self.id: f"line lost: {error}"})
            await asyncio.sleep(backoff.next_s())

    def _note(self, now: dict[str, str]) -> None:
        """Count and tell each fault when it begins, and tell when it is over."""
        for name, words in now.items():
            reason = words.partition(": ")[0]
            if self._told.get(name, "").partition(": ")[0] != reason:
                self._faults[f"sensor {name}: {reason}"] += 1
                _log.error("sensor %s: %s", name, words)
        for name in self._told.keys() - now.keys():
            _log.info("sensor %s: well again", name)
        self._told = now

    def _take(self, sample: Sample) -> None:
        name = sample.sensor or self.id
        if not self._is_good(name, sample):
            return
        if sample.time_ns is not None and self._tells_time:
            self._clock.tell("gnss", sample.time_ns, sample.monotonic_ns)
        if sample.kind == "position":
            self.position = self._position(sample)
        if self._on_measured is not None:
            self._on_measured(name, sample)
        at_ns = sample.monotonic_ns if sample.time_ns is None else sample.time_ns
        if self._thinner.is_told(name, sample.kind, sample.fields, at_ns):
            self._on_sample(name, sample)

    def _is_good(self, name: str, sample: Sample) -> bool:
        """Return whether a sample may travel: what the centre cannot read would cost the rest of its batch."""
        reason = catalogue.fault(sample.kind, sample.fields)
        if name != self.id and name not in self._parts:
            reason = f"unknown part: {name}"
        if reason is None:
            return True
        told = f"refused: {reason}"
        if told not in self._refused:
            _log.error("sensor %s: a reading was refused: %s", name, reason)
            if len(self._refused) >= _MOST_REASONS:
                told = "refused: others"
        self._refused[told] += 1
        return False

    def _position(self, sample: Sample) -> Position:
        own = sample.time_ns is not None and is_plausible(sample.time_ns)
        time_ns = sample.time_ns if own and sample.time_ns is not None else self._clock.time_ns(time.monotonic_ns())
        return Position(
            latitude=float(sample.fields["latitude"]),
            longitude=float(sample.fields["longitude"]),
            timestamp_ns=time_ns,
        )


def _faults_of(driver: Driver, name: str) -> dict[str, str]:
    """Return what is wrong now, by the name of the sensor or of a part of it."""
    parts = dict(driver.faults_of_parts()) if isinstance(driver, BusDriver) else {}
    fault = driver.fault()
    return parts if fault is None else {**parts, name: fault}
