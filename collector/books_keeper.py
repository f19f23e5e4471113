"""Listens to the devices' reports and notes them. A session of its own, so that readings never wait for it.

What cannot be noted at once waits, at most MAX_WAITING reports; more than that are dropped and counted: each report
holds what the one before it held, so the next one makes up for it. A box reports each minute: a connection that brings
no report for five is made anew, see `collector.deafness`.
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
from collector.chronicle import TOPICS
from collector.deafness import Deafness
from collector.decode import LATEST_AHEAD_NS
from collector.shapes import EARLIEST_NS
from contract.errors import BodyError, TopicError
from contract.messages import Report, decode
from contract.topics import ALL_REPORTS, parse_up
from link import Endpoint, Session
from link.client import OnMessage

_log = logging.getLogger("siaga.collector.books")

MAX_WAITING: Final = 20_000
DEAF_AFTER_S: Final = 300.0
_GATHER_S: Final = 1.0


class BooksKeeper:
    """The listener.

    Args:
        endpoint: The broker, as the books' account sees it.
        path: The books' file.
        gather_s: How long reports are gathered before they are noted, in seconds.
        deafness: The watch over what it hears.
        chronicle: Who is told everything that is heard, reports and TOPICS; None: only reports are heard.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        path: Path,
        *,
        gather_s: float = _GATHER_S,
        deafness: Deafness | None = None,
        chronicle: OnMessage | None = None,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._file = BooksFile(path)
        self._gather_s = gather_s
        self._waiting: list[tuple[str, Mark]] = []
        self._came = asyncio.Event()
        self._trouble: str | None = None
        self._deafness = deafness if deafness is not None else Deafness(after_s=DEAF_AFTER_S)
        self._heard_s: float | None = None
        self._chronicle = chronicle
        # A broker lets nobody in under another client id than the user's name.
        self.session = Session(
            endpoint,
            "books",
            subscriptions=(ALL_REPORTS,) if chronicle is None else (ALL_REPORTS, *TOPICS),
            on_message=self.hear,
            on_connect=lambda: self._deafness.connected(time.monotonic()),
        )

    async def run(self) -> None:
        """Listen until cancelled."""
        with ThreadPoolExecutor(1, thread_name_prefix="collector-books") as disk:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.session.run(), name="collector-books-session")
                    tasks.create_task(self._note(disk), name="collector-books-file")
                    tasks.create_task(self._watch_silence(), name="collector-books-silence")
            finally:
                disk.submit(self._file.close)

    def told(self) -> tuple[str, ...]:
        """Return what people should know now: why no report is noted; nothing while all is well."""
        why: str | None = self.session.fault or "not connected to the broker"
        if self.session.connected:
            why = self._trouble or self._deafness.told(time.monotonic())
        return () if why is None else (f"no device's report is noted for the books: {why}",)

    def hear(self, topic: str, body: bytes, retained: bool) -> None:
        """Take in what the session hears."""
        if self._chronicle is not None:
            self._chronicle(topic, body, retained)
        if topic not in TOPICS:
            self.take(topic, body, retained)

    def take(self, topic: str, body: bytes, retained: bool) -> None:
        """Take in a report; one that is no report, or of a clock that is nowhere near ours, is counted only."""
        self._heard_s = time.monotonic()
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

    async def _watch_silence(self) -> None:
        while True:
            await asyncio.sleep(self._deafness.check_s)
            now_s = time.monotonic()
            if self._deafness.judge(self._heard_s, now_s, excused=not self.session.connected):
                self.session.renew()

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
