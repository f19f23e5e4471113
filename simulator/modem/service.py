"""A simulated modem on a real pty, and a hand at it: one line of JSON in, one out, on a Unix socket.

Times are those of the wall clock: reports carry them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import time
import tty
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from simulator.modem.modem import Modem

MAX_LINE: Final = 65_536
_READ: Final = 4_096


class ModemService:
    """A modem that gammu can open as a tty.

    Args:
        modem: The modem.
        link: Where it is found: a symbolic link to the tty, the same over plugs.
    """

    def __init__(self, modem: Modem, link: Path) -> None:
        self.modem = modem
        self.link = link
        self._loop = asyncio.get_running_loop()
        self._near = -1
        self._far = -1
        self._timer: asyncio.TimerHandle | None = None

    @property
    def plugged(self) -> bool:
        """Whether there is a tty."""
        return self._near >= 0

    def plug(self) -> None:
        """Make the tty and its link.

        Raises:
            OSError: No pty is free, or the link cannot be made.
        """
        if self.plugged:
            return
        # The far end stays open here, so that one who closes it and comes back finds it.
        self._near, self._far = pty.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        fresh = self.link.with_name(f".{self.link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._far))
        fresh.replace(self.link)
        self._loop.add_reader(self._near, self._hear)

    def unplug(self) -> None:
        """Pull it out: who has it open gets an error, and the link is gone."""
        if not self.plugged:
            return
        self._loop.remove_reader(self._near)
        self.link.unlink(missing_ok=True)
        os.close(self._far)
        os.close(self._near)
        self._near = self._far = -1

    def close(self) -> None:
        """Unplug it, for good."""
        if self._timer is not None:
            self._timer.cancel()
        self.unplug()

    def incoming(self, number: str, text: str) -> None:
        """Let a message come from a phone."""
        self.modem.incoming(number, text, time.time_ns())
        self.stir()

    def stir(self) -> None:
        """Send what is to be sent, and wait for what comes next."""
        self.modem.tick(time.time_ns())
        if self.plugged and (out := self.modem.take()):
            with contextlib.suppress(OSError):  # nobody reads, and the line is full: a modem's octets are lost too
                os.write(self._near, out)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (next_ns := self.modem.next_ns()) is not None:
            self._timer = self._loop.call_later(max(0.0, (next_ns - time.time_ns()) / 1e9), self.stir)

    def _hear(self) -> None:
        try:
            data = os.read(self._near, _READ)
        except OSError:
            return
        self.modem.feed(data, time.time_ns())
        self.stir()

    # The hand at it

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a line asks; `error` in the answer says what it was not.

        `{"do": "incoming", "number": …, "text": …}`, `{"do": "fail", "code": 38}` for the next message (no code: a bare
        ERROR), `{"do": "silent" | "network" | "pin", "on": true}`, `{"do": "places", "count": 20}`, `{"do": "plug"}`,
        `{"do": "unplug"}`, `{"do": "sent"}`.
        """
        match request:
            case {"do": "incoming", "number": str(number), "text": str(text)}:
                self.incoming(number, text)
            case {"do": "fail", **rest}:
                code = rest.get("code")
                self.modem.fail_next.append(code if isinstance(code, int) else None)
            case {"do": "silent", "on": bool(on)}:
                self.modem.silent = on
            case {"do": "pin", "on": bool(on)}:
                self.modem.pin_ready = on
            case {"do": "network", "on": bool(on)}:
                self.modem.registered = on
                self.modem.let_in()
            case {"do": "places", "count": int(count)}:
                self.modem.places = count
                self.modem.let_in()
            case {"do": "plug"}:
                self.plug()
            case {"do": "unplug"}:
                self.unplug()
            case {"do": "sent"}:
                return {"sent": [asdict(each) for each in self.modem.sent]}
            case _:
                return {"error": "expected do: incoming, fail, silent, network, pin, places, plug, unplug or sent"}
        self.stir()
        return {"done": request["do"]}

    async def serve(self, path: Path) -> None:
        """Answer on a Unix socket until cancelled.

        Raises:
            OSError: The socket cannot be made.
        """
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        server = await asyncio.start_unix_server(self._attend, path, limit=MAX_LINE)
        async with server:
            await server.serve_forever()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError), contextlib.closing(writer):
            while line := await reader.readline():
                try:
                    request = json.loads(line)
                except ValueError:
                    request = None
                told = self.answer(request if isinstance(request, dict) else {})
                writer.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")
                await writer.drain()


@contextlib.asynccontextmanager
async def running(modem: Modem, link: Path) -> AsyncIterator[ModemService]:
    """Yield a modem that is plugged in, and unplug it at the end."""
    service = ModemService(modem, link)
    service.plug()
    try:
        yield service
    finally:
        service.close()
