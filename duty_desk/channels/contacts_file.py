"""contacts.db: where people are reached. The running desk and the commands open it beside each other.

It has telephone numbers and the capability URLs of people's phones, so its owner alone can read it. Accounts are named
as in accounts.db; a contact of an account that is gone reaches nobody, as nobody asks for it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from duty_desk.access.people import MAX_ACCOUNTS
from duty_desk.access.store import open_private
from duty_desk.errors import ContactError

VERSION: Final = 1
MAX_ADDRESS: Final = 500
MAX_CHANNELS: Final = 10
"""Addresses of one account, each of another channel."""
MAX_PHONES: Final = 5
"""Push subscriptions of one account; the one that was not heard of for longest makes room."""
MAX_ENDPOINT: Final = 1_000

_CHANNEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,19}")

METADATA = MetaData()
ADDRESS = Table(
    "address",
    METADATA,
    Column("account", String(40), primary_key=True),
    Column("channel", String(20), primary_key=True),
    Column("address", String(MAX_ADDRESS), nullable=False),
    Column("changed_ns", Integer, nullable=False),
)
SUBSCRIPTION = Table(
    "subscription",
    METADATA,
    Column("endpoint", String(MAX_ENDPOINT), primary_key=True),
    Column("p256dh", String(100), nullable=False),
    Column("auth", String(40), nullable=False),
    Column("account", String(40), nullable=False, index=True),
    Column("screen", String(40), nullable=False),
    Column("language", String(2), nullable=False),
    Column("created_ns", Integer, nullable=False),
    Column("worked_ns", Integer),
    Column("confirmed_ns", Integer),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where an account is reached through a channel, such as `+62 811 555 0110` through `sms`."""

    account: str
    channel: str
    address: str
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A browser that may be pushed to (RFC 8030), with its keys (RFC 8291) in base64url.

    `worked_ns` is when its push service last took a push, `confirmed_ns` when the browser itself last said that one
    came; both by the centre's clock, None for never.
    """

    endpoint: str
    p256dh: str
    auth: str
    account: str
    screen: str
    language: Literal["id", "en"]
    created_ns: int
    worked_ns: int | None = None
    confirmed_ns: int | None = None

    @property
    def id(self) -> str:
        """Names it where the endpoint, by which anybody can push, must not be told."""
        return hashlib.sha256(self.endpoint.encode()).hexdigest()[:32]

    @property
    def heard_ns(self) -> int:
        """When it was last heard of."""
        return max(self.created_ns, self.worked_ns or 0, self.confirmed_ns or 0)


class ContactsFile:
    """An open contacts.db. Every method is one transaction on the disk, at most 2 s long, and none is for the event
    loop: there `contacts.py` is.

    Args:
        path: contacts.db; made when missing.

    Raises:
        SQLAlchemyError, OSError: The file cannot be used; by the methods too.
    """

    def __init__(self, path: Path) -> None:
        self._engine: Engine = open_private(path, METADATA, VERSION)

    def close(self) -> None:
        """Close it."""
        self._engine.dispose()

    def set(self, account: str, channel: str, address: str, now_ns: int) -> None:
        """Set where an account is reached through a channel.

        Raises:
            ContactError: Channel or address cannot be, or the account has too many.
        """
        row = {"account": account, "channel": check_channel(channel), "address": check_address(address)}
        row_at: dict[str, Any] = row | {"changed_ns": now_ns}
        with self._engine.begin() as connection:
            others = select(func.count()).where(ADDRESS.c.account == account, ADDRESS.c.channel != channel)
            if connection.execute(others).scalar_one() >= MAX_CHANNELS:
                raise ContactError("too_many_channels", f"{account} has {MAX_CHANNELS} addresses; remove one first")
            accounts = select(func.count(func.distinct(ADDRESS.c.account))).where(ADDRESS.c.account != account)
            if connection.execute(accounts).scalar_one() >= MAX_ACCOUNTS:
                raise ContactError("too_many", f"{MAX_ACCOUNTS} accounts have addresses; remove those that are gone")
            statement = upsert(ADDRESS).values(row_at)
            keys = [ADDRESS.c.account, ADDRESS.c.channel]
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=row_at))

    def remove(self, account: str, channel: str) -> bool:
        """Remove an address; return whether it was there."""
        with self._engine.begin() as connection:
            where = (ADDRESS.c.account == account) & (ADDRESS.c.channel == channel)
            return connection.execute(delete(ADDRESS).where(where)).rowcount > 0

    def addresses(self) -> list[Address]:
        """Return all addresses, by account and channel."""
        with self._engine.begin() as connection:
            return _addresses(connection)

    def subscribe(self, subscription: Subscription) -> None:
        """Write a subscription. A browser's earlier one of the same endpoint is replaced, whoever's it was."""
        row = {column.name: getattr(subscription, column.name) for column in SUBSCRIPTION.columns}
        with self._engine.begin() as connection:
            statement = upsert(SUBSCRIPTION).values(row)
            keys = [SUBSCRIPTION.c.endpoint]
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=row))
            mine = [each for each in _subscriptions(connection) if each.account == subscription.account]
            others = sorted((each for each in mine if each != subscription), key=lambda each: each.heard_ns)
            for each in others[: max(0, len(mine) - MAX_PHONES)]:
                connection.execute(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.endpoint == each.endpoint))
            kept = select(func.count(func.distinct(SUBSCRIPTION.c.account)))
            if connection.execute(kept).scalar_one() > MAX_ACCOUNTS:
                raise ContactError("too_many", f"{MAX_ACCOUNTS} accounts have phones; remove those that are gone")

    def unsubscribe(self, endpoint: str) -> bool:
        """Remove a subscription; return whether it was there."""
        with self._engine.begin() as connection:
            return connection.execute(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.endpoint == endpoint)).rowcount > 0

    def heard(self, endpoint: str, *, worked_ns: int | None, confirmed_ns: int | None) -> None:
        """Write when a subscription last worked, or was confirmed; None leaves that as it is."""
        values = {name: at for name, at in (("worked_ns", worked_ns), ("confirmed_ns", confirmed_ns)) if at is not None}
        if not values:
            return
        with self._engine.begin() as connection:
            connection.execute(update(SUBSCRIPTION).where(SUBSCRIPTION.c.endpoint == endpoint).values(values))

    def read(self) -> tuple[list[Address], list[Subscription]]:
        """Return all addresses and subscriptions, by account."""
        with self._engine.begin() as connection:
            return _addresses(connection), _subscriptions(connection)


def _addresses(connection: Connection) -> list[Address]:
    query = select(ADDRESS).order_by(ADDRESS.c.account, ADDRESS.c.channel)
    return [Address(**row) for row in connection.execute(query).mappings()]


def _subscriptions(connection: Connection) -> list[Subscription]:
    query = select(SUBSCRIPTION).order_by(SUBSCRIPTION.c.account, SUBSCRIPTION.c.created_ns)
    return [Subscription(**row) for row in connection.execute(query).mappings()]


def check_channel(text: str) -> str:
    """Return the name of a channel.

    Raises:
        ContactError: It is none.
    """
    if _CHANNEL.fullmatch(text) is None:
        raise ContactError(
            "bad_channel", f"{text!r} is no channel; expected 1 to 20 of a-z, digits, - and _, as in sms"
        )
    return text


def check_address(text: str) -> str:
    """Return an address without spaces around it.

    Raises:
        ContactError: It is empty, too long, or has letters that no address has.
    """
    address = text.strip()
    if not 1 <= len(address) <= MAX_ADDRESS or any(unicodedata.category(letter)[0] == "C" for letter in address):
        raise ContactError("bad_address", f"expected an address of 1 to {MAX_ADDRESS} letters, as in +62 811 555 0110")
    return address
