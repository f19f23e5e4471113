"""Password hashes: Argon2id with the second recommended parameters of RFC 9106, section 4 (64 MiB, three passes).

A hash takes about 0.15 s of a core and 64 MiB, so the running desk makes one at a time, in a thread that yields to all
others; in the queue those come first who logged in from their address before, then addresses with fewer failures.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from duty_desk.access.errors import TryLaterError

PASSES: Final = 3
LANES: Final = 4
MEMORY_KIB: Final = 65_536
AT_ONCE: Final = 1
MAX_QUEUED: Final = 32
_NICE: Final = 2

NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=4$c2lhZ2Egbm9ib2R5IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""Checked for a name without an account, so that both take the same time. No password has it."""


def hash_password(password: str) -> str:
    """Return the hash of a password, with its parameters and a new salt, as one string (PHC)."""
    argon2 = Argon2id(salt=os.urandom(16), length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    return argon2.derive_phc_encoded(password.encode(errors="surrogatepass"))


def verify_password(password_hash: str, password: str) -> bool:
    """Return whether a password has this hash."""
    try:
        Argon2id.verify_phc_encoded(password.encode(errors="surrogatepass"), password_hash)
    except InvalidKey:
        return False
    return True


class Verifier:
    """Checks passwords beside the event loop, a bounded number at once and in the queue.

    Args:
        verify: Checks one password; runs in a thread.
    """

    def __init__(self, verify: Callable[[str, str], bool] = verify_password) -> None:
        self._verify = verify
        self._threads = ThreadPoolExecutor(AT_ONCE, "desk-password", initializer=_yield_to_others)
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._running = 0

    async def verify(self, password_hash: str, password: str, *, rank: int) -> bool:
        """Return whether a password has this hash; a lower `rank` goes first.

        Raises:
            TryLaterError: Too many wait.
        """
        await self._turn(rank)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._verify, password_hash, password
            )
        finally:
            self._running -= 1
            self._next()

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, rank: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if len(self._queue) >= MAX_QUEUED:
            worst = max(self._queue)
            if rank >= worst[0]:
                raise TryLaterError(1.0)
            self._queue.remove(worst)
            heapq.heapify(self._queue)
            worst[2].set_exception(TryLaterError(1.0))
        heapq.heappush(self._queue, (rank, next(self._numbers), turn))
        self._next()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._running -= 1
                self._next()
            raise

    def _next(self) -> None:
        while self._running < AT_ONCE and self._queue:
            turn = heapq.heappop(self._queue)[2]
            if not turn.done():
                self._running += 1
                turn.set_result(None)


def _yield_to_others() -> None:
    """Let this thread run only where the desk leaves time: on Linux a thread has a niceness of its own."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
