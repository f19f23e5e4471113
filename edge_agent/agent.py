"""The agent: one asyncio process that puts inputs, lanes, outboxes, sessions and lamps together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version

from contract.identity import new_event_id, new_stream_id
from contract.messages import Books, Press, Report, encode
from edge_agent import ntp
from edge_agent.alarm_lane import AlarmLane, KeptPress
from edge_agent.clock import Clock
from edge_agent.config import HEALTH_SENSOR, BoxSettings, ButtonSettings
from edge_agent.drivers.base import Sample
from edge_agent.gatherer import Gatherer
from edge_agent.health import boot_id, read_health
from edge_agent.inputs import ButtonState, SensorReader, watch
from edge_agent.lamp import LampPanel
from edge_agent.lamp_output import drive
from edge_agent.outbox.alarms import AlarmOutbox, HeldButton
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.outbox.writer import OutboxError
from edge_agent.telemetry_lane import TelemetryLane
from edge_agent.uplink import Uplink

_log = logging.getLogger("siaga.edge")

_REPORT_S = 60.0
_HEALTH_S = 30.0
_NTP_S = 60.0


class Agent:
    """One box.

    Args:
        settings: The box's settings.
        ready: Called once, when every button's level was read and the sessions are on their way.
    """

    def __init__(self, settings: BoxSettings, ready: Callable[[], None]) -> None:
        self._settings = settings
        self._ready = ready
        self._boot = boot_id()
        self._software = version("siaga")
        self._clock = Clock(time.time_ns(), time.monotonic_ns())
        # Minted at each start: batches live in memory, and a killed agent would use their numbers again.
        self._stream = new_stream_id()
        self._sequence = 0
        self._dropped: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._panel = LampPanel(button.id for button in settings.buttons)
        self._presses = AlarmLane(self._boot, self._clock)
        self._gatherer = Gatherer(self._clock, self._dropped)
        self._readings = TelemetryLane(
            settings.device, self._stream, self._dropped, max_bytes=settings.outbox_max_bytes
        )
        self._sensors = [SensorReader(sensor, self._clock, self._faults, self._sampled) for sensor in settings.sensors]
        self._unopened = {button.id for button in settings.buttons}

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT, then keep what is still in memory."""
        self._settings.data_dir.mkdir(parents=True, exist_ok=True)
        alarms, batches = AlarmOutbox(self._settings.data_dir), BatchOutbox(self._settings.data_dir)
        alarms.writer.start()
        batches.writer.start()
        held = await self._restore(alarms, batches)
        self._uplink = Uplink(
            self._settings,
            self._boot,
            self._software,
            clock=self._clock,
            panel=self._panel,
            alarms=alarms,
            batches=batches,
            presses=self._presses,
            gatherer=self._gatherer,
            readings=self._readings,
            faults=self._faults,
        )
        self._alarms = alarms
        work = asyncio.create_task(self._work(held), name="agent")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await work
        finally:
            await self._uplink.keep_all()
            alarms.writer.stop()
            batches.writer.stop()

    async def _restore(self, alarms: AlarmOutbox, batches: BatchOutbox) -> dict[str, HeldButton]:
        """Take up what the last run left; a card that cannot be read is a fault, never a reason not to start."""
        now_ns = time.monotonic_ns()
        held: dict[str, HeldButton] = {}
        try:
            presses, held = await alarms.load()
            for kept in presses:
                self._presses.take(kept, now_ns)
                if kept.press.button in {button.id for button in self._settings.buttons}:
                    self._panel[kept.press.button].pressed(kept.press.event_id, now_ns)
            for key, readings, size in await batches.index():
                self._readings.restore(key, readings, size, now_ns)
        except OutboxError as error:
            self._faults["card"] += 1
            _log.error("starting without what the last run left: %s", error)
        if len(self._presses) or len(self._readings):
            _log.info("from the last run: %d presses, %d batches", len(self._presses), len(self._readings))
        return held

    async def _work(self, held: dict[str, HeldButton]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._uplink.run(), name="uplink")
            # One turn of the loop, so that the uplink stands before the first press.
            await asyncio.sleep(0)
            for button in self._settings.buttons:
                tasks.create_task(self._watch(button, held.get(button.id)), name=f"button-{button.id}")
                if button.lamp is not None:
                    tasks.create_task(
                        drive(button.lamp, self._panel[button.id], self._uplink.lamps_changed, self._faults),
                        name=f"lamp-{button.id}",
                    )
            for sensor in self._sensors:
                tasks.create_task(sensor.run(), name="sensor")
            tasks.create_task(self._read_health(), name="health")
            tasks.create_task(self._ask_ntp(), name="ntp")
            tasks.create_task(self._report(), name="report")
            if not self._settings.buttons:
                self._ready()

    # --- buttons

    async def _watch(self, button: ButtonSettings, held: HeldButton | None) -> None:
        def pressed(monotonic_ns: int) -> None:
            self._press(button.id, monotonic_ns)

        def opened() -> None:
            if self._unopened:
                self._unopened.discard(button.id)
                if not self._unopened:
                    self._ready()

        await watch(
            button,
            ButtonState(self._boot, held),
            self._faults,
            pressed,
            lambda: self._uplink.released(button.id),
            opened,
        )

    def _press(self, button: str, monotonic_ns: int) -> None:
        press = Press(
            event_id=new_event_id(),
            device=self._settings.device,
            button=button,
            cause="press",
            status="Actual",
            pressed_at_ns=self._clock.time_ns(monotonic_ns),
            clock=self._clock.source,
            age_ms=0,
            stream=self._stream,
            sequence=self._sequence,
            position=next((sensor.position for sensor in self._sensors if sensor.position is not None), None),
        )
        self._sequence += 1
        self._uplink.press(KeptPress(press, self._boot, monotonic_ns))
        _log.warning("pressed: %s, event %s", button, press.event_id)

    # --- readings

    def _sampled(self, sensor: str, sample: Sample) -> None:
        self._gatherer.add(sensor, sample, time.monotonic_ns())
        self._uplink.wake()

    async def _read_health(self) -> None:
        while True:
            waiting = self._gatherer.waiting + self._readings.waiting
            self._sampled(HEALTH_SENSOR, read_health(self._settings.data_dir, waiting))
            await asyncio.sleep(_HEALTH_S)

    async def _ask_ntp(self) -> None:
        while True:
            if await ntp.is_synchronised():
                self._clock.tell("ntp", time.time_ns(), time.monotonic_ns())
                self._uplink.wake()
            await asyncio.sleep(_NTP_S)

    # --- books

    def report(self) -> Report:
        """Return the box's books as of now."""
        return Report(
            device=self._settings.device,
            boot=self._boot,
            timestamp_ns=self._clock.time_ns(time.monotonic_ns()),
            clock=self._clock.source,
            software=self._software,
            readings=Books(
                produced=self._gatherer.produced + self._readings.restored,
                receipted=self._readings.receipted,
                waiting=self._gatherer.waiting + self._readings.waiting,
                dropped=dict(self._dropped),
            ),
            presses=Books(
                produced=self._presses.produced,
                receipted=self._presses.receipted,
                waiting=len(self._presses),
                dropped={},
            ),
            faults=dict(self._faults),
            sensors={sensor.id: dict(sensor.counters) for sensor in self._sensors},
        )

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_S)
            await self._uplink.report(encode(self.report()))
