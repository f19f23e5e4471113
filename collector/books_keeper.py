"""Listens to the devices' reports and notes them. A session of its own, so that readings never wait for it.

What cannot be noted at once waits, at most MAX_WAITING reports; more than that are dropped and counted: each report
holds what the one before it held, so the next one makes up for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from collector.books import Mark, mark
from collector.books_file import BooksError, BooksFile
from collector.decode import LATEST_AHEAD_NS
from collector.shapes import EARLIEST_NS
from contract.errors import BodyError, TopicError
from contract.messages import Report, decode
from contract.topics import ALL_REPORTS, parse_up
from link import Endpoint, Session

_log = logging.getLogger("siaga.collector.books")

MAX_WAITING: Final = 20_000
_GATHER_S: Final = 1.0


class BooksKeeper:
    """The listener.

    Args:
        endpoint: The broker, as the books' account sees it.
        path: The books' file.
        gather_s: How long reports are gathered before they are noted, in seconds.
    """

    def __init__(self, endpoint: Endpoint, path: Path, *, gather_s: float = _GATHER_S) -> None:
        self.counters: Counter[str] = Counter()
        self._file = BooksFile(path)
        self._gather_s = gather_s
        self._waiting: list[tuple[str, Mark]] = []
        self._came = asyncio.Event()
        self._trouble: str | None = None
        # A broker lets nobody in under another client id than the user's name.
        self.session = Session(endpoint, "books", subscriptions=(ALL_REPORTS,), on_message=self.take)

    async def run(self) -> None:
        """Listen until cancelled."""
        with ThreadPoolExecutor(1, thread_name_prefix="collector-books") as disk:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.session.run(), name="collector-books-session")
                    tasks.create_task(self._note(disk), name="collector-books-file")
            finally:
                disk.submit(self._file.close)

    def told(self) -> tuple[str, ...]:
        """Return what people should know now: why no report is noted; nothing while all is well."""
        why = self._trouble if self.session.connected else self.session.fault or "not connected to the broker"
        return () if why is None else (f"no device's report is noted for the books: {why}",)

    def take(self, topic: str, body: bytes, retained: bool) -> None:
        """Take in a report; one that is no report, or of a clock that is nowhere near ours, is counted only."""
        try:
            device = parse_up(topic).device
            report = decode(Report, body)
        except (TopicError, BodyError) as error:
            self.counters[f"refused: {error.reason}"] += 1
            return
        noted = mark(report) if report.device == device and not retained else None
        if noted is None:
            self.counters["refused: not of this device, or without a stream"] += 1
        elif not EARLIEST_NS <= noted.timestamp_ns <= time.time_ns() + LATEST_AHEAD_NS:
            self.counters["refused: its clock is far off"] += 1
        elif len(self._waiting) >= MAX_WAITING:
            self.counters["dropped"] += 1
        else:
            self.counters["reports"] += 1
            self._waiting.append((device, noted))
            self._came.set()

    async def _note(self, disk: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._came.wait()
            await asyncio.sleep(self._gather_s)
            self._came.clear()
            some, self._waiting = self._waiting, []
            try:
                await loop.run_in_executor(disk, self._file.add, some)
            except BooksError as error:
                self.counters["not noted"] += len(some)
                if self._trouble is None:
                    _log.error("books: %s; %d reports are not noted", error, len(some))
                self._trouble = str(error)
            else:
                self._trouble = None
