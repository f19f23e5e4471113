"""The telemetry lane at work: sends, keeps and forgets batches as the pure lane decides, and tells it what happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from contract import topics
from contract.batch import MAX_RECEIPT_BYTES, TelemetryReceipt
from contract.errors import BodyError
from contract.messages import decode
from edge_agent.gatherer import Gatherer
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.outbox.writer import OutboxError
from edge_agent.telemetry_lane import Command, ForgetBatches, KeepBatches, Key, LoadBatch, SendBatch, TelemetryLane
from edge_agent.waiting import wait_until
from edge_agent.workers import Workers
from link import NotConnectedError, PublishRefusedError, PublishTimeoutError, Session


class TelemetryUplink:
    """Sends batches and hears their receipts.

    Args:
        device: The device's name.
        session: The telemetry lane's session.
        workers: Where its work runs.
        outbox: The outbox of readings, started.
        lane: The telemetry lane.
        gatherer: Where readings come from.
        stands_still_until_ns: Returns until when presses have precedence, by the monotonic clock; None: they have not.
    """

    def __init__(
        self,
        device: str,
        session: Session,
        workers: Workers,
        *,
        outbox: BatchOutbox,
        lane: TelemetryLane,
        gatherer: Gatherer,
        stands_still_until_ns: Callable[[], int | None],
    ) -> None:
        self._device = device
        self._session = session
        self._workers = workers
        self._outbox = outbox
        self._lane = lane
        self._gatherer = gatherer
        self._stands_still_until_ns = stands_still_until_ns
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Send what is due until cancelled."""
        while True:
            self._wake.clear()
            now_ns = time.monotonic_ns()
            for batch in self._gatherer.ready(now_ns):
                self._lane.add(batch, now_ns)
            sending = self._sending(now_ns)
            for command in self._lane.due(now_ns, sending=sending):
                self._workers.spawn(self._carry_out(command), type(command).__name__)
            until_ns = self._stands_still_until_ns()
            moments = (
                self._gatherer.next_ns(),
                self._lane.next_ns(now_ns, sending=sending),
                # A standstill that is over is no moment to wait for: without a connection this would spin.
                until_ns if until_ns is not None and until_ns > now_ns else None,
            )
            await wait_until(self._wake, min((moment for moment in moments if moment is not None), default=None))

    def wake(self) -> None:
        """Look again: samples were gathered, the clock became trusted, or a press has its receipt."""
        self._wake.set()

    def connected(self) -> None:
        """A new connection stands."""
        self._lane.connected(time.monotonic_ns())
        self._wake.set()

    def hear_receipt(self, body: bytes) -> None:
        """Take a receipt of the collector."""
        try:
            receipt = decode(TelemetryReceipt, body, max_bytes=MAX_RECEIPT_BYTES)
        except BodyError as error:
            self._workers.garbled("receipt", error)
            return
        if receipt.device == self._device:
            self._lane.receipt(receipt, time.monotonic_ns())
            self._wake.set()

    async def keep_all(self) -> None:
        """The agent stops: everything that is only in memory goes to the disk."""
        now_ns = time.monotonic_ns()
        for batch in self._gatherer.ready(now_ns, flush=True):
            self._lane.add(batch, now_ns)
        for command in self._lane.flush():
            if isinstance(command, KeepBatches):
                await self._keep(command)

    def _sending(self, now_ns: int) -> bool:
        until_ns = self._stands_still_until_ns()
        return self._session.connected and (until_ns is None or until_ns <= now_ns)

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
                    await self._outbox.forget(keys)
                except OutboxError as error:
                    self._card_fault(error)
                    self._lane.not_forgotten(keys)
                    self._wake.set()

    async def _send_batch(self, key: Key, body: bytes) -> None:
        try:
            await self._session.publish(topics.telemetry(self._device), body)
        except NotConnectedError:
            self._lane.not_sent(key)
        except PublishTimeoutError:
            pass  # it may have arrived; it is in flight until its receipt or its resend
        except PublishRefusedError as error:
            self._workers.refused("batch", error)
            if error.no_subscriber:
                self._lane.unheard(key, time.monotonic_ns())
                self._wake.set()

    async def _keep(self, command: KeepBatches) -> None:
        keys = tuple(key for key, _, _ in command.batches)
        try:
            await self._outbox.keep(command.batches)
        except OutboxError as error:
            self._card_fault(error)
            self._lane.kept(keys, stored=False)
        else:
            self._lane.kept(keys, stored=True)
        self._wake.set()

    async def _load(self, key: Key) -> None:
        try:
            body = await self._outbox.load(key)
        except OutboxError as error:
            self._card_fault(error)
            self._lane.not_loaded(key)
        else:
            self._lane.loaded(key, body)
        self._wake.set()

    def _card_fault(self, error: OutboxError) -> None:
        self._lane.disk_failed(time.monotonic_ns())
        if self._outbox.writer.set_aside:
            self._workers.faults["outbox of readings set aside"] = self._outbox.writer.set_aside
        self._workers.disk_fault(error)
