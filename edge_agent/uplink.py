"""Both lanes on their two sessions: who hears what, and the box's birth, will, lamps, report and answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Literal

from contract import topics
from contract.errors import BodyError
from contract.messages import Lamps, Status, decode, encode
from edge_agent.alarm_lane import AlarmLane, KeptPress
from edge_agent.alarm_uplink import AlarmUplink
from edge_agent.books import Watcher
from edge_agent.clock import Clock
from edge_agent.command_runner import CommandRunner
from edge_agent.config import Box
from edge_agent.config_keeper import ConfigKeeper
from edge_agent.gatherer import Gatherer
from edge_agent.lamp import LampPanel
from edge_agent.outbox.alarms import AlarmOutbox
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.telemetry_lane import TelemetryLane
from edge_agent.telemetry_uplink import TelemetryUplink
from edge_agent.waiting import Signal
from edge_agent.workers import Workers
from link import Endpoint, NotConnectedError, Outgoing, PublishRefusedError, PublishTimeoutError, Session
from link.supervise import keep_running

_log = logging.getLogger("siaga.edge.uplink")


class Uplink:
    """Sends presses and batches and hears receipts and lamp states.

    Args:
        box: The box's settings, and whom it dials.
        boot: The kernel's boot id.
        software: The agent's version, for its birth message.
        clock: The box's clock; it hears the centre's time here.
        panel: The lamps.
        alarms: The outbox of presses, started.
        batches: The outbox of readings, started.
        presses: The alarm lane, with what the outbox held.
        gatherer: Where readings come from.
        readings: The telemetry lane, with what the outbox held.
        faults: Counts faults by name, for the report.
        books: Hears of each change of what waits.
    """

    def __init__(
        self,
        box: Box,
        boot: str,
        software: str,
        *,
        clock: Clock,
        panel: LampPanel,
        alarms: AlarmOutbox,
        batches: BatchOutbox,
        presses: AlarmLane,
        gatherer: Gatherer,
        readings: TelemetryLane,
        faults: Counter[str],
        books: Watcher | None = None,
    ) -> None:
        self._device = box.settings.device
        self._data_dir = box.settings.data_dir
        self._boot = boot
        self._software = software
        self._clock = clock
        self._panel = panel
        self.keeper: ConfigKeeper | None = None
        """Hears of pushed configurations, and of the centre."""
        self.commands: CommandRunner | None = None
        """Hears of commands."""
        self._commanded = box.command_keys is not None
        self.lamps_changed = Signal()
        self.workers = Workers(faults)
        self._sessions: dict[topics.Lane, Session] = {
            "alarm": self._session("alarm", box.brokers["alarm"]),
            "telemetry": self._session("telemetry", box.brokers["telemetry"]),
        }
        self.alarms = AlarmUplink(
            self._device,
            self._sessions,
            self.workers,
            panel=panel,
            lamps_changed=self.lamps_changed,
            outbox=alarms,
            lane=presses,
            on_settled=lambda: self.telemetry.wake(),
        )
        self.telemetry = TelemetryUplink(
            self._device,
            self._sessions["telemetry"],
            self.workers,
            outbox=batches,
            lane=readings,
            gatherer=gatherer,
            stands_still_until_ns=presses.telemetry_stands_still_until_ns,
            books=books,
        )

    @property
    def sessions(self) -> Mapping[topics.Lane, Session]:
        """Both lanes' sessions."""
        return self._sessions

    async def run(self) -> None:
        """Send and hear until cancelled; each session and lane is started again by itself when it fails."""
        parts = {f"session-{lane}": session.run for lane, session in self._sessions.items()}
        parts |= {"pump-presses": self.alarms.run, "pump-readings": self.telemetry.run}
        async with asyncio.TaskGroup() as group:
            self.workers.group = group
            for name, part in parts.items():
                group.create_task(keep_running(name, part, self.workers.faults), name=name)

    def press(self, kept: KeptPress) -> None:
        """Take a press: commit it and send it, both at this moment."""
        self.alarms.press(kept)

    def restored(self, presses: list[KeptPress]) -> None:
        """Take presses that an earlier run left on the card, oldest first."""
        self.alarms.restored(presses)

    def released(self, button: str) -> None:
        """A button was let go: the outbox need not remember that it is held."""
        self.alarms.released(button)

    def wake(self) -> None:
        """New samples were gathered, or the clock became trusted."""
        self.telemetry.wake()

    async def report(self, body: bytes) -> bool:
        """Send the box's books; return whether the broker took them. If not, the next report says the same and more."""
        return await self._send("report", topics.report(self._device), body)

    async def reply(self, body: bytes) -> bool:
        """Send what became of a pushed configuration; return whether the broker took it."""
        return await self._send("reply", topics.reply(self._device), body)

    async def reply_command(self, lanes: tuple[topics.Lane, ...], body: bytes) -> None:
        """Send what became of a command on these lanes at once; what a lane does not take is lost: the desk asks
        again."""
        topic = topics.reply(self._device)
        await asyncio.gather(*(self._send("reply", topic, body, lane) for lane in lanes))

    async def _send(self, what: str, topic: str, body: bytes, lane: topics.Lane = "telemetry") -> bool:
        try:
            await self._sessions[lane].publish(topic, body, allow_no_subscriber=True)
        except (NotConnectedError, PublishTimeoutError):
            return False
        except PublishRefusedError as error:
            self.workers.refused(what, error)
            return False
        return True

    async def keep_all(self) -> None:
        """The agent stops: everything that is only in memory goes to the disk, presses first."""
        for what, keep in (("presses", self.alarms.keep_all), ("readings", self.telemetry.keep_all)):
            try:
                await keep()
            except Exception:  # noqa: BLE001 - a supervisor: what one lane did not foresee must not cost the other
                _log.exception("%s that were only in memory may be lost", what)

    def _heard(self, topic: str, body: bytes, retained: bool, lane: topics.Lane = "telemetry") -> None:
        if topic == topics.command(self._device):
            if self.commands is not None:
                self.commands.hear(lane, body, retained)
            return
        if self.keeper is not None:
            if topic == topics.config(self._device):
                self.keeper.hear(body, retained)
            elif not retained:
                self.keeper.heard_centre()
        if topic == topics.alarm_receipt(self._device):
            self.alarms.hear_receipt(body)
        elif topic == topics.telemetry_receipt(self._device):
            self.telemetry.hear_receipt(body)
        elif topic == topics.lamp(self._device) and not retained:  # else it tells of another time, and tells that time
            self._heard_lamps(body, time.monotonic_ns())

    def _heard_lamps(self, body: bytes, now_ns: int) -> None:
        try:
            message = decode(Lamps, body)
        except BodyError as error:
            self.workers.garbled("lamp", error)
            return
        run = self._panel.run
        if message.device != self._device or not self._panel.told(message):
            return
        if self._panel.run != run:
            self.alarms.connected()  # a desk not heard before: it may not know what waits for a receipt
        self.lamps_changed.wake()
        if self._clock.tell("centre", message.centre_time_ns, now_ns):
            _log.info("the clock is trusted: centre time")
            self.telemetry.wake()

    def _session(self, lane: topics.Lane, broker: Endpoint) -> Session:
        def status(state: Literal["online", "offline"]) -> Outgoing:
            told = Status(device=self._device, lane=lane, state=state, boot=self._boot, software=self._software)
            return Outgoing(topics.status(self._device, lane), encode(told), retain=True)

        down = [topics.alarm_receipt(self._device), topics.lamp(self._device)]
        if self._commanded:
            down.append(topics.command(self._device))
        if lane == "telemetry":
            down += [topics.telemetry_receipt(self._device), topics.config(self._device)]
        return Session(
            broker,
            self._device,
            subscriptions=tuple(down),
            on_message=lambda topic, body, retained: self._heard(topic, body, retained, lane),
            on_connect=self._connected_telemetry if lane == "telemetry" else self._connected_alarm,
            birth=lambda: status("online"),
            will=status("offline"),
            memory=self._data_dir / f"{lane}.address",
        )

    def _connected_alarm(self) -> None:
        self.alarms.connected()

    def _connected_telemetry(self) -> None:
        self.alarms.connected()
        self.telemetry.connected()
        if self.keeper is not None:
            self.workers.spawn(self.keeper.tell(), "config-reply")
