"""Where people are reached, as the running desk has it in memory. On the event loop; the disk's work is in threads.

- Memory decides: a desk whose contacts.db cannot be read goes on with what it knows.
- What a command beside it changes is seen within POLL_S.
- What somebody asks for is on disk before the answer. What only tells that a phone worked is written with the next
  round, and is lost when the desk dies in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from duty_desk.channels.contacts_file import Address, ContactsFile, Subscription
from duty_desk.errors import ContactError

__all__ = ["POLL_S", "Address", "Contacts", "ContactsFile", "Subscription"]

POLL_S: Final = 0.5
MAX_WAITING: Final = 5_000
"""Changes that wait for the disk: one for each subscription there may be; beyond that they are dropped."""

Heard = dict[str, tuple[int | None, int | None]]
"""When each browser, by endpoint, last worked and was last confirmed."""
Found = tuple[list[Address], list[Subscription]]

_log = logging.getLogger("siaga.desk.contacts")


class Contacts:
    """Addresses and subscriptions. `run` must be started once; `loaded` is set when the file was read.

    Args:
        path: contacts.db; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault: str | None = None
        self.loaded = asyncio.Event()
        self._addresses: dict[tuple[str, str], Address] = {}
        self._phones: dict[str, Subscription] = {}
        self._heard: Heard = {}
        self._gone: dict[str, None] = {}
        self._file: ContactsFile | None = None
        self._seen: tuple[tuple[int, int, int] | None, ...] | None = None
        self._writing = asyncio.Lock()

    # What is known

    def address(self, account: str, channel: str) -> str | None:
        """Return where an account is reached through a channel, or None."""
        found = self._addresses.get((account, channel))
        return None if found is None else found.address

    def addresses(self) -> list[Address]:
        """Return all addresses."""
        return list(self._addresses.values())

    def phones(self, account: str) -> list[Subscription]:
        """Return the push subscriptions of an account."""
        return [each for each in self._phones.values() if each.account == account]

    def all_phones(self) -> list[Subscription]:
        """Return the push subscriptions of everybody."""
        return list(self._phones.values())

    # What changes

    async def set(self, account: str, channel: str, address: str, now_ns: int) -> None:
        """Set where an account is reached.

        Raises:
            ContactError: It cannot be, or cannot be written now.
        """
        await self._change(lambda file: file.set(account, channel, address, now_ns))

    async def remove(self, account: str, channel: str) -> None:
        """Remove an address.

        Raises:
            ContactError: It cannot be written now.
        """
        await self._change(lambda file: file.remove(account, channel))

    async def subscribe(self, subscription: Subscription) -> None:
        """Add a browser, or give it another owner.

        Raises:
            ContactError: There are too many, or it cannot be written now.
        """
        self._gone.pop(subscription.endpoint, None)
        await self._change(lambda file: file.subscribe(subscription))

    async def unsubscribe(self, endpoint: str) -> None:
        """Remove a browser.

        Raises:
            ContactError: It cannot be written now; until it can be, it is pushed to.
        """
        await self._change(lambda file: file.unsubscribe(endpoint))

    def forget(self, endpoint: str) -> None:
        """Remove a browser soon, as its push service says that it is gone."""
        if self._phones.pop(endpoint, None) is not None and len(self._gone) < MAX_WAITING:
            self._gone[endpoint] = None

    def worked(self, endpoint: str, now_ns: int) -> None:
        """Take note that its push service took a push."""
        self._hear(endpoint, worked_ns=now_ns)

    def confirmed(self, endpoint: str, now_ns: int) -> None:
        """Take note that the browser said that one came."""
        self._hear(endpoint, confirmed_ns=now_ns)

    # The disk

    async def run(self, on_fault: Callable[[], None] = lambda: None) -> None:
        """Keep memory and file in step, for ever; `on_fault` is called when `fault` changed."""
        while True:
            try:
                await self._work()
            except (SQLAlchemyError, OSError) as error:
                reason = str(getattr(error, "orig", None) or error)
                if self.fault != reason:
                    _log.error("the contacts %s cannot be used: %s; known ones stay; trying again", self.path, reason)
                    self.fault = reason
                    on_fault()
            else:
                if self.fault is not None:
                    self.fault = None
                    _log.warning("the contacts %s can be used again", self.path)
                    on_fault()
            await asyncio.sleep(POLL_S)

    async def read(self) -> None:
        """Read the file once, and write what waits; what `run` does at each round.

        Raises:
            SQLAlchemyError, OSError: It cannot be used.
        """
        await self._work()

    async def _work(self) -> None:
        async with self._writing:
            heard, gone = self._heard, self._gone
            self._heard, self._gone = {}, {}
            try:
                found = await asyncio.to_thread(self._round, heard, list(gone))
            except BaseException:  # also at a cancellation: what was not written is written with the next round
                self._heard, self._gone = heard | self._heard, gone | self._gone
                raise
            if found is not None:
                self._learn(*found)

    async def _change(self, change: Callable[[ContactsFile], object]) -> None:
        async with self._writing:
            try:
                found = await asyncio.to_thread(self._changed, change)
            except (SQLAlchemyError, OSError) as error:
                reason = str(getattr(error, "orig", None) or error)
                raise ContactError("contacts_unwritable", f"not kept: {reason}; try again") from error
            self._learn(*found)

    def _learn(self, addresses: list[Address], phones: list[Subscription]) -> None:
        self._addresses = {(each.account, each.channel): each for each in addresses}
        self._phones = {each.endpoint: self._newest(each) for each in phones if each.endpoint not in self._gone}
        self.loaded.set()

    def _newest(self, phone: Subscription) -> Subscription:
        """Return a subscription as it was read, with what was heard of it while that went on."""
        worked_ns, confirmed_ns = self._heard.get(phone.endpoint, (None, None))
        return replace(phone, worked_ns=worked_ns or phone.worked_ns, confirmed_ns=confirmed_ns or phone.confirmed_ns)

    def _hear(self, endpoint: str, *, worked_ns: int | None = None, confirmed_ns: int | None = None) -> None:
        phone = self._phones.get(endpoint)
        if phone is None or (endpoint not in self._heard and len(self._heard) >= MAX_WAITING):
            return
        before = self._heard.get(endpoint, (None, None))
        self._heard[endpoint] = (worked_ns or before[0], confirmed_ns or before[1])
        self._phones[endpoint] = self._newest(phone)

    # In a thread, one at a time

    def _round(self, heard: Heard, gone: list[str]) -> Found | None:
        """Write what waits; return what the file has, or None when that is as it was."""
        file = self._opened()
        for endpoint in gone:
            file.unsubscribe(endpoint)
        for endpoint, (worked_ns, confirmed_ns) in heard.items():
            file.heard(endpoint, worked_ns=worked_ns, confirmed_ns=confirmed_ns)
        seen = _look(self.path)
        if seen == self._seen:
            return None
        found = file.read()
        self._seen = seen
        return found

    def _changed(self, change: Callable[[ContactsFile], object]) -> Found:
        file = self._opened()
        change(file)
        return file.read()

    def _opened(self) -> ContactsFile:
        if self._file is None:
            self._file = ContactsFile(self.path)
        elif not self.path.exists():
            # Never an empty one in its place while the desk runs.
            raise FileNotFoundError(f"{self.path} is gone")
        return self._file


def _look(path: Path) -> tuple[tuple[int, int, int] | None, ...]:
    """Return what changes whenever the file is written, by whichever process; it takes no lock."""
    found: list[tuple[int, int, int] | None] = []
    for each in (path, path.with_name(path.name + "-wal")):
        try:
            stat = each.stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)
