"""Work on a thread that is not waited for when the agent stops: a card, or the kernel, may stand still for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T], name: str, *, unwanted: Callable[[T], object] | None = None) -> T:
    """Return what a piece of work returns, done on a daemon thread of its own; what it raises is raised here.

    Args:
        work: It may block for as long as it likes.
        name: The thread's name.
        unwanted: Called with the result when nobody waits for it any more.
    """
    future = in_thread(work, name, unwanted=unwanted)
    try:
        return await future
    except asyncio.CancelledError:
        # It may have come just before.
        if unwanted is not None and future.done() and not future.cancelled() and future.exception() is None:
            unwanted(future.result())
        raise


def in_thread(work: Callable[[], T], name: str, *, unwanted: Callable[[T], object] | None = None) -> asyncio.Future[T]:
    """Begin a piece of work on a daemon thread, which does not keep the process from ending as an executor's does.

    Args:
        work: It may block for as long as it likes.
        name: The thread's name.
        unwanted: Called with the result when the future was cancelled, or the loop is closed, before it came.

    Returns:
        What it returns, or raises: whoever awaits it gets that, and nobody has to.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(results: list[T], error: Exception | None) -> None:
        if future.done():
            drop(results)
        elif error is not None:
            future.set_exception(error)
            future.exception()
        else:
            future.set_result(results[0])

    def drop(results: list[T]) -> None:
        for result in results:
            if unwanted is not None:
                unwanted(result)

    def run() -> None:
        results: list[T] = []
        failure: Exception | None = None
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - handed on to whoever awaits
            # A future refuses to hold a StopIteration.
            failure = RuntimeError(repr(error)) if isinstance(error, StopIteration) else error
        try:
            loop.call_soon_threadsafe(settle, results, failure)
        except RuntimeError:  # the loop is closed: the agent stopped meanwhile
            drop(results)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
