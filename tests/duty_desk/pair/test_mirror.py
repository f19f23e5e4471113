"""The owner's files in the shared database, and the other desk's copies of them, on a real server."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from duty_desk.cli import app
from duty_desk.errors import LeaseLostError
from duty_desk.incidents.entries import StartedEntry
from duty_desk.incidents.records import Record
from duty_desk.ledger.place import Server, server
from duty_desk.ledger.postgresql import LOCK
from duty_desk.ledger.tables import HEAD, open_engine, open_reader
from duty_desk.ledger.verify import verify
from duty_desk.ledger.writer import append_now
from duty_desk.pair import mirror as mirror_module
from duty_desk.pair import shared
from duty_desk.pair import standby as standby_module
from duty_desk.pair.memory import Memory, read_memory
from duty_desk.pair.mirror import Mirror
from duty_desk.pair.owner import Owner
from duty_desk.pair.shared import Link, Standing
from duty_desk.pair.standby import Standby
from duty_desk.pair.tenure import STUCK_NS, Tenure, boottime_ns
from duty_desk.settings import Desk as DeskConfig
from duty_desk.settings import load_desk
from tests.duty_desk.conftest import Desk
from tests.duty_desk.ledger.conftest import Writer
from tests.duty_desk.ledger.servers import PASSWORD, Postgres
from tests.duty_desk.ledger.test_beside import eventually
from tests.edge_agent.network_faults.proxy import Proxy

pytestmark = pytest.mark.slow

LEASE_MS = 5_000
"""By the settings of the start."""


@dataclass
class Side:
    """A desk's folder, and its connection to the database."""

    folder: Path
    link: Link
    mirror: Mirror

    @property
    def file(self) -> Path:
        """Its accounts."""
        return self.folder / "accounts.db"

    def write(self, words: str) -> None:
        """Add a row, as another program that has the file open all the time."""
        self.folder.mkdir(exist_ok=True)
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS told (words)")
            connection.execute("INSERT INTO told VALUES (?)", (words,))

    def read(self) -> list[str]:
        """Return the rows."""
        with closing(sqlite3.connect(self.file)) as connection:
            return [row[0] for row in connection.execute("SELECT words FROM told ORDER BY rowid")]


@pytest.fixture
def place(postgres: Postgres) -> Server:
    """Return an empty database with its tables."""
    made = postgres.database()
    append_now(made)
    return made


@pytest.fixture
def sides(place: Server, tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    """Yield two desks; the first owns with epoch 1, for longer than any test takes."""
    both = []
    for name in ("desk", "desk-2"):
        folder = tmp_path / name
        files = (folder / "accounts.db", folder / "roster.csv")
        both.append(Side(folder, Link(place), Mirror(files, Memory(folder / "pair.json", name))))
    assert both[0].link.call(lambda link: shared.take(link, shared.see(link), "desk", 600_000)) == 1
    yield both[0], both[1]
    for side in both:
        side.link.close()


def _push(side: Side, name: str = "desk", epoch: int = 1) -> None:
    side.link.call(lambda link: side.mirror.push(link, name, epoch))


def _pull(side: Side) -> list[str]:
    return side.link.call(side.mirror.pull)


def _versions(side: Side) -> dict[str, int]:
    rows: list[Any] = side.link.call(lambda link: link.execute(b"SELECT name, version FROM desk_file").fetchall())
    return dict(rows)


def test_the_other_desk_has_each_change_and_nothing_is_sent_twice(sides: tuple[Side, Side]) -> None:
    owner, other = sides
    owner.write("satu")
    (owner.folder / "roster.csv").write_text("day,from\n")
    _push(owner)
    assert sorted(_pull(other)) == ["accounts.db", "roster.csv"]
    assert other.read() == ["satu"]
    assert other.file.stat().st_mode & 0o777 == 0o600
    assert (other.folder / "roster.csv").read_text() == "day,from\n"
    _push(owner)
    assert _pull(other) == []
    owner.write("dua")
    _push(owner)
    assert _versions(owner) == {"accounts.db": 2, "roster.csv": 1}
    assert _pull(other) == ["accounts.db"]
    assert other.read() == ["satu", "dua"]
    assert not (other.folder / "accounts.db.before-pair").exists()


def test_a_change_that_is_in_the_write_ahead_log_alone_comes_along(sides: tuple[Side, Side]) -> None:
    owner, other = sides
    owner.write("satu")
    with closing(sqlite3.connect(owner.file)) as held:
        held.execute("SELECT count(*) FROM told").fetchall()
        owner.write("dua")
        _push(owner)
    other.write("lama")  # its own write-ahead log must not spoil the copy
    with closing(sqlite3.connect(other.file)) as held:
        held.execute("SELECT count(*) FROM told").fetchall()
        other.write("baru")
        assert other.file.with_name("accounts.db-wal").exists()
        _pull(other)
    assert other.read() == ["satu", "dua"]


def test_what_a_desk_had_of_its_own_is_kept_aside_once(sides: tuple[Side, Side]) -> None:
    owner, other = sides
    other.write("milik sendiri")
    owner.write("satu")
    _push(owner)
    _pull(other)
    with closing(sqlite3.connect(other.folder / "accounts.db.before-pair")) as aside:
        assert aside.execute("SELECT words FROM told").fetchall() == [("milik sendiri",)]
    assert read_memory(other.folder, "desk-2").files["accounts.db"][0] == 1


def test_who_does_not_own_writes_no_file_and_no_row(sides: tuple[Side, Side], place: Server) -> None:
    owner, other = sides
    owner.write("satu")
    _push(owner)
    seen = other.link.call(shared.see)
    assert other.link.call(lambda link: shared.take(link, seen, "desk-2", 5_000)) == 2
    assert owner.link.call(lambda link: shared.take(link, seen, "desk", 5_000)) is None, "only one takes what was seen"
    owner.write("dua")
    _push(owner)
    assert _versions(owner) == {"accounts.db": 1}
    assert not owner.link.call(lambda link: shared.renew(link, "desk", 1, 5_000))
    assert other.link.call(lambda link: shared.renew(link, "desk-2", 2, 5_000))
    with open_engine(place).begin() as transaction, pytest.raises(LeaseLostError, match=r"desk-2 \(epoch 2\)"):
        shared.fence(transaction, "desk", 1)
    with open_engine(place).begin() as transaction:
        shared.fence(transaction, "desk-2", 2)
    assert verify(place).rows == 0


def test_a_writer_that_was_taken_over_from_writes_nothing_more(sides: tuple[Side, Side], place: Server) -> None:
    _, other = sides
    over: list[int] = []
    writer = Writer(place)
    writer.ledger._fence = lambda transaction: shared.fence(transaction, "desk", 1)
    writer.ledger._on_fenced = lambda: over.append(1)
    writer.open()
    writer.ledger.append(Record(StartedEntry(at_ns=1, desk="desk", software="0")))
    writer.wait(lambda: len(writer.done) == 1)
    other.link.call(lambda link: shared.take(link, shared.see(link), "desk-2", 5_000))
    writer.ledger.append(Record(StartedEntry(at_ns=2, desk="desk", software="0")))
    eventually(lambda: bool(over))
    writer.ledger.stop()
    assert not writer.ledger.recording
    assert verify(place).rows == 1


def test_a_frozen_owner_with_the_ledgers_lock_is_thrown_out(sides: tuple[Side, Side], place: Server) -> None:
    _, other = sides
    with open_engine(place).connect() as frozen:
        frozen.begin()
        other.link.call(lambda link: link.execute(b"SELECT pg_sleep(1.1)"))
        assert other.link.call(lambda link: shared.take(link, shared.see(link), "desk-2", 5_000)) == 2
        append_now(place, Record(StartedEntry(at_ns=1, desk="desk-2", software="0")))
        with pytest.raises(OperationalError, match="terminating connection"):
            frozen.exec_driver_sql("SELECT 1")


def test_a_database_of_before_or_a_new_one_gets_what_the_owner_has_and_so_does_the_other(
    sides: tuple[Side, Side],
) -> None:
    owner, other = sides
    for words in ("satu", "dua"):
        owner.write(words)
        _push(owner)
    _pull(other)
    owner.link.call(lambda link: link.execute(b"DELETE FROM desk_file"))
    _push(owner)
    assert _versions(owner) == {"accounts.db": 1}, "it is there again, though the file is as it was"
    owner.write("tiga")
    _push(owner)
    assert _pull(other) == ["accounts.db"], "whatever version it knew of the one before"
    assert other.read() == ["satu", "dua", "tiga"]
    assert not (other.folder / "accounts.db.before-pair").exists()


def test_a_file_that_is_too_large_or_damaged_is_a_fault(
    sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, other = sides
    owner.write("satu")
    _push(owner)
    owner.link.call(lambda link: link.execute(b"UPDATE desk_file SET content = 'x'"))
    assert _pull(other) == []
    assert other.mirror.fault == "accounts.db: the copy in the database is damaged"
    assert not other.file.exists()
    monkeypatch.setattr(mirror_module, "MAX_BYTES", 5_000)
    owner.write("dua" * 2_000)
    _push(owner)
    assert owner.mirror.fault is not None
    assert "larger than" in owner.mirror.fault
    assert _versions(owner) == {"accounts.db": 1}


def _config(idle: Desk, place: Server, name: str) -> DeskConfig:
    password = idle.folder / "ledger.password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    named = f'ledger = "{place.url}"\nledger_password_file = "ledger.password"\n'
    idle.config.write_text(named + idle.config.read_text() + f'[pair]\nname = "{name}"\n')
    return load_desk(idle.config)


async def test_a_standby_says_which_copies_it_cannot_take_and_takes_over_all_the_same(
    sides: tuple[Side, Side], place: Server, idle: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, other = sides
    owner.write("satu")
    _push(owner)
    owner.link.call(lambda link: link.execute(b"UPDATE desk_file SET content = 'x'"))
    standby = Standby(_config(idle, place, "desk-2"), Memory(other.folder / "pair.json", "desk-2"), other.mirror)
    await asyncio.to_thread(standby._look)
    told = owner.link.call(lambda link: shared.standing_of(link, "desk-2"))
    assert told is not None
    assert told.fault == "salinan berkas / copies of files: accounts.db: the copy in the database is damaged"

    standby._told_ns = 0
    monkeypatch.setattr(standby_module, "wall_s", lambda: time.time() - 300)
    await asyncio.to_thread(standby._look)
    told = owner.link.call(lambda link: shared.standing_of(link, "desk-2"))
    assert told is not None
    assert "clock -300 s from the database's" in str(told.fault)

    owner.link.call(lambda link: link.execute(b"ALTER TABLE desk_file RENAME TO gone"))
    owner.link.call(lambda link: shared.give_back(link, "desk", 1))
    await asyncio.to_thread(standby._look)
    tenure = await standby._taken
    assert (tenure.name, tenure.epoch) == ("desk-2", 2)
    standby._link.close()


async def test_a_lease_that_lapsed_is_taken_while_another_has_the_ledgers_lock(
    place: Server, idle: Desk, tmp_path: Path
) -> None:
    memory = Memory(tmp_path / "pair.json", "desk-2")
    standby = Standby(_config(idle, place, "desk-2"), memory, Mirror((), memory))
    with open_engine(place).connect() as writer:
        writer.begin()
        began = time.monotonic()
        await asyncio.to_thread(standby._look)
        assert time.monotonic() - began < 4.0, "its own patience is 5 s"
    assert (await standby._taken).epoch == 1
    standby._link.close()


@pytest.mark.parametrize(
    "locked", ["LOCK TABLE alembic_version", f"SELECT pg_advisory_xact_lock({LOCK})"], ids=["looked", "made"]
)
async def test_a_server_that_freezes_while_tables_are_looked_at_or_made_keeps_no_owner_from_going_on(
    place: Server, idle: Desk, tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    monkeypatch.setattr(standby_module, "PATIENCE_NS", 10**8)
    monkeypatch.setattr(standby_module, "_TABLES_PATIENCE_NS", 10**8)
    monkeypatch.setattr(standby_module, "CLAIM_NS", 0)
    memory = Memory(tmp_path / "pair.json", "desk-2", 7)
    with postgres.connect(place) as other:
        if "advisory" in locked:
            other.execute(b"UPDATE alembic_version SET version_num = '0003'")
        async with Proxy(postgres.port, buffer=1 << 18) as proxy:
            config = _config(idle, server(place.url.replace(str(postgres.port), str(proxy.port)), PASSWORD), "desk-2")
            standby = Standby(config, memory, Mirror((), memory))
            with other.transaction():
                other.execute(locked.encode())
                looking = asyncio.create_task(asyncio.to_thread(standby._look))
                waiting = b"SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database WHERE NOT granted"
                waiting += b" AND d.datname = current_database()"
                while not other.execute(waiting).fetchall():  # noqa: ASYNC110 - it is asked
                    await asyncio.sleep(0.01)
                proxy.hold()
                breaking = asyncio.create_task(standby._break_off())
                try:
                    async with asyncio.timeout(4.5):  # a server that is away is given up by the kernel after 5 s
                        tenure = await standby._taken
                finally:
                    proxy.cut()
                    breaking.cancel()
                    await asyncio.gather(looking, return_exceptions=True)
                    standby._link.close()
    assert (tenure.epoch, tenure.good) == (7, False), "of before; it listens first"


async def test_a_standby_brings_the_tables_of_before_to_its_version(
    place: Server, idle: Desk, tmp_path: Path, postgres: Postgres
) -> None:
    memory = Memory(tmp_path / "pair.json", "desk-2")
    with postgres.connect(place) as other:
        other.execute(b"UPDATE alembic_version SET version_num = '0003'")
        other.execute(b"ALTER TABLE pair_desk DROP COLUMN hears")
        standby = Standby(_config(idle, place, "desk-2"), memory, Mirror((), memory))
        await asyncio.to_thread(standby._look)
        assert (await standby._taken).epoch == 1
        assert other.execute(b"SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        other.execute(b"SELECT hears FROM pair_desk")
        other.execute(b"UPDATE alembic_version SET version_num = '9999'")
        later = Standby(load_desk(idle.config), memory, Mirror((), memory))
        with pytest.raises(OSError, match="newer release"):
            await asyncio.to_thread(later._look)
    for each in (standby, later):
        each._link.close()


def test_an_owner_renews_until_its_loop_stands_still_and_gives_back_what_it_has(
    sides: tuple[Side, Side], place: Server, idle: Desk
) -> None:
    side, _ = sides
    config = _config(idle, place, "desk")
    now = [boottime_ns()]
    tenure = Tenure("desk", 1, LEASE_MS * 10**6, renewed_ns=now[0], now_ns=lambda: now[0])
    owner = Owner(config, tenure, side.mirror, Memory(side.folder / "pair.json", "desk", 1))
    assert side.link.call(lambda link: shared.renew(link, "desk", 1, 1))
    before = side.link.call(shared.see).until_ms
    owner._renew()
    renewed = side.link.call(shared.see).until_ms
    assert renewed > before
    now[0] += STUCK_NS + 1
    owner._renew()
    assert side.link.call(shared.see).until_ms == renewed
    tenure.tick()
    eventually(lambda: side.link.call(shared.see).now_ms + LEASE_MS > renewed)  # it counts by the millisecond
    owner._renew()
    assert side.link.call(shared.see).until_ms > renewed
    owner.stop()
    assert side.link.call(shared.see).until_ms == 0
    assert read_memory(side.folder, "desk").epoch is None


def test_a_ledger_that_a_desk_elsewhere_uses_is_not_moved(
    sides: tuple[Side, Side], place: Server, idle: Desk, postgres: Postgres
) -> None:
    owner, _ = sides
    _config(idle, place, "desk")
    back = idle.folder / "back.db"

    def told(to: str) -> str:
        where = ["--config", str(idle.config)]
        if "://" in to:
            where += ["--password-file", str(idle.folder / "ledger.password")]
        answer = CliRunner().invoke(app, ["ledger", "move", "--to", to, *where])
        assert answer.exit_code == 1
        assert not back.exists()
        return " ".join(answer.stderr.split())

    assert f'{place} is in use by the desk "desk"; stop it on its machine' in told(str(back))
    owner.link.call(lambda link: shared.stand(link, Standing("desk")))
    owner.link.call(lambda link: shared.stand(link, Standing("desk-2")))
    assert 'by the desk "desk" and "desk-2"; stop' in told(str(back))
    owner.link.call(lambda link: shared.give_back(link, "desk", 1))
    assert 'by the desk "desk-2"; stop' in told(str(back)), "who gave its lease back has ended"
    idle.config.write_text(idle.config.read_text().replace(place.url, postgres.database().url))
    assert 'by the desk "desk-2"; stop' in told(place.url), "nor is another one moved to where it is"
    owner.link.call(lambda link: link.execute(b"UPDATE pair_desk SET seen_ms = seen_ms - 31000"))
    with open_reader(place).connect() as reading:
        assert shared.at_work(reading) == []
    owner.link.call(lambda link: link.execute(b"UPDATE lease SET until_ms = 1"))
    owner.link.call(lambda link: shared.stand(link, Standing("desk")))
    with open_reader(place).connect() as reading:
        assert shared.at_work(reading) == ["desk"], "it was killed, and is started again any moment"


def test_each_tells_of_itself_and_finds_the_other(sides: tuple[Side, Side]) -> None:
    owner, _ = sides
    assert owner.link.call(lambda link: shared.other_than(link, "desk")) is None
    told = Standing("desk-2", "https://desk-2.example", {"push": "ab"}, "lacks")
    owner.link.call(lambda link: shared.stand(link, Standing("desk")))
    owner.link.call(lambda link: shared.stand(link, told))
    found = owner.link.call(lambda link: shared.other_than(link, "desk"))
    assert found is not None
    assert (found.name, found.url, found.keys, found.fault) == ("desk-2", told.url, {"push": "ab"}, "lacks")
    assert found.silent_ms < 5_000
