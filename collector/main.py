"""The collector as a process: event loop, signals, store."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Coroutine
from typing import Any, Final

from collector.config import CollectorSettings
from collector.service import Collector
from contract.topics import ALL_TELEMETRY
from link import Endpoint
from store import Account, open_store

_GC_THRESHOLDS: Final = (50_000, 20, 50)


def serve(
    settings: CollectorSettings, broker: Endpoint, account: Account | None, topic_filter: str = ALL_TELEMETRY
) -> None:
    """Collect until SIGTERM or SIGINT, on uvloop where it is installed.

    Args:
        settings: The settings.
        broker: Whom to dial.
        account: Who we are to the store.
        topic_filter: What to subscribe to.

    Raises:
        QuarantineError: The quarantine's file cannot be opened.
    """
    _run(_serve(settings, broker, account, topic_filter))


async def _serve(settings: CollectorSettings, broker: Endpoint, account: Account | None, topic_filter: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_store(settings.store, account) as store:
        _spare_the_garbage_collector()
        collector = Collector(settings, broker, store, lambda: print("ready", flush=True), topic_filter=topic_filter)
        await collector.run(stop)


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
