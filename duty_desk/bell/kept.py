"""What a bell keeps on its disk: the inventory, for when the broker that has it is gone, and its last events.

Both are small, written whole beside the old file and put in its place, on a thread: a card that stands still keeps no
siren silent. What cannot be read or written costs the bell no sound: it says so, and goes on without.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections import deque
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from contract.batch import MAX_BATCH_BYTES
from contract.bell import MAX_EVENTS, BellEvent
from contract.errors import BodyError
from contract.inventory import Inventory
from contract.messages import decode

INVENTORY: Final = "inventory.json"
EVENTS: Final = "events.json"
MAX_INVENTORY_BYTES: Final = 4 * MAX_BATCH_BYTES


class Kept:
    """The files of a bell.

    Args:
        folder: Its data folder.
    """

    def __init__(self, folder: Path) -> None:
        self.fault: str | None = None
        self.inventory = Inventory()
        self.events: deque[BellEvent] = deque(maxlen=MAX_EVENTS)
        self._folder = folder
        self._unwritten: dict[str, bytes] = {}
        self._wake = asyncio.Event()

    def load(self) -> None:
        """Read what was kept; what is damaged is left out."""
        with contextlib.suppress(OSError, BodyError):
            self.inventory = decode(Inventory, (self._folder / INVENTORY).read_bytes(), max_bytes=MAX_INVENTORY_BYTES)
        with contextlib.suppress(OSError, ValueError, ValidationError, TypeError, RecursionError):
            told = json.loads((self._folder / EVENTS).read_text())
            self.events.extend(BellEvent.model_validate(each) for each in told[-MAX_EVENTS:])

    def take_inventory(self, body: bytes) -> None:
        """Take an inventory that arrived; one that is none is left alone."""
        with contextlib.suppress(BodyError):
            self.inventory = decode(Inventory, body, max_bytes=MAX_INVENTORY_BYTES)
            self._write(INVENTORY, body)

    def add(self, event: BellEvent) -> None:
        """Keep an event, and let the oldest go."""
        self.events.append(event)
        self._write(EVENTS, json.dumps([each.model_dump(mode="json") for each in self.events]).encode())

    async def run(self) -> None:
        """Write what is to be kept, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.write()

    async def write(self) -> None:
        """Write what is not on the disk yet."""
        while self._unwritten:
            await asyncio.to_thread(self._put, *self._unwritten.popitem())

    def _write(self, name: str, body: bytes) -> None:
        self._unwritten[name] = body
        self._wake.set()

    def _put(self, name: str, body: bytes) -> None:
        fresh = self._folder / f"{name}.new"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with open(fresh, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._folder / name)
            self.fault = None
        except OSError as error:
            self.fault = f"{self._folder} takes nothing: {error.strerror or error}; is the disk full or read-only?"
