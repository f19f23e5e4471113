"""A desk's application in this process, with its accounts on disk and its ledger, and no brokers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from duty_desk.access.door import Door
from duty_desk.channels.contacts import Contacts
from duty_desk.channels.webpush.build import open_push
from duty_desk.channels.webpush.channel import WebPush
from duty_desk.desk import DutyDesk
from duty_desk.incidents.board import Board
from duty_desk.incidents.records import Record
from duty_desk.ledger.writer import Ledger
from duty_desk.settings import Desk as Config
from duty_desk.settings import load_desk
from duty_desk.web.api import make_app
from duty_desk.web.guard import Guard
from duty_desk.web.view import Places
from tests.duty_desk.conftest import Desk, session_headers


class Outlet:
    """Takes what goes to the brokers, of which there are none."""

    def send(self, topic: str, body: bytes) -> None:
        """Drop it."""

    def lamps(self, device: str) -> None:
        """Drop it."""


@dataclass
class Inside:
    """The application, and what stands behind it. `kept` is what the ledger was given by the door."""

    app: Guard
    desk: DutyDesk
    door: Door
    config: Config
    kept: list[Record]
    push: WebPush

    @asynccontextmanager
    async def client(self, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
        """Yield a client that comes from an address."""
        transport = httpx.ASGITransport(app=self.app, client=(address, 50_000), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


def headers(who: str | None) -> dict[str, str]:
    """Return what a page of an account's session sends."""
    return {name.replace("_", "-"): value for name, value in session_headers(who).items()}


async def until(holds: Callable[[], bool], within_s: float = 15.0) -> None:
    """Wait until something holds that another process or thread brings about."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Inside]:
    """Yield the application of a configuration."""
    kept: list[Record] = []
    there = threading.Event()
    desk = DutyDesk("desk", Places(config.inventory), Outlet(), lambda: 1_760_000_000_000_000_000)
    desk.ledger = Ledger(
        config.ledger,
        past=Board,
        on_loaded=lambda _epoch_ms: there.set(),
        on_committed=lambda _records, _head: None,
        on_others=lambda _records: None,
        on_state=lambda: None,
    )
    door = Door(
        config.accounts,
        idle_s=14 * 3_600,
        most_s=7 * 86_400,
        record=kept.append,
        clock=lambda: desk.board.clock,
    )
    door.start()
    desk.ledger.start()
    try:
        async with asyncio.timeout(15):
            await door.loaded.wait()
            await asyncio.to_thread(there.wait)
        contacts = Contacts(config.contacts)
        await contacts.read()
        push = open_push(contacts, config.push_key, config.settings.channels.push, desk)
        yield Inside(make_app(desk, config, door, push), desk, door, config, kept, push)
    finally:
        door.stop()
        desk.ledger.stop()


@pytest.fixture
async def inside(idle: Desk) -> AsyncIterator[Inside]:
    """Yield the application of a desk whose processes do not run."""
    async with opened(load_desk(idle.config)) as made:
        yield made
