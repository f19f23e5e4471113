"""The collector as a process: event loop, signals, store."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from collector.config import CollectorSettings
from collector.service import Collector
from link import Endpoint
from store import Account, open_store


def serve(settings: CollectorSettings, broker: Endpoint, account: Account | None) -> None:
    """Collect until SIGTERM or SIGINT, on uvloop where it is installed.

    Args:
        settings: The settings.
        broker: Whom to dial.
        account: Who we are to the store.

    Raises:
        QuarantineError: The quarantine's file cannot be opened.
    """
    _run(_serve(settings, broker, account))


async def _serve(settings: CollectorSettings, broker: Endpoint, account: Account | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_store(settings.store, account) as store:
        collector = Collector(settings, broker, store, lambda: print("ready", flush=True))
        await collector.run(stop)


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
