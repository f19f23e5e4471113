"""The two lanes on their two sessions: carries out what the pure lanes decide, and tells them what happened.

Each session, pump and message runs on its own: what fails unforeseen in one is counted and told, and ends no other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable

from contract import topics
from contract.batch import MAX_RECEIPT_BYTES, TelemetryReceipt
from contract.errors import BodyError
from contract.messages import Lamps, Status, decode, encode
from edge_agent.alarm_lane import AlarmLane, KeptPress, Send, decode_receipt
from edge_agent.clock import Clock
from edge_agent.config import Box
from edge_agent.gatherer import Gatherer
from edge_agent.lamp import LampPanel
from edge_agent.outbox.alarms import AlarmOutbox
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.outbox.writer import OutboxError
from edge_agent.supervise import keep_running
from edge_agent.telemetry_lane import Command, ForgetBatches, KeepBatches, Key, LoadBatch, SendBatch, TelemetryLane
from edge_agent.waiting import Signal, wait_until
from link import Endpoint, NotConnectedError, Outgoing, PublishRefusedError, PublishTimeoutError, Session

_log = logging.getLogger("siaga.edge.uplink")

_RETRY_DISK_S = 5.0
_MOST_UNREMOVED = 1_000


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
    ) -> None:
        self._device = box.settings.device
        self._boot = boot
        self._software = software
        self._clock = clock
        self._panel = panel
        self._alarms = alarms
        self._batches = batches
        self._presses = presses
        self._gatherer = gatherer
        self._readings = readings
        self._faults = faults
        self._tasks: asyncio.TaskGroup | None = None
        self._uncommitted: dict[str, KeptPress] = {}
        self._down: dict[str, str] = {}
        self._releasing: set[str] = set()
        self._unremoved: dict[str, None] = {}
        self._set_aside = 0
        self._press_wake = asyncio.Event()
        self._reading_wake = asyncio.Event()
        self.lamps_changed = Signal()
        self._sessions: dict[topics.Lane, Session] = {
            "alarm": self._session("alarm", box.brokers["alarm"]),
            "telemetry": self._session("telemetry", box.brokers["telemetry"]),
        }

    async def run(self) -> None:
        """Send and hear until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for lane, session in self._sessions.items():
                name = f"session-{lane}"
                tasks.create_task(keep_running(name, session.run, self._faults), name=name)
            for name, pump in (("pump-presses", self._pump_presses), ("pump-readings", self._pump_readings)):
                tasks.create_task(keep_running(name, pump, self._faults), name=name)

    def press(self, kept: KeptPress) -> None:
        """Take a press: commit it and send it, both at this moment."""
        now_ns = time.monotonic_ns()
        self._presses.take(kept, now_ns)
        self._panel[kept.press.button].pressed(kept.press.event_id, kept.monotonic_ns)
        self._uncommitted[kept.press.event_id] = kept
        self._down[kept.press.button] = kept.press.event_id
        self._spawn(self._commit(kept), "commit-press")
        self._send_presses(now_ns)
        self._press_wake.set()
        self.lamps_changed.wake()

    def restored(self, presses: list[KeptPress]) -> None:
        """Take presses that an earlier run left on the card, oldest first."""
        now_ns = time.monotonic_ns()
        for kept in presses:
            self._presses.take(kept, now_ns)
            if kept.press.button in self._panel:
                self._panel[kept.press.button].pressed(kept.press.event_id, now_ns)
        self._mind_new_file()
        self._press_wake.set()
        self.lamps_changed.wake()

    def released(self, button: str) -> None:
        """A button was let go: the outbox need not remember that it is held."""
        self._down.pop(button, None)
        self._spawn(self._forget_held(button), "button-released")

    def wake(self) -> None:
        """New samples were gathered, or the clock became trusted."""
        self._reading_wake.set()

    async def report(self, body: bytes) -> None:
        """Send the box's books; a report that does not arrive is followed by the next one."""
        try:
            await self._sessions["telemetry"].publish(topics.report(self._device), body, allow_no_subscriber=True)
        except (NotConnectedError, PublishTimeoutError):
            pass  # the next report says the same and more
        except PublishRefusedError as error:
            self._refused("report", error)

    async def keep_all(self) -> None:
        """The agent stops: everything that is only in memory goes to the disk, presses first."""
        now_ns = time.monotonic_ns()
        for kept in list(self._uncommitted.values()):
            try:
                await self._alarms.add(kept, held=self._held(kept))
            except OutboxError as error:
                _log.error("press %s is lost with this process: %s", kept.press.event_id, error)
        for batch in self._gatherer.ready(now_ns, flush=True):
            self._readings.add(batch, now_ns)
        for command in self._readings.flush():
            if isinstance(command, KeepBatches):
                await self._keep(command)

    # --- presses

    async def _commit(self, kept: KeptPress) -> None:
        # A receipt may come between two attempts; what it let us forget must not be written after its deletion.
        while kept.press.event_id in self._uncommitted:
            try:
                await self._alarms.add(kept, held=self._held(kept))
            except OutboxError as error:
                self._faults["press not on the card"] += 1
                _log.error("press %s goes out from memory only: %s", kept.press.event_id, error)
                await asyncio.sleep(_RETRY_DISK_S)
            else:
                self._uncommitted.pop(kept.press.event_id, None)
        self._mind_new_file()

    def _held(self, kept: KeptPress) -> bool:
        return self._down.get(kept.press.button) == kept.press.event_id

    def _mind_new_file(self) -> None:
        """Commit all presses again when a damaged file was set aside: the new one does not have them."""
        if self._alarms.writer.set_aside == self._set_aside:
            return
        self._set_aside = self._alarms.writer.set_aside
        self._faults["outbox of presses set aside"] = self._set_aside
        for kept in self._presses.waiting():
            if kept.press.event_id not in self._uncommitted:
                self._uncommitted[kept.press.event_id] = kept
                self._spawn(self._commit(kept), "commit-press")

    def _send_presses(self, now_ns: int) -> None:
        for send in self._presses.due(now_ns):
            self._spawn(self._send_press(send), f"send-press-{send.path}")

    async def _send_press(self, send: Send) -> None:
        session = self._sessions[send.path]
        try:
            await session.publish(topics.alarm(self._device), send.body, timeout_s=send.puback_timeout_s)
        except NotConnectedError:
            pass  # it goes out again on the next connection
        except PublishTimeoutError:
            self._faults[f"no PUBACK on {send.path}"] += 1
            session.renew()
        except PublishRefusedError as error:
            self._refused("press", error)

    async def _pump_presses(self) -> None:
        while True:
            self._press_wake.clear()
            self._send_presses(time.monotonic_ns())
            await wait_until(self._press_wake, self._presses.next_ns())

    # --- readings

    def _sending(self, now_ns: int) -> bool:
        until_ns = self._presses.telemetry_stands_still_until_ns()
        return self._sessions["telemetry"].connected and (until_ns is None or until_ns <= now_ns)

    async def _pump_readings(self) -> None:
        while True:
            self._reading_wake.clear()
            now_ns = time.monotonic_ns()
            for batch in self._gatherer.ready(now_ns):
                self._readings.add(batch, now_ns)
            sending = self._sending(now_ns)
            for command in self._readings.due(now_ns, sending=sending):
                self._spawn(self._carry_out(command), type(command).__name__)
            moments = (
                self._gatherer.next_ns(),
                self._readings.next_ns(now_ns, sending=sending),
                None if sending else self._presses.telemetry_stands_still_until_ns(),
            )
            await wait_until(
                self._reading_wake, min((moment for moment in moments if moment is not None), default=None)
            )

    async def _carry_out(self, command: Command) -> None:
        match command:
            case SendBatch(key, body):
                await self._send_batch(key, body)
            case KeepBatches():
                await self._keep(command)
            case LoadBatch(key):
                await self._load(key)
            case ForgetBatches(keys):
                try:
                    await self._batches.forget(keys)
                except OutboxError as error:
                    self._batches_fault(error)
                    self._readings.not_forgotten(keys)
                    self._reading_wake.set()

    async def _send_batch(self, key: Key, body: bytes) -> None:
        try:
            await self._sessions["telemetry"].publish(topics.telemetry(self._device), body)
        except NotConnectedError:
            self._readings.not_sent(key)
        except PublishTimeoutError:
            pass  # it may have arrived; it is in flight until its receipt or its resend
        except PublishRefusedError as error:
            self._refused("batch", error)
            if error.no_subscriber:
                self._readings.unheard(key, time.monotonic_ns())
                self._reading_wake.set()

    async def _keep(self, command: KeepBatches) -> None:
        keys = tuple(key for key, _, _ in command.batches)
        try:
            await self._batches.keep(command.batches)
        except OutboxError as error:
            self._batches_fault(error)
            self._readings.kept(keys, stored=False)
        else:
            self._readings.kept(keys, stored=True)
        self._reading_wake.set()

    async def _load(self, key: Key) -> None:
        try:
            body = await self._batches.load(key)
        except OutboxError as error:
            self._batches_fault(error)
            self._readings.not_loaded(key)
        else:
            self._readings.loaded(key, body)
        self._reading_wake.set()

    # --- what comes down

    def _heard(self, topic: str, body: bytes, retained: bool) -> None:
        now_ns = time.monotonic_ns()
        if topic == topics.alarm_receipt(self._device):
            self._heard_alarm_receipt(body)
        elif topic == topics.lamp(self._device):
            self._heard_lamps(body, now_ns)
        elif topic == topics.telemetry_receipt(self._device):
            try:
                receipt = decode(TelemetryReceipt, body, max_bytes=MAX_RECEIPT_BYTES)
            except BodyError as error:
                self._garbled(topic, error)
                return
            if receipt.device == self._device:
                self._readings.receipt(receipt, now_ns)
                self._reading_wake.set()

    def _heard_alarm_receipt(self, body: bytes) -> None:
        receipt = decode_receipt(body, self._device)
        if receipt is None:
            self._faults["garbled receipt"] += 1
            return
        outcome = self._presses.receipt(receipt)
        if outcome is None:
            return
        event_id, verdict = outcome
        self._panel.receipted(event_id)
        self.lamps_changed.wake()
        if verdict == "forget":
            self._uncommitted.pop(event_id, None)
            self._spawn(self._forget_press(event_id), "forget-press")
            self._reading_wake.set()

    async def _forget_press(self, event_id: str) -> None:
        # What cannot be deleted now is deleted with the next one; after a restart the desk absorbs it.
        self._unremoved[event_id] = None
        while len(self._unremoved) > _MOST_UNREMOVED:
            del self._unremoved[next(iter(self._unremoved))]
        try:
            for unremoved in list(self._unremoved):
                await self._alarms.remove(unremoved)
                self._unremoved.pop(unremoved, None)
        except OutboxError as error:
            self._disk_fault(error)
        self._mind_new_file()

    async def _forget_held(self, button: str) -> None:
        if button in self._releasing:
            return
        self._releasing.add(button)
        try:
            # While the file calls it held, a restart would take the next press for the last one.
            while button not in self._down:
                try:
                    await self._alarms.released(button)
                except OutboxError as error:
                    self._disk_fault(error)
                    await asyncio.sleep(_RETRY_DISK_S)
                else:
                    return
        finally:
            self._releasing.discard(button)

    def _heard_lamps(self, body: bytes, now_ns: int) -> None:
        try:
            message = decode(Lamps, body)
        except BodyError as error:
            self._garbled("lamp", error)
            return
        if message.device != self._device or not self._panel.told(message):
            return
        self.lamps_changed.wake()
        if self._clock.tell("centre", message.centre_time_ns, now_ns):
            _log.info("the clock is trusted: centre time")
            self._reading_wake.set()

    # --- the rest

    def _session(self, lane: topics.Lane, broker: Endpoint) -> Session:
        def status(state: str) -> Outgoing:
            body = encode(
                Status.model_validate(
                    {
                        "device": self._device,
                        "lane": lane,
                        "state": state,
                        "boot": self._boot,
                        "software": self._software,
                    }
                )
            )
            return Outgoing(topics.status(self._device, lane), body, retain=True)

        down = [topics.alarm_receipt(self._device), topics.lamp(self._device)]
        if lane == "telemetry":
            down.append(topics.telemetry_receipt(self._device))
        return Session(
            broker,
            self._device,
            subscriptions=tuple(down),
            on_message=self._heard,
            on_connect=self._connected_telemetry if lane == "telemetry" else self._connected_alarm,
            birth=lambda: status("online"),
            will=status("offline"),
        )

    def _connected_alarm(self) -> None:
        self._presses.connected(time.monotonic_ns())
        self._press_wake.set()

    def _connected_telemetry(self) -> None:
        now_ns = time.monotonic_ns()
        self._presses.connected(now_ns)
        self._readings.connected(now_ns)
        self._press_wake.set()
        self._reading_wake.set()

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        assert self._tasks is not None  # `run` is entered before anything is sent or heard
        self._tasks.create_task(self._guarded(work, name), name=name)

    async def _guarded(self, work: Awaitable[None], name: str) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - a supervisor: one message that fails must not take the others with it
            self._faults[f"{name}: failed"] += 1
            _log.exception("%s failed", name)

    def _refused(self, what: str, error: PublishRefusedError) -> None:
        """Note a PUBACK that is no success: a missing subscriber passes by itself, anything else a person must mend."""
        if error.no_subscriber:
            self._faults[f"{what}: nobody listens"] += 1
        else:
            self._faults[f"{what}: refused by the broker"] += 1
            _log.error("%s", error)

    def _batches_fault(self, error: OutboxError) -> None:
        self._readings.disk_failed(time.monotonic_ns())
        if self._batches.writer.set_aside:
            self._faults["outbox of readings set aside"] = self._batches.writer.set_aside
        self._disk_fault(error)

    def _disk_fault(self, error: OutboxError) -> None:
        self._faults["card"] += 1
        _log.error("%s", error)

    def _garbled(self, what: str, error: BodyError) -> None:
        self._faults["garbled message"] += 1
        _log.warning("%s: %s", what, error)
