"""contacts.db: addresses and push subscriptions, by the running desk and by commands beside it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from duty_desk.channels import contacts_file
from duty_desk.channels.contacts import Contacts, ContactsFile, Subscription
from duty_desk.channels.contacts_file import MAX_CHANNELS, MAX_PHONES
from duty_desk.errors import ContactError


def phone(number: int = 1, account: str = "petugas-1") -> Subscription:
    """Return a subscription."""
    return Subscription(
        f"https://push.example/{account}/{number}", "p" * 87, "a" * 22, account, "Ponsel 1", "id", number
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where contacts.db is."""
    return tmp_path / "data" / "contacts.db"


@pytest_asyncio.fixture
async def contacts(path: Path) -> AsyncIterator[Contacts]:
    """Run the contacts of a desk."""
    known = Contacts(path)
    task = asyncio.create_task(known.run())
    await known.loaded.wait()
    yield known
    task.cancel()


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(15):
        while not true():  # noqa: ASYNC110 - the file tells nobody
            await asyncio.sleep(0.01)


def test_its_owner_alone_can_read_it(path: Path) -> None:
    ContactsFile(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_address_is_set_changed_and_removed(path: Path) -> None:
    file = ContactsFile(path)
    file.set("petugas-1", "sms", " +62 811 555 0110 ", 1)
    file.set("petugas-1", "sms", "+62 811 555 0111", 2)
    file.set("petugas-1", "email", "petugas-1@kota.example", 3)
    assert [(each.channel, each.address) for each in file.addresses()] == [
        ("email", "petugas-1@kota.example"),
        ("sms", "+62 811 555 0111"),
    ]
    assert file.remove("petugas-1", "sms")
    assert not file.remove("petugas-1", "sms")


@pytest.mark.parametrize(
    ("channel", "address", "code"),
    [
        ("SMS", "1", "bad_channel"),
        ("", "1", "bad_channel"),
        ("sms", "  ", "bad_address"),
        ("sms", "1\n2", "bad_address"),
        ("sms", "1" * 501, "bad_address"),
    ],
)
def test_what_is_no_channel_or_address_is_refused(path: Path, channel: str, address: str, code: str) -> None:
    with pytest.raises(ContactError) as error:
        ContactsFile(path).set("petugas-1", channel, address, 1)
    assert error.value.code == code


def test_an_account_has_so_many_addresses_and_no_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ContactsFile(path)
    for number in range(MAX_CHANNELS):
        file.set("petugas-1", f"ntfy-{number}", "x", 1)
    file.set("petugas-1", "ntfy-0", "another", 2)
    with pytest.raises(ContactError, match="remove one first"):
        file.set("petugas-1", "sms", "x", 3)
    monkeypatch.setattr(contacts_file, "MAX_ACCOUNTS", 1)
    with pytest.raises(ContactError, match="that are gone"):
        file.set("petugas-2", "sms", "x", 3)


def test_the_phone_not_heard_of_for_longest_makes_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ContactsFile(path)
    for number in range(1, MAX_PHONES + 1):
        file.subscribe(phone(number))
    file.heard(phone(1).endpoint, worked_ns=100, confirmed_ns=None)
    file.subscribe(phone(MAX_PHONES + 1))
    assert [each.created_ns for each in file.read()[1]] == [1, 3, 4, 5, 6]
    monkeypatch.setattr(contacts_file, "MAX_ACCOUNTS", 1)
    with pytest.raises(ContactError, match="that are gone"):
        file.subscribe(phone(1, "petugas-2"))
    assert len(file.read()[1]) == MAX_PHONES


async def test_what_a_command_changes_beside_the_desk_is_seen(contacts: Contacts, path: Path) -> None:
    other = ContactsFile(path)
    other.set("petugas-1", "sms", "+62 811 555 0110", 1)
    await until(lambda: contacts.address("petugas-1", "sms") == "+62 811 555 0110")
    other.set("petugas-1", "sms", "+62 811 555 0111", 2)
    await until(lambda: contacts.address("petugas-1", "sms") == "+62 811 555 0111")
    other.remove("petugas-1", "sms")
    await until(lambda: contacts.address("petugas-1", "sms") is None)


async def test_a_subscription_is_on_disk_before_the_answer_and_has_one_owner(contacts: Contacts, path: Path) -> None:
    await contacts.subscribe(phone())
    assert ContactsFile(path).read()[1] == [phone()]
    taken = Subscription(phone().endpoint, "q", "b", "petugas-2", "Ponsel 2", "en", 2)
    await contacts.subscribe(taken)
    assert contacts.phones("petugas-1") == []
    assert contacts.phones("petugas-2") == [taken]
    await contacts.unsubscribe(taken.endpoint)
    assert contacts.all_phones() == [] == ContactsFile(path).read()[1]


async def test_what_is_gone_and_what_worked_is_written_with_the_next_round(contacts: Contacts, path: Path) -> None:
    await contacts.subscribe(phone(1))
    await contacts.subscribe(phone(2))
    contacts.worked(phone(1).endpoint, 10)
    contacts.confirmed(phone(1).endpoint, 11)
    contacts.forget(phone(2).endpoint)
    (kept,) = contacts.phones("petugas-1")
    assert (kept.worked_ns, kept.confirmed_ns) == (10, 11)
    await until(lambda: ContactsFile(path).read()[1] == [kept])
    # Told that it is gone while it subscribes anew: the new one stays.
    contacts.forget(phone(1).endpoint)
    await contacts.subscribe(phone(1))
    await contacts.read()
    assert contacts.phones("petugas-1") == [phone(1)]


async def test_a_file_that_vanishes_or_breaks_is_told_and_memory_stays(contacts: Contacts, path: Path) -> None:
    await contacts.set("petugas-1", "sms", "+62 811 555 0110", 1)
    path.unlink()
    await until(lambda: contacts.fault is not None and "is gone" in contacts.fault)
    with pytest.raises(ContactError, match="try again"):
        await contacts.subscribe(phone())
    path.write_bytes(b"not a database, but long enough to be taken for the header of one" * 20)
    await until(lambda: contacts.fault is not None and "not a database" in contacts.fault)
    assert contacts.address("petugas-1", "sms") == "+62 811 555 0110"
    assert not path.with_name("contacts.db-wal").exists()
    path.unlink()
    ContactsFile(path).set("petugas-1", "sms", "+62 811 555 0112", 1)
    await until(lambda: contacts.fault is None)
    assert contacts.address("petugas-1", "sms") == "+62 811 555 0112"


async def test_a_phone_that_is_gone_does_not_come_back_by_a_reading_that_was_under_way(path: Path) -> None:
    contacts = Contacts(path)
    await contacts.subscribe(phone())
    ContactsFile(path).set("petugas-1", "sms", "+62 811 555 0110", 1)
    reading = asyncio.create_task(contacts.read())
    await asyncio.sleep(0)
    contacts.forget(phone().endpoint)
    await reading
    assert contacts.address("petugas-1", "sms") is not None
    assert contacts.all_phones() == []
    await contacts.read()
    assert ContactsFile(path).read()[1] == []


async def test_what_could_not_be_written_is_written_when_the_file_is_back(path: Path) -> None:
    contacts = Contacts(path)
    await contacts.subscribe(phone(1))
    await contacts.subscribe(phone(2))
    path.rename(away := path.with_name("away"))
    contacts.worked(phone(1).endpoint, 10)
    contacts.forget(phone(2).endpoint)
    with pytest.raises(OSError, match="is gone"):
        await contacts.read()
    contacts.confirmed(phone(1).endpoint, 11)
    away.rename(path)
    await contacts.read()
    (kept,) = ContactsFile(path).read()[1]
    assert (kept.worked_ns, kept.confirmed_ns) == (10, 11)
