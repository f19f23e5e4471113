"""The collector: session, intake, writer, quarantine and receipts put together.

Nothing is spooled. What is held is bounded by the session's receive maximum, and by MAX_HELD_BYTES: above it, or when a
lost connection left messages that still wait for the store, the socket is not read until some are settled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from mqtt5 import PublishPacket

from collector.batcher import Batcher, Limits
from collector.config import CollectorSettings
from collector.connection import Connection
from collector.intake import Intake, Message
from collector.quarantine import FILE, Quarantine, QuarantineError
from collector.receipts import Receipts
from collector.session import MqttSession, Terms
from collector.trouble import Trouble
from collector.writer import Writer
from contract.messages import encode
from contract.topics import ALL_TELEMETRY, telemetry_receipt
from link import Endpoint
from store import Store

_log = logging.getLogger("siaga.collector")

MAX_HELD_BYTES: Final = 32 * 1024 * 1024
RECEIPT_GATHER_S: Final = 0.2
_COUNTERS_S: Final = 60.0
_DRAIN_S: Final = 1.0
_QUARANTINE_AT_ONCE: Final = 200


class Collector:
    """The service.

    Args:
        settings: Its settings.
        broker: Whom it dials.
        store: The store, entered; the caller closes it.
        on_ready: Called once: subscribed, and the store answered.
    """

    def __init__(
        self, settings: CollectorSettings, broker: Endpoint, store: Store, on_ready: Callable[[], None]
    ) -> None:
        self._terms = Terms(broker, settings.client_id, ALL_TELEMETRY)
        self._batcher: Batcher[Message] = Batcher(Limits(messages=max(1, self._terms.receive_maximum // 5)))
        self._receipts = Receipts()
        self._intake = Intake(self._batcher, self._receipts)
        self._trouble = Trouble()
        self._quarantine = Quarantine(settings.data_dir / FILE)
        self._refused = asyncio.Event()
        self._connected = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self._on_ready = on_ready
        self._session = MqttSession(
            self._terms, self._on_publish, on_read=self._on_read, on_connect=self._connected.set
        )
        self._writer = Writer(
            store, self._batcher, on_stored=self._intake.stored, on_body=self._settled, trouble=self._trouble
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Collect until `stop` is set; then settle what is held, for up to a second, and disconnect.

        Raises:
            QuarantineError: The quarantine's file cannot be opened.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="collector-quarantine") as disk:
            await self._loop.run_in_executor(disk, self._quarantine.open)
            try:
                async with asyncio.TaskGroup() as tasks:
                    running = [
                        tasks.create_task(self._session.run(), name="collector-session"),
                        tasks.create_task(self._writer.run(), name="collector-writer"),
                        tasks.create_task(self._quarantine_refused(disk), name="collector-quarantine"),
                        tasks.create_task(self._send_receipts(), name="collector-receipts"),
                        tasks.create_task(self._log_counters(), name="collector-counters"),
                        tasks.create_task(self._tell_ready(), name="collector-ready"),
                    ]
                    await stop.wait()
                    await self._drain()
                    for task in running:
                        task.cancel()
            finally:
                await self._loop.run_in_executor(disk, self._quarantine.close)

    def _on_publish(self, connection: Connection, packet: PublishPacket) -> None:
        if self._stopping:
            return
        now_s = self._loop.time()
        device, look = self._intake.take(connection, packet, now_s)
        if look:
            self._writer.look.set()
        if self._trouble and device is not None:
            self._receipts.ask_patience(device, self._trouble.retry_after_s(now_s), now_s)

    def _on_read(self) -> None:
        if self._intake.refusals:
            self._refused.set()
        if self._too_much and self._session.connection is not None:
            self._session.connection.pause()

    @property
    def _too_much(self) -> bool:
        # Twice the receive maximum: what a lost connection left, and what the next one may hand over.
        return self._intake.held_bytes > MAX_HELD_BYTES or self._intake.held_messages > 2 * self._terms.receive_maximum

    def _settled(self) -> None:
        if self._intake.refusals:
            self._refused.set()
        if self._stopping and not self._intake.held_messages:
            self._idle.set()
        connection = self._session.connection
        if connection is not None:
            connection.release()
            if connection.paused and not self._too_much:
                connection.resume()

    async def _quarantine_refused(self, disk: ThreadPoolExecutor) -> None:
        """Put what is refused on disk, many in one transaction, then settle it."""
        refusals = self._intake.refusals
        while True:
            await self._refused.wait()
            self._refused.clear()
            while refusals:
                some = [refusals.popleft() for _ in range(min(len(refusals), _QUARANTINE_AT_ONCE))]
                entries = [entry for _, more in some for entry in more]
                try:
                    await self._loop.run_in_executor(disk, self._quarantine.add, entries)
                except QuarantineError as error:
                    _log.error("quarantine: %s; %d bodies get no receipt", error, len(some))
                    on_disk = False
                else:
                    on_disk = True
                for message, _ in some:
                    self._intake.quarantined(message, on_disk=on_disk)
                self._settled()

    async def _send_receipts(self) -> None:
        was_trouble = False
        while True:
            await asyncio.sleep(RECEIPT_GATHER_S)
            if was_trouble and not self._trouble:
                self._receipts.trouble_over()
            was_trouble = bool(self._trouble)
            self._settled()
            await self._flush_receipts()

    async def _flush_receipts(self) -> None:
        """Send what is noted now, as fast as the broker acknowledges it."""
        devices = len(self._receipts)
        while devices > 0:
            connection = self._session.connection
            if connection is None:
                return
            await connection.window_open.wait()
            if connection is not self._session.connection:
                return
            some = self._receipts.take(min(devices, connection.window))
            for receipt in some:
                connection.publish(telemetry_receipt(receipt.device), encode(receipt))
            self._intake.counters["receipts"] += len(some)
            devices -= max(1, len(some))

    async def _tell_ready(self) -> None:
        await self._writer.prepare()
        await self._connected.wait()
        self._on_ready()

    async def _drain(self) -> None:
        """Take nothing more in, and give what is held a moment to be settled and receipted."""
        self._stopping = True
        if self._trouble:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                if self._intake.held_messages:
                    await self._idle.wait()
                await self._flush_receipts()

    async def _log_counters(self) -> None:
        while True:
            await asyncio.sleep(_COUNTERS_S)
            told = {**self._intake.counters, **{f"refused: {why}": n for why, n in self._intake.refused.items()}}
            told |= self._receipts.counters
            told |= {
                "held": self._intake.held_messages,
                "connects": self._session.connects,
                "store troubles": self._trouble.times,
            }
            words = ", ".join(f"{name} {number}" for name, number in told.items())
            _log.info("%s%s", words, f"; store: {self._trouble.why}" if self._trouble else "")
