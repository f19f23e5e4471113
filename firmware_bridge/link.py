"""Keeps the port of a board open and a `Session` on it: writes what it says, hands over what it tells."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import serialx

from firmware_bridge.errors import BoardError
from firmware_bridge.session import Session, Told

BAUDRATE: Final = 115_200
CHUNK_BYTES: Final = 4_096
OPEN_TIMEOUT_S: Final = 10.0
WRITE_TIMEOUT_S: Final = 2.0
REOPEN_S: Final = (0.05, 1.0)
"""The first and the longest wait before the port is opened again."""

_log = logging.getLogger("siaga.bridge")


class BoardLink:
    """One board on a port.

    `wrong` is what is wrong now, in words that say what to do, or None.

    Args:
        port: The tty, best by its name under /dev/serial/by-id, which the board keeps when it is plugged in elsewhere.
        session: The conversation; `command` and `press_stored` of it are to be called by way of this.
    """

    def __init__(self, port: str, session: Session) -> None:
        self.port = port
        self.session = session
        self._lost: str | None = None
        self._said = asyncio.Event()

    @property
    def wrong(self) -> str | None:
        """What is wrong with the port or the board."""
        return self._lost if self._lost is not None else self.session.fault(time.monotonic_ns())

    def say(self, ask: Callable[[Session], None]) -> None:
        """Let `ask` say something by the session, and write it at once."""
        ask(self.session)
        self._said.set()

    async def told(self) -> AsyncGenerator[list[Told], None]:
        """Yield what the board tells, for ever; an empty list when only `wrong` may have changed.

        A port that cannot be opened or is lost is opened again, within a second of its being there.
        """
        wait_s = REOPEN_S[0]
        while True:
            try:
                async with aclosing(self._conversation()) as conversation:
                    async for told in conversation:
                        wait_s = REOPEN_S[0]
                        yield told
            except BoardError as error:
                if str(error) != self._lost:
                    _log.warning("%s: %s", self.port, error)
                self._lost = str(error)
            self.session.lost()
            yield self.session.tick(time.monotonic_ns())
            # A little chance, so that boards of one hub do not all ask at once.
            await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))
            wait_s = min(wait_s * 2, REOPEN_S[1])

    async def _conversation(self) -> AsyncGenerator[list[Told], None]:
        port = serialx.async_serial_for_url(self.port, baudrate=BAUDRATE, exclusive=True)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await port.open()
        except (OSError, TimeoutError, serialx.SerialException) as error:
            raise BoardError(f"cannot be opened: {_words(error)}; {_next_step(self.port)}") from error
        coming: asyncio.Future[bytes] | None = None
        try:
            self._lost = None
            self.session.opened(time.monotonic_ns())
            coming = asyncio.ensure_future(port.read(CHUNK_BYTES))
            while True:
                await self._write(port)
                done = await self._wait(coming)
                now_ns = time.monotonic_ns()
                if not done:
                    yield self.session.tick(now_ns)
                    continue
                data = coming.result()
                if not data:
                    raise BoardError(f"hung up; {_next_step(self.port)}")
                told = self.session.feed(data, now_ns)
                coming = asyncio.ensure_future(port.read(CHUNK_BYTES))
                await self._write(port)
                yield told
        except (OSError, TimeoutError, serialx.SerialException) as error:
            raise BoardError(f"lost: {_words(error)}; {_next_step(self.port)}") from error
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            await _close(port)

    async def _write(self, port: serialx.AsyncSerial) -> None:
        if out := self.session.take_output():
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await port.write(out)

    async def _wait(self, coming: asyncio.Future[bytes]) -> bool:
        """Wait until bytes came, something is to be said or is due; return whether bytes came."""
        due_ns = self.session.due_ns()
        left_s = 1.0 if due_ns is None else min(1.0, max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        said = asyncio.ensure_future(self._said.wait())
        both: list[asyncio.Future[Any]] = [coming, said]
        try:
            await asyncio.wait(both, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            said.cancel()
        self._said.clear()
        return coming.done()


async def _close(port: serialx.AsyncSerial) -> None:
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await port.close()
    except (OSError, TimeoutError, serialx.SerialException) as error:
        _log.debug("closing: %s", _words(error))


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _next_step(port: str) -> str:
    if os.path.exists(port):
        return f"check that no other process has it (fuser {port}) and that this user is in the group dialout"
    found = sorted(str(path) for path in Path("/dev/serial/by-id").glob("*"))
    return "boards here: " + ", ".join(found) if found else "no serial device is here; check cable and supply"
