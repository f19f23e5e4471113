"""A ledger with its owner, and what somebody with the file in their hands can do."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from duty_desk.incidents.board import Board
from duty_desk.incidents.records import Record
from duty_desk.ledger.chain import walk
from duty_desk.ledger.place import Place, Server
from duty_desk.ledger.tables import open_reader, read_rows
from duty_desk.ledger.writer import Ledger
from tests.duty_desk.ledger.servers import Postgres, running
from tests.duty_desk.test_incident import NOW, ONE, alarm


class Writer:
    """A ledger with its owner: remembers what it was told."""

    def __init__(self, path: Place) -> None:
        self.board = Board()
        self.epoch_ms = 0
        self.done: list[Record] = []
        self.others: list[Record] = []
        self.head = ""
        self._changed = threading.Condition()
        self.ledger = Ledger(
            path,
            past=lambda: self.board,
            on_loaded=self._loaded,
            on_committed=self._committed,
            on_others=self._others,
            on_state=self._state,
        )

    def _loaded(self, epoch_ms: int) -> None:
        with self._changed:
            self.epoch_ms = epoch_ms
            self._changed.notify_all()

    def _committed(self, records: list[Record], head: str) -> None:
        with self._changed:
            self.done += records
            self.head = head
            self._changed.notify_all()

    def _others(self, records: list[Record]) -> None:
        with self._changed:
            self.others += records
            self._changed.notify_all()

    def _state(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait(self, done: Callable[[], bool]) -> None:
        """Wait until something is so that the ledger tells of."""
        with self._changed:
            assert self._changed.wait_for(done, timeout=15)

    def open(self) -> None:
        """Start, load and release."""
        self.ledger.start()
        self.wait(lambda: self.epoch_ms > 0)
        self.ledger.release()

    def happen(self, record: Record) -> str:
        """Let something happen on the board and be recorded; return the incident's id."""
        incident = self.board.apply(record)
        assert incident is not None
        self.ledger.append(record)
        return incident.id


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Yield a PostgreSQL server."""
    with running() as made:
        yield made


@pytest.fixture
def place(postgres: Postgres) -> Server:
    """Return an empty database on it."""
    return postgres.database()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a ledger file with six rows: presses, an accept and a close with a note."""
    file = tmp_path / "data" / "ledger.db"
    writer = Writer(file)
    writer.open()

    for _ in range(4):
        incident_id = writer.happen(writer.board.press(alarm(), "alarm", NOW))
    writer.happen(writer.board.act("accept", incident_id, ONE, NOW))
    writer.happen(writer.board.act("cancel", incident_id, ONE, NOW, note="aman", reason="test"))
    writer.wait(lambda: len(writer.done) == 6)
    writer.ledger.stop()
    return file


def check(path: Path) -> int:
    """Walk the chain; return how many rows it has."""
    with open_reader(path).connect() as connection:
        last = walk(read_rows(connection))
    return 0 if last is None else last.sequence


def hashes(path: Path) -> list[str]:
    """Return the hash of each row."""
    with open_reader(path).connect() as connection:
        return [row.hash for row, _ in read_rows(connection)]


def change(path: Path, *statements: str) -> None:
    """Do what somebody with the file in their hands can do."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER IF EXISTS entry_no_update")
        connection.execute("DROP TRIGGER IF EXISTS entry_no_delete")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
    connection.close()
