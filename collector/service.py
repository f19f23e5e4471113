"""The collector: session, intake, writer, quarantine and receipts put together.

Nothing is spooled. What is held is bounded by the session's receive maximum, and by MAX_HELD_BYTES: above it, or when a
lost connection left messages that still wait for the store, the socket is not read until some are settled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from mqtt5 import PublishPacket

from collector.batcher import Batcher, Limits
from collector.config import CollectorSettings
from collector.connection import Connection
from collector.deafness import Deafness
from collector.intake import Intake
from collector.metrics import Snapshot
from collector.quarantine import FILE, Quarantine, QuarantineError
from collector.receipts import Receipts, gather_s
from collector.roster import Roster
from collector.session import MqttSession, Terms
from collector.trouble import Trouble
from collector.writer import Writer
from contract.topics import ALL_TELEMETRY
from link import Endpoint
from link.alive import tell_life
from link.notify import Notifier
from store import Store

_log = logging.getLogger("siaga.collector")

MAX_HELD_BYTES: Final = 32 * 1024 * 1024
_COUNTERS_S: Final = 60.0
_DRAIN_S: Final = 1.0
_QUARANTINE_AT_ONCE: Final = 200
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Collector:
    """The service.

    Args:
        settings: Its settings.
        broker: Whom it dials.
        store: The store, entered; the caller closes it.
        on_ready: Called once: subscribed, and the store answered.
        topic_filter: What it subscribes to.
        deafness: The watch over what it hears.
        notifier: Tells systemd.
    """

    def __init__(
        self,
        settings: CollectorSettings,
        broker: Endpoint,
        store: Store,
        on_ready: Callable[[], None],
        *,
        topic_filter: str = ALL_TELEMETRY,
        deafness: Deafness | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self.impaired: Callable[[], tuple[str, ...]] = tuple
        self._settings = settings
        self._terms = Terms(broker, settings.client_id, topic_filter, receive_maximum=settings.receive_maximum)
        # Four loads fill the window: one is written while the next one comes.
        messages = max(1, min(Limits().messages, settings.receive_maximum // 4))
        self._batcher = Batcher(replace(Limits(), messages=messages))
        self._receipts = Receipts()
        self._roster = Roster()
        self._intake = Intake(self._batcher, self._receipts, self._roster)
        self._trouble = Trouble()
        self._quarantine = Quarantine(settings.data_dir / FILE)
        self._refused = asyncio.Event()
        self._connected = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False
        self._prepared = False
        self._loop = asyncio.get_running_loop()
        self._on_ready = on_ready
        self._notifier = notifier or Notifier({})
        self._session = MqttSession(self._terms, self._on_messages, on_connect=self._connected.set, deafness=deafness)
        self._writer = Writer(
            store, self._batcher, on_stored=self._intake.stored, on_load=self._settled, trouble=self._trouble
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Collect until `stop` is set; then settle what is held, for up to a second, and disconnect.

        Raises:
            QuarantineError: The quarantine's file cannot be opened.
        """
        async with AsyncExitStack() as stack:
            disk = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="collector-quarantine"))
            await self._loop.run_in_executor(disk, self._quarantine.open)
            stack.push_async_callback(self._loop.run_in_executor, disk, self._quarantine.close)
            at = self._settings.metrics
            if at is not None:
                from collector.web import serving

                await stack.enter_async_context(serving(at.host, at.port, self.snapshot))
            await self._work(disk, stop)

    def snapshot(self) -> Snapshot:
        """Return the figures of this moment."""
        intake, session, trouble = self._intake, self._session, self._trouble
        counted = intake.counters
        used = resource.getrusage(resource.RUSAGE_SELF)
        values = {
            "messages_total": counted["messages"],
            "readings_total": counted["readings"],
            "stored_total": counted["stored"],
            "careful_total": counted["looked at closely"],
            "receipts_total": counted["receipts"],
            "receipts_forgotten_total": self._receipts.counters["receipts forgotten"],
            "not_receipted_total": counted["not receipted"],
            "no_device_total": counted["no device to receipt"],
            "held_messages": intake.held_messages,
            "held_bytes": intake.held_bytes,
            "receipts_waiting": self._receipts.notes,
            "devices": len(self._roster.devices),
            "connected": session.connection is not None,
            "connects_total": session.connects,
            "deaf_total": session.deafness.times,
            "store_ok": self._prepared and not trouble,
            "store_troubles_total": trouble.times,
            "store_series_refused": len(self._writer.suspects),
            "store_writes_total": self._writer.writes,
            "store_write_seconds_total": round(self._writer.write_s, 6),
            "cpu_seconds_total": round(used.ru_utime + used.ru_stime, 6),
            "resident_bytes": resident_bytes(),
        }
        faults = []
        if session.connection is None:
            faults.append(session.fault or "not connected to the broker")
        if trouble.why is not None:
            faults.append(trouble.why)
        elif not self._prepared:
            faults.append("the store has not answered yet")
        now_s = self._loop.time()
        silence = None if session.connection is None else session.deafness.told(now_s)
        known = (silence, self._writer.suspects.series_limit(now_s))
        impaired = (*(one for one in known if one is not None), *self.impaired())
        return Snapshot(values, {"refused_total": intake.refused}, tuple(faults), impaired)

    def _words(self) -> str:
        return "; ".join(self.snapshot().faults) or "collecting"

    async def _work(self, disk: ThreadPoolExecutor, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._session.run(), name="collector-session"),
                tasks.create_task(self._writer.run(), name="collector-writer"),
                tasks.create_task(self._quarantine_refused(disk), name="collector-quarantine"),
                tasks.create_task(self._send_receipts(), name="collector-receipts"),
                tasks.create_task(self._log_counters(), name="collector-counters"),
                tasks.create_task(self._tell_ready(), name="collector-ready"),
                tasks.create_task(tell_life(self._notifier, self._words, self._connected), name="collector-life"),
            ]
            await stop.wait()
            self._notifier.tell("STOPPING=1")
            await self._drain()
            for task in running:
                task.cancel()

    def _on_messages(self, connection: Connection, packets: list[PublishPacket], size_bytes: int) -> None:
        if self._stopping:
            return
        now_s = self._loop.time()
        if self._intake.take(connection.arrivals, packets, size_bytes, now_s):
            self._writer.look.set()
        if self._trouble:
            self._ask_patience(packets, now_s)
        if self._intake.refusals:
            self._refused.set()
        if self._too_much:
            connection.pause()

    def _ask_patience(self, packets: list[PublishPacket], now_s: float) -> None:
        retry_after_s = self._trouble.retry_after_s(now_s)
        for topic in {packet.topic for packet in packets}:
            device = self._roster.at(topic)
            if device is not None:
                self._receipts.ask_patience(device, retry_after_s, now_s)

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
        told = 0
        while True:
            await asyncio.sleep(gather_s(told))
            if was_trouble and not self._trouble:
                self._receipts.trouble_over()
            was_trouble = bool(self._trouble)
            self._settled()
            told = await self._flush_receipts()

    async def _flush_receipts(self) -> int:
        """Send what is noted now, as fast as the broker acknowledges it; return to how many devices."""
        devices, sent = len(self._receipts), 0
        while devices > 0:
            connection = self._session.connection
            if connection is None:
                break
            await connection.window_open.wait()
            # A lost one is the session's for a moment still, and nobody opens its window again.
            if connection is not self._session.connection or connection.lost.done():
                break
            some = self._receipts.take(min(devices, connection.window))
            connection.publish_all(some)
            sent += len(some)
            devices -= max(1, len(some))
        self._intake.counters["receipts"] += sent
        return sent

    async def _tell_ready(self) -> None:
        await self._writer.prepare()
        self._prepared = True
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


def resident_bytes() -> int:
    """Return the memory this process has, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
