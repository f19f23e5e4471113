"""Work on a thread that is not waited for when the agent stops: a card may stand still for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T], name: str, *, unwanted: Callable[[T], object] | None = None) -> T:
    """Return what a piece of work returns, done on a daemon thread of its own.

    Args:
        work: It may block for as long as it likes.
        name: The thread's name.
        unwanted: Called with the result when nobody waits for it any more.

    Raises:
        OSError: The work raised it. Work raises nothing else.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(results: list[T], error: OSError | None) -> None:
        if future.done():
            drop(results)
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(results[0])

    def drop(results: list[T]) -> None:
        for result in results:
            if unwanted is not None:
                unwanted(result)

    def run() -> None:
        results: list[T] = []
        failure = None
        try:
            results.append(work())
        except OSError as error:
            failure = error
        try:
            loop.call_soon_threadsafe(settle, results, failure)
        except RuntimeError:  # the loop is closed: the agent stopped meanwhile
            drop(results)

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return await future
    except asyncio.CancelledError:
        # It may have come just before.
        if future.done() and not future.cancelled() and future.exception() is None:
            drop([future.result()])
        raise
