"""The process of a desk that is one of two: it stands by, then owns, and ends when another took over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from duty_desk.alive import Alive
from duty_desk.pair.memory import read_memory
from duty_desk.pair.mirror import Mirror
from duty_desk.pair.owner import Owner
from duty_desk.pair.standby import Standby
from duty_desk.service import Service
from duty_desk.serving import listen
from link.supervise import keep_running

if TYPE_CHECKING:
    from duty_desk.settings import Desk

STOOD_DOWN: Final = 75
"""The exit status of a desk that another took over from: start it again, and it stands by."""

_log = logging.getLogger("siaga.desk.pair")


async def run_pair(config: Desk, stop: asyncio.Event, ready: Callable[[], None], alive: Alive) -> int:
    """Stand by and own, until `stop` is set or another desk took over; return the exit status.

    Args:
        config: The desk.
        stop: Ends it.
        ready: Called once the page of the standby is served.
        alive: Told what tells how it is.

    Raises:
        OSError: The page's address cannot be taken.
    """
    assert config.settings.pair is not None
    memory = read_memory(config.data, config.settings.pair.name)
    mirror = Mirror((config.accounts, config.contacts, config.roster), memory)
    sock = listen(config.settings.http.host, config.settings.http.port)
    try:
        ready()
        _log.info("%s stands by", config.name)
        standby = Standby(config, memory, mirror)
        alive.words = standby.words
        tenure = await standby.run(stop, sock)
        if tenure is None:
            return 0
        ended = asyncio.Event()
        tenure.on_lost = _from_thread(ended)
        owner = Owner(config, tenure, mirror, memory)
        owner.start()
        told = asyncio.create_task(_pass_on(stop, ended), name="desk-stop")
        ticking = asyncio.create_task(keep_running("pair", owner.tick, Counter()), name="desk-pair")
        try:
            service = Service(config, owner)
            alive.words = service.words
            await service.run(ended, lambda: _log.warning("%s owns what happens now", config.name), sock)
        finally:
            told.cancel()
            ticking.cancel()
            owner.stop()
    finally:
        sock.close()
    if tenure.lost is None:
        return 0
    _log.error("%s stands down: %s", config.name, tenure.lost)
    return STOOD_DOWN


def _from_thread(ended: asyncio.Event) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def end() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(ended.set)

    return end


async def _pass_on(stop: asyncio.Event, ended: asyncio.Event) -> None:
    await stop.wait()
    ended.set()
