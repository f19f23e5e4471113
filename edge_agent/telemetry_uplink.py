"""The telemetry lane at work: sends, keeps and forgets batches as the pure lane decides, and tells it what happened."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

from contract import topics
from contract.batch import MAX_RECEIPT_BYTES, TelemetryReceipt
from contract.errors import BodyError
from contract.messages import decode
from edge_agent.batch_commands import (
    Command,
    CutBatch,
    DropBatches,
    ForgetBatches,
    KeepBatches,
    LoadBatch,
    SendBatch,
    ThinBatches,
)
from edge_agent.books import Nobody, Watcher
from edge_agent.gatherer import Gatherer
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.outbox.writer import OutboxError
from edge_agent.telemetry_lane import TelemetryLane
from edge_agent.waiting import wait_until
from edge_agent.workers import Workers
from link import NotConnectedError, PublishRefusedError, PublishTimeoutError, Session

_log = logging.getLogger("siaga.edge.uplink")

_STOP_TRIES: Final = 16
PUBACK_S = 600.0
"""No PUBACK for so long on a connection that stands: it is given up. At 200 bytes a second that is 120 kB."""


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
        books: Hears of each change of what waits.
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
        books: Watcher | None = None,
    ) -> None:
        self._device = device
        self._session = session
        self._workers = workers
        self._outbox = outbox
        self._lane = lane
        self._gatherer = gatherer
        self._stands_still_until_ns = stands_still_until_ns
        self._books = books if books is not None else Nobody()
        self.receipt_ns: int | None = None
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Send what is due until cancelled."""
        while True:
            self._wake.clear()
            now_ns = time.monotonic_ns()
            sending = self._sending(now_ns)
            for command in self._due(now_ns, sending=sending):
                self._workers.spawn(self._carry_out(command), type(command).__name__)
            self._books.changed()
            until_ns = self._stands_still_until_ns()
            moments = (
                self._gatherer.next_ns(sending=self._lane.sends_at_once(now_ns, sending=sending)),
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
            self.receipt_ns = time.monotonic_ns()
            self._lane.receipt(receipt, self.receipt_ns)
            self._books.changed()
            self._wake.set()

    async def keep_all(self) -> None:
        """The agent stops: what is only in memory goes to the disk; on a full one something older gives way."""
        now_ns = time.monotonic_ns()
        while (batch := self._gatherer.close(now_ns, sending=False, flush=True)) is not None:
            self._lane.add(batch.readings, now_ns, since_ns=batch.since_ns)
        for _ in range(_STOP_TRIES):
            for command in self._lane.flush():
                await self._carry_out(command)
            evicting = self._lane.due(time.monotonic_ns(), sending=False) if self._lane.in_memory else []
            for command in evicting:
                await self._carry_out(command)
            if not evicting:
                return

    def _sending(self, now_ns: int) -> bool:
        until_ns = self._stands_still_until_ns()
        return self._session.connected and (until_ns is None or until_ns <= now_ns)

    def _due(self, now_ns: int, *, sending: bool) -> list[Command]:
        """Close what is to be closed, and return what is to be done; after each batch, because it may fill the way."""
        commands = self._lane.due(now_ns, sending=sending)
        while True:
            at_once = self._lane.sends_at_once(now_ns, sending=sending)
            batch = self._gatherer.close(now_ns, sending=at_once, max_bytes=self._lane.batch_bytes)
            if batch is None:
                return commands
            self._lane.add(batch.readings, now_ns, since_ns=batch.since_ns)
            commands += self._lane.due(now_ns, sending=sending)

    async def _carry_out(self, command: Command) -> None:
        match command:
            case SendBatch():
                await self._send_batch(command)
            case KeepBatches():
                await self._keep(command)
            case LoadBatch():
                await self._load(command)
            case CutBatch():
                await self._cut(command)
            case ThinBatches() | DropBatches():
                await self._evict(command)
            case ForgetBatches():
                await self._forget(command)
        self._wake.set()

    async def _send_batch(self, command: SendBatch) -> None:
        began_s = time.monotonic()
        try:
            await self._session.publish(topics.telemetry(self._device), command.body, timeout_s=PUBACK_S)
        except NotConnectedError:
            self._lane.not_sent(command.sending)
        except PublishTimeoutError:
            # It may have arrived: it is in flight, and goes out again on the next connection.
            if time.monotonic() - began_s >= PUBACK_S:
                _log.warning("no PUBACK for a batch within %g s", PUBACK_S)
                self._session.renew()
        except PublishRefusedError as error:
            self._workers.refused("batch", error)
            self._lane.acknowledged(command.sending, time.monotonic_ns(), heard=not error.no_subscriber)
        else:
            self._lane.acknowledged(command.sending, time.monotonic_ns())

    async def _keep(self, command: KeepBatches) -> None:
        self._books.keeping(command.keys)
        try:
            answer = await self._outbox.keep(command.rows)
        except OutboxError as error:
            self._lane.not_kept(command.keys)
            await self._card_fault(error)
        else:
            self._lane.kept(command.keys, answer.value, answer.file)
            self._tell_set_aside()
        self._books.answered(command.keys)

    async def _load(self, command: LoadBatch) -> None:
        try:
            answer = await self._outbox.load(command.key)
        except OutboxError as error:
            self._lane.not_loaded(command.key)
            await self._card_fault(error)
        else:
            self._lane.loaded(command.key, answer.value, time.monotonic_ns(), answer.file)
            self._tell_set_aside()

    async def _cut(self, command: CutBatch) -> None:
        try:
            answer = await self._outbox.cut(command.key, command.first, command.max_bytes)
        except OutboxError as error:
            self._lane.not_cut(command.key)
            await self._card_fault(error)
        else:
            self._lane.cut(command.key, answer.value, answer.file)
            self._tell_set_aside()

    async def _evict(self, command: ThinBatches | DropBatches) -> None:
        keys = command.keys
        try:
            if isinstance(command, ThinBatches):
                thinned = await self._outbox.thin(keys)
                self._lane.thinned(keys, thinned.value, thinned.file)
            else:
                deleted = await self._outbox.forget(keys)
                self._lane.deleted(keys, deleted.file)
        except OutboxError as error:
            self._workers.disk_fault(error)
            self._lane.not_evicted(keys, time.monotonic_ns(), full=error.full)
        self._tell_set_aside()

    async def _forget(self, command: ForgetBatches) -> None:
        try:
            answer = await self._outbox.forget(command.keys)
        except OutboxError as error:
            self._lane.not_forgotten(command.keys)
            await self._card_fault(error)
        else:
            self._lane.forgotten(answer.file)
            self._tell_set_aside()

    async def _card_fault(self, error: OutboxError) -> None:
        self._tell_set_aside()
        self._workers.disk_fault(error)
        if error.full:
            with contextlib.suppress(OutboxError):  # then what is to give way cannot, and the card is let alone
                await self._outbox.make_room()
            self._lane.disk_full(time.monotonic_ns())
        else:
            self._lane.disk_failed(time.monotonic_ns())

    def _tell_set_aside(self) -> None:
        if self._outbox.writer.set_aside:
            self._workers.faults["outbox of readings set aside"] = self._outbox.writer.set_aside
