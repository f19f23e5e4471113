"""The agent: one asyncio process that puts inputs, lanes, outboxes, sessions and lamps together.

Rules:
- Buttons are watched within 2 s of the start, whatever the card does: what the last run left is taken up when it can be
  read.
- A part that fails unforeseen is started again by itself (`link/supervise.py`); none takes another one with it.
- A stop takes at most 2 s. What a stalled card has not taken by then is lost with the process, and told.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

from contract.identity import new_stream_id
from contract.messages import Report, encode
from contract.time_quality import is_trusted
from edge_agent.alarm_lane import AlarmLane
from edge_agent.books import LOST, Books
from edge_agent.clock import Clock
from edge_agent.command_runner import CommandRunner
from edge_agent.config import HEALTH_SENSOR, Box, BoxSettings
from edge_agent.config_keeper import ConfigKeeper
from edge_agent.drivers.base import Sample
from edge_agent.fittings import Fittings
from edge_agent.gatherer import Gatherer
from edge_agent.health import HealthReader, boot_id, health_faults
from edge_agent.inputs import SensorReader
from edge_agent.kept_lines import KeptLines
from edge_agent.lamp import LampPanel
from edge_agent.last_run import LastRun
from edge_agent.latest import Latest
from edge_agent.life_keeper import LifeKeeper
from edge_agent.metrics_server import serve_metrics
from edge_agent.outbox.alarms import AlarmOutbox
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.portrait import Portrait
from edge_agent.pushed_config import InForce
from edge_agent.raiser import Raiser
from edge_agent.report_size import fit
from edge_agent.reporter import Reporter
from edge_agent.requests import Requests
from edge_agent.runtime_file import open_runtime_file
from edge_agent.status import AgentStatus
from edge_agent.status_socket import places, serve
from edge_agent.telemetry_lane import TelemetryLane
from edge_agent.threshold import Thresholds
from edge_agent.uplink import Uplink
from edge_agent.watchdog import Watchdog
from edge_agent.watchman import Watchman
from link import ntp
from link.notify import Notifier
from link.supervise import Failing, keep_running

_log = logging.getLogger("siaga.edge")

_REPORT_S = 60.0
_HEALTH_S = 30.0
_NTP_S = 60.0
_KEEP_S = 1.0
_END_S = 0.3
_CLOSE_S = 0.25


class Agent:
    """One box.

    Args:
        box: The box's settings, and whom it dials.
        ready: Called once, when every button's level was read and the sessions are on their way.
        in_force: Where the settings are from; None: pushed configurations are not minded.
        notifier: Tells systemd; None: nobody is told.
        kept: Lets the buttons' lines outlive this process; None: nothing does.
        metrics_port: The port on 127.0.0.1 for Prometheus; None: none.
        log_lost: Returns how many lines of the log nobody took.

    `starts_again`: it ended to be started anew, with another configuration.
    """

    def __init__(
        self,
        box: Box,
        ready: Callable[[], None],
        in_force: InForce | None = None,
        notifier: Notifier | None = None,
        *,
        kept: KeptLines | None = None,
        metrics_port: int | None = None,
        log_lost: Callable[[], int] = lambda: 0,
    ) -> None:
        settings = box.settings
        self._in_force = in_force
        self.starts_again = False
        self._box = box
        self._settings = settings
        self._tell_ready = ready
        self._metrics_port = metrics_port
        self._log_lost = log_lost
        notified = notifier or Notifier({})
        self._watchdog = Watchdog(notified, lambda: self._portrait.why_dead(), lambda: self._portrait.in_a_line())
        self._boot = boot_id()
        self._software = version("siaga")
        self._began_ns = time.monotonic_ns()
        self._clock = Clock(time.time_ns(), self._began_ns)
        # Minted at each start: batches live in memory, and a killed agent would use their numbers again.
        self._stream = new_stream_id()
        self._dropped: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._panel = LampPanel(button.id for button in settings.buttons)
        self._presses = AlarmLane(self._boot, self._clock)
        self._gatherer = Gatherer(self._clock, self._dropped)
        self._readings = TelemetryLane(
            settings.device, self._stream, self._dropped, max_bytes=settings.outbox_max_bytes
        )
        self._latest = Latest()
        self._thresholds = Thresholds(settings.thresholds)
        self._failing = Failing("siaga-edge")
        self._make_inputs(settings, kept)
        self._make_books(settings)

    def _make_inputs(self, settings: BoxSettings, kept: KeptLines | None) -> None:
        """Make what hears sensors, buttons and boards, and what watches whether they speak."""
        self._sensors = [
            SensorReader(sensor, self._clock, self._faults, self._sampled, partial(self._measured, sensor.id))
            for sensor in settings.sensors
        ]
        self._raiser = Raiser(
            settings.device,
            self._boot,
            self._stream,
            clock=self._clock,
            lane=self._presses,
            faults=self._faults,
            position=lambda: next((each.position for each in self._sensors if each.position is not None), None),
            send=lambda kept: self._uplink.press(kept),
        )
        self._fittings = Fittings(
            settings,
            self._boot,
            panel=self._panel,
            raiser=self._raiser,
            faults=self._faults,
            ready=self._ready,
            kept=kept,
        )
        self._watchman = Watchman(
            zip(self._sensors, settings.sensors, strict=True),
            self._fittings.states,
            self._panel,
            self._clock,
            self._faults,
            self._failing,
            self._presses.ages,
            began_ns=self._began_ns,
        )

    def _make_books(self, settings: BoxSettings) -> None:
        """Make what counts, and what knows of the life before."""
        self._books = Books(
            self._boot,
            self._stream,
            clock=self._clock,
            gatherer=self._gatherer,
            lane=self._readings,
            dropped=self._dropped,
            faults=self._faults,
        )
        self._life = LifeKeeper(
            settings.data_dir,
            self._clock,
            self._stream,
            self._boot,
            began_ns=self._began_ns,
            faults=self._faults,
            on_heard=self._books.last_life,
        )
        self._reporter = Reporter(
            device=settings.device,
            boot=self._boot,
            stream=self._stream,
            software=self._software,
            clock=self._clock,
            gatherer=self._gatherer,
            readings=self._readings,
            presses=self._presses,
            books=self._books,
            dropped=self._dropped,
            faults=self._faults,
            sensors=self._sensors,
            outputs=self._fittings.outputs,
            certificate_ends_s=self._certificate_ends_s,
        )

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT, then keep what is still in memory."""
        self._make_folders()
        alarms, batches = AlarmOutbox(self._settings.data_dir), BatchOutbox(self._settings.data_dir)
        alarms.writer.start()
        batches.writer.start()
        self._put_together(alarms, batches)
        work = asyncio.create_task(self._work(alarms, batches), name="agent")

        def end(*, starts_again: bool) -> None:
            self.starts_again = starts_again
            work.cancel()

        if self._in_force is not None:
            self._uplink.keeper = self._config_keeper(self._in_force, partial(end, starts_again=True))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(end, starts_again=False))
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await work
        finally:
            self._watchdog.stopping(again=self.starts_again)
            try:
                await self._keep_all()
                await self._end()
            finally:
                for writer in (alarms.writer, batches.writer):
                    if not writer.stop(_CLOSE_S):
                        _log.error("an outbox could not be closed: the card stands still")

    def _make_folders(self) -> None:
        try:
            # Presses and positions lie there: they are nobody else's.
            self._settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self._faults["card"] += 1
            _log.error("the data folder cannot be made, everything stays in memory: %s", error)
        try:
            self._books.begin(open_runtime_file(self._settings.data_dir, self._settings.runtime_dir, os.environ))
        except OSError as error:
            self._faults["books not on tmpfs"] += 1
            _log.error("what a kill costs will not be known to the next start: %s; set runtime_dir", error)

    def _put_together(self, alarms: AlarmOutbox, batches: BatchOutbox) -> None:
        """Make what needs a running loop, and let the parts know of each other."""
        self._uplink = Uplink(
            self._box,
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
            books=self._books,
        )
        self._watchman.sessions = self._uplink.sessions
        self._watchman.writers = {"alarms.db": alarms.writer, "telemetry.db": batches.writer}
        self._portrait = Portrait(
            settings=self._settings,
            began_ns=self._began_ns,
            report=self.report,
            on_clock_floor=lambda: self._life.floor_in_use and not self._clock.trusted,
            log_lost=self._log_lost,
            presses=self._presses,
            uplink=self._uplink,
            latest=self._latest,
            states=self._fittings.states,
            panel=self._panel,
            thresholds=self._thresholds,
            watchman=self._watchman,
            outputs=self._fittings.outputs,
        )
        self._requests = Requests(
            {button.id for button in self._settings.buttons},
            {button.id for button in self._settings.buttons if button.lamp is not None},
            self._raiser,
            self._panel,
            self._uplink,
        )
        self._fittings.attach(self._uplink)
        self._watchman.others = {name: partial(getattr, part, "wrong") for name, part in self._fittings.parts.items()}
        if self._box.command_keys is not None:
            self._uplink.commands = self._command_runner(self._box.command_keys)

    def _config_keeper(self, in_force: InForce, restart: Callable[[], None]) -> ConfigKeeper:
        return ConfigKeeper(
            in_force,
            clock=self._clock,
            faults=self._faults,
            sessions=self._uplink.sessions,
            presses_wait=lambda: (
                len(self._presses) > 0 or any(state.undecided for state in self._fittings.states.values())
            ),
            presses_in_memory=lambda: self._uplink.alarms.in_memory,
            send=self._uplink.reply,
            restart=restart,
            began_ns=self._began_ns,
        )

    def _command_runner(self, keys: Path) -> CommandRunner:
        runner = CommandRunner(
            self._settings.device,
            self._clock,
            keys,
            outputs=self._fittings.outputs,
            states=self._fittings.states,
            raiser=self._raiser,
            lamp_test=self._requests.lamp_test,
            send=self._uplink.reply_command,
            faults=self._faults,
            spawn=self._uplink.workers.spawn,
        )
        self._watchman.others = {**self._watchman.others, "commands": lambda: runner.wrong}
        return runner

    async def _keep_all(self) -> None:
        try:
            async with asyncio.timeout(_KEEP_S):
                await self._uplink.keep_all()
        except TimeoutError:
            _log.error("the card is too slow: it may not get what was only in memory")

    async def _end(self) -> None:
        """Leave word of how this life ended; what cannot be left makes the next one take it for killed."""
        clean = not self._books.in_memory
        try:
            async with asyncio.timeout(_END_S):
                clean &= await self._life.end(clean=clean)
        except TimeoutError:
            clean = False
        self._books.end(clean=clean)

    async def _work(self, alarms: AlarmOutbox, batches: BatchOutbox) -> None:
        last = LastRun(
            self._stream,
            faults=self._faults,
            dropped=self._dropped,
            books=self._books,
            readings=self._readings,
            take=self._uplink.restored,
            wake=self._uplink.wake,
        )
        async with asyncio.TaskGroup() as tasks:

            def start(name: str, part: Callable[[], Awaitable[None]]) -> None:
                tasks.create_task(keep_running(name, part, self._faults, self._failing), name=name)

            tasks.create_task(self._uplink.run(), name="uplink")
            start("watchdog", self._watchdog.run)
            # One turn of the loop, so that the uplink stands before the first press.
            await asyncio.sleep(0)
            start("restore presses", partial(last.presses, alarms))
            start("restore batches", partial(last.batches, batches))
            await last.wait_for_presses()
            self._fittings.start(start, last.held, alarms.board_presses)
            for sensor in self._sensors:
                start(f"sensor {sensor.id}", sensor.run)
            if self._uplink.commands is not None:
                start("commands", self._uplink.commands.run)
            start("life", self._life.run)
            start("health", self._read_health)
            start("ntp", self._ask_ntp)
            start("report", self._report)
            start("watchman", self._watchman.run)
            if self._uplink.keeper is not None:
                start("config", self._uplink.keeper.run)
            if self._metrics_port is not None:
                start("metrics", partial(serve_metrics, self._metrics_port, self._portrait.figures, self._faults))
            tried = places(self._settings.data_dir, self._settings.runtime_dir, os.environ)
            start("status", partial(serve, tried, self._asked, self._faults))
            if not self._settings.buttons:
                self._ready()

    # --- how it is, for systemd

    def _ready(self) -> None:
        self._watchdog.ready()
        self._tell_ready()

    # --- readings

    def _sampled(self, sensor: str, sample: Sample) -> None:
        self._gatherer.add(sensor, sample, time.monotonic_ns())
        self._books.changed()
        self._uplink.wake()

    def _measured(self, sensor: str, name: str, sample: Sample) -> None:
        """Take every good sample of a sensor, also those that are not told; `name` is the sensor's or of its part."""
        self._watchman.heard(sensor, sample.monotonic_ns)
        self._latest.take(name, sample)
        for raised in self._thresholds.take(name, sample):
            self._raiser.crossed(raised)

    def _certificate_ends_s(self) -> float | None:
        known = (broker.credentials for broker in self._box.brokers.values())
        return min((each.ends_s for each in known if each is not None and each.ends_s is not None), default=None)

    async def _read_health(self) -> None:
        reader = HealthReader(self._settings.data_dir, ends_s=self._certificate_ends_s())
        while True:
            now_s = self._clock.time_ns(time.monotonic_ns()) / 1e9 if is_trusted(self._clock.source) else None
            sample = await reader.read(self._gatherer.waiting + self._readings.waiting, now_s)
            self._watchman.health = health_faults(sample.fields)
            self._measured(HEALTH_SENSOR, HEALTH_SENSOR, sample)
            self._sampled(HEALTH_SENSOR, sample)
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
        return self._reporter.report()

    def _asked(self, request: bytes) -> bytes:
        if not request.strip():
            return encode(self.status())
        return json.dumps(self._requests.answer(request, time.monotonic_ns()), ensure_ascii=False).encode()

    def status(self) -> AgentStatus:
        """Return how the agent is now; it runs."""
        return self._portrait.status()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_S)
            report = self.report()
            if await self._uplink.report(encode(fit(report))):
                self._books.reported(report.readings.dropped.get(LOST, 0))
