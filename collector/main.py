"""The collector as a process: event loop, signals, store."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing
from typing import Any, Final

from collector.config import CollectorSettings
from collector.service import Collector
from contract.errors import SiagaError
from contract.topics import ALL_TELEMETRY
from link import Endpoint
from link.notify import Notifier
from store import Account, Store, open_store

_log = logging.getLogger("siaga.collector.books")
_AGAIN_S: Final = 60.0
_GC_THRESHOLDS: Final = (50_000, 20, 50)


def serve(
    settings: CollectorSettings,
    broker: Endpoint,
    account: Account | None,
    topic_filter: str = ALL_TELEMETRY,
    books: tuple[Endpoint, Account | None] | None = None,
) -> None:
    """Collect until SIGTERM or SIGINT, on uvloop where it is installed.

    Args:
        settings: The settings.
        broker: Whom to dial.
        account: Who we are to the store.
        topic_filter: What to subscribe to.
        books: The same broker for the books, and who looks at them in the store; None when this one keeps none.

    Raises:
        QuarantineError: The quarantine's file cannot be opened.
    """
    _run(_serve(settings, broker, account, topic_filter, books))


async def _serve(
    settings: CollectorSettings,
    broker: Endpoint,
    account: Account | None,
    topic_filter: str,
    books: tuple[Endpoint, Account | None] | None,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with closing(Notifier(os.environ)) as notifier:
        async with open_store(settings.store, account, others=settings.group_file is not None) as store:
            _spare_the_garbage_collector()
            collector = Collector(settings, broker, store, _say_ready, topic_filter=topic_filter, notifier=notifier)
            if books is None:
                await collector.run(stop)
            else:
                await _run_with_books(collector, settings, books, store, stop)


async def _run_with_books(
    collector: Collector,
    settings: CollectorSettings,
    books: tuple[Endpoint, Account | None],
    store: Store,
    stop: asyncio.Event,
) -> None:
    from collector.books_file import FILE
    from collector.books_keeper import BooksKeeper
    from collector.books_watch import BooksWatch
    from collector.chronicle_keeper import ChronicleKeeper
    from collector.config import books_folders

    endpoint, reader = books
    chronicle = ChronicleKeeper(store) if settings.chronicle.enabled else None
    hear = None if chronicle is None else chronicle.hear
    keeper = BooksKeeper(endpoint, settings.data_dir / FILE, chronicle=hear)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(for_ever(keeper.run), name="collector-books")]
            tell = [keeper.told]
            if chronicle is not None:
                tell.append(chronicle.told)
                running.append(tasks.create_task(for_ever(chronicle.run), name="collector-chronicle"))
            collector.impaired = lambda: tuple(line for told in tell for line in told())
            if reader is not None:
                watch = BooksWatch(books_folders(settings), open_store(settings.store, reader))
                tell.append(watch.told)
                running.append(tasks.create_task(for_ever(watch.run), name="collector-books-watch"))
            await collector.run(stop)
            for task in running:
                task.cancel()
    except ExceptionGroup as group:
        known = group.subgroup(SiagaError)
        if known is None:
            raise
        raise known.exceptions[0] from None


async def for_ever(work: Callable[[], Awaitable[None]], pause_s: float = _AGAIN_S) -> None:
    """Do work that never ends; a fault of ours in it is logged, and it begins anew: readings do not stop for the books.

    Args:
        work: Begins it.
        pause_s: How long to wait before it begins anew, in seconds.
    """
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - readings come first
            _log.exception("books: they begin anew in %g s", pause_s)
        await asyncio.sleep(pause_s)


def _say_ready() -> None:
    print("ready", flush=True)


def _spare_the_garbage_collector() -> None:
    """Let the cyclic collector look less often: messages make no cycles, and its looks took a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
