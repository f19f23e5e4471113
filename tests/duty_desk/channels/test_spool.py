"""sms.db beside a gammu-smsd that waits for no lock, and what it has of its modem. Its statements are those of 1.42."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from duty_desk.channels.channel import Report
from duty_desk.channels.contacts import Contacts
from duty_desk.channels.sms import channel as channel_module
from duty_desk.channels.sms.channel import Sms
from duty_desk.channels.sms.faults import why
from duty_desk.channels.sms.settings import SmsSettings
from duty_desk.channels.sms.spool import Spool, State
from duty_desk.errors import ChannelError
from tests.duty_desk.channels.smsd import NUMBERS, page

BEGUN = (
    "INSERT INTO phones (IMEI, IMSI, ID, NetCode, NetName, Send, Receive, InsertIntoDB, TimeOut, Client, Battery,"
    " Signal) VALUES ('490154203237518', '510010000000001', '', '', '', 'yes', 'yes', datetime('now', 'localtime'),"
    " datetime('now', '+10 seconds', 'localtime'), 'Gammu 1.42.0', -1, -1)"
)
ASKED = "UPDATE phones SET Battery = 0, Signal = ?, NetCode = '', NetName = '' WHERE IMEI = '490154203237518'"
NO_NETWORK = "the modem has no network: aerial, SIM, reception"
NO_ANSWER = "the modem did not take it: plug it in anew, then systemctl restart gammu-smsd"


class Between(Spool):
    """An sms.db in which gammu-smsd writes that a message failed, and then, after somebody looked, why."""

    def states(self, pages: Iterable[str]) -> dict[str, State]:
        """Look."""
        found = super().states(pages)
        if any(each.became == "failed" for each in found.values()):
            self._database.execute("UPDATE outbox SET StatusCode = 322")
        return found


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Yield an sms.db."""
    with closing(Spool(tmp_path / "sms.db")) as made:
        yield made


@pytest.fixture
def smsd(spool: Spool, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Yield another who has it open, and waits for no lock."""
    with closing(sqlite3.connect(tmp_path / "sms.db", timeout=0, isolation_level=None)) as made:
        yield made


def test_a_modem_without_network_is_told_from_one_that_gives_no_answer(spool: Spool, smsd: sqlite3.Connection) -> None:
    assert (spool.life().stamp, spool.life().signal) == (None, None)
    smsd.execute(BEGUN)
    assert spool.life().stamp is not None
    assert spool.life().signal is None
    assert why(-1, spool.life().signal) == NO_ANSWER
    told = []
    for signal in (66, 0, -1):
        smsd.execute(ASKED, (signal,))
        told.append((spool.life().signal, why(-1, spool.life().signal)))
    assert told == [(66, NO_ANSWER), (None, NO_ANSWER), (-1, NO_NETWORK)]


def test_what_only_reads_neither_waits_for_gammu_smsd_nor_stands_in_its_way(
    spool: Spool, smsd: sqlite3.Connection
) -> None:
    smsd.execute(BEGUN)
    with spool._reading():
        assert spool._database.execute("SELECT Sent FROM phones").fetchone() == (0,)
        smsd.execute("UPDATE phones SET Sent = Sent + 1")
    smsd.execute("BEGIN IMMEDIATE")
    spool._database.execute("PRAGMA busy_timeout=0")
    assert spool.life().sent == 1
    assert (spool.pages(0), spool.came(), spool.replies(1)) == ([], [], [])
    assert spool.states(["a"])["a"].became == "gone"
    smsd.execute("COMMIT")


@pytest.mark.slow
@pytest.mark.parametrize("later", [False, True])
async def test_why_it_failed_is_waited_for_as_gammu_smsd_writes_it_after_that_it_did(
    tmp_path: Path, spool: Spool, smsd: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    contacts = Contacts(tmp_path / "contacts.db")
    await contacts.set("petugas-1", "sms", NUMBERS["petugas-1"], 1)
    sms = Sms(
        tmp_path / "sms.db",
        contacts,
        SmsSettings(modem="/dev/modem"),
        "id",
        now_ns=time.time_ns,
        monotonic_s=time.monotonic,
        unanswered=lambda _: True,
    )
    sms._spool = Between(tmp_path / "sms.db")
    if later:
        monkeypatch.setattr(channel_module, "HAND_S", 3 * channel_module.LOOK_S)
    smsd.execute(BEGUN)
    told: asyncio.Queue[Report] = asyncio.Queue()
    sending = asyncio.create_task(sms.send(page()))
    smsd.execute("PRAGMA busy_timeout=10000")  # it comes right after the desk's own write
    async with asyncio.timeout(15):
        while not spool.pages(0):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)
        smsd.execute("UPDATE phones SET Sent = Sent + 1")
        if later:
            assert (await sending).detail == "queued"
        smsd.execute("UPDATE outbox SET Retries = 1")
        if later:
            running = asyncio.create_task(sms.run(told.put_nowait))
            assert "the SIM is full" in str((await told.get()).detail)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        else:
            with pytest.raises(ChannelError, match="the SIM is full"):
                await sending
    sms._disk.shutdown()  # what it began with the file goes on when its caller is cancelled
    sms._spool.close()


async def test_what_a_cancelled_page_began_ends_before_it_is_taken_back(spool: Spool, tmp_path: Path) -> None:
    sms = Sms(
        tmp_path / "sms.db",
        Contacts(tmp_path / "contacts.db"),
        SmsSettings(modem="/dev/modem"),
        "id",
        now_ns=time.time_ns,
        monotonic_s=time.monotonic,
        unanswered=lambda _: True,
    )
    begun, go_on = threading.Event(), threading.Event()

    def slow(file: Spool) -> None:
        with file._work():
            begun.set()
            go_on.wait(5)

    sending = asyncio.create_task(sms._do(slow))
    await asyncio.to_thread(begun.wait, 5)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    asyncio.get_running_loop().call_later(0.1, go_on.set)
    assert await sms._do(lambda file: file.withdraw("none")) is False
    sms._disk.shutdown()


def test_one_that_is_opened_beside_leaves_the_locks_of_the_first(spool: Spool, tmp_path: Path) -> None:
    path = tmp_path / "sms.db"
    closing_last = "import sqlite3, sys; file = sqlite3.connect(sys.argv[1]); file.execute('SELECT 1 FROM outbox')"
    with closing(Spool(path)) as beside:
        # Without their locks it takes itself for the last one, and its end puts their log away.
        subprocess.run([sys.executable, "-c", f"{closing_last}; file.close()", str(path)], check=True)
        beside.answer("+628115550110", "one")
    spool.answer("+628115550110", "two")
    with closing(sqlite3.connect(path)) as file:
        assert [text for (text,) in file.execute("SELECT TextDecoded FROM outbox ORDER BY ID")] == ["one", "two"]
