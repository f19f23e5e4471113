"""The derived tables: they give the desk the same past as the whole chain does, and never lag, lie or linger."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from duty_desk.errors import LedgerBrokenError, NotPossibleError
from duty_desk.incidents.board import MAX_ENDED, Board
from duty_desk.incidents.records import Record
from duty_desk.ledger import derived
from duty_desk.ledger.derived import follows, mend, tell
from duty_desk.ledger.summary import Summary, fold, incident_of
from duty_desk.ledger.tables import INCIDENT, SEEN, last_row, open_engine, open_reader, read_rows
from duty_desk.ledger.verify import verify
from tests.duty_desk.ledger.conftest import Writer, change, hashes
from tests.duty_desk.ledger.life import life, write
from tests.duty_desk.test_incident import NOW, ONE, alarm, press

pytestmark = pytest.mark.slow

_STEPS = 1_500


@dataclass
class Told:
    """What a start tells: a board, and how many rows it took."""

    board: Board = field(default_factory=Board)
    rows: list[Record] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)

    def replay(self, record: Record) -> None:
        """Take a record."""
        self.rows.append(record)
        self.board.replay(record)

    def remember(self, device: str, key: str, incident_id: str, *, incomplete: bool) -> None:
        """Take an alarm."""
        self.keys.append((device, key))
        self.board.remember(device, key, incident_id, incomplete=incomplete)


def start(path: Path) -> Told:
    """Return what a desk is told at its start."""
    told = Told()

    def broken(error: LedgerBrokenError) -> None:
        raise error

    with open_reader(path).connect() as connection:
        assert follows(connection, last_row(connection))
        tell(connection, told, broken)
    return told


@pytest.fixture(scope="module", params=[1, 2])
def lived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Board]:
    """Return a ledger of a life, and the board that lived it."""
    path = tmp_path_factory.mktemp("life") / "ledger.db"
    board = Board()
    write(path, life(board, _STEPS, request.param))
    mend(open_engine(path))
    return path, board


def test_a_start_by_the_tables_gives_the_board_that_lived(lived: tuple[Path, Board]) -> None:
    path, board = lived
    told = start(path)
    assert told.board.active() == board.active()
    assert told.board.ended() == board.ended()
    assert len(board.ended()) == MAX_ENDED
    assert told.board.misfits == 0
    assert 0 < len(told.rows) < _STEPS
    with open_reader(path).connect() as connection:
        presses = [record for row, _ in read_rows(connection) if (record := derived.entry_of(row)) is not None]
    for entry in presses:
        if entry.kind == "press":
            known, mine = board.seen(entry.alarm), told.board.seen(entry.alarm)
            assert known is not None
            assert mine is not None
            assert (mine.incident_id, mine.incomplete, mine.recorded) == (known.incident_id, known.incomplete, True)


def test_the_tables_are_those_of_the_whole_chain_whatever_was_committed_together(lived: tuple[Path, Board]) -> None:
    path, _ = lived
    assert verify(path).derived
    with open_reader(path).connect() as connection:
        states = set(connection.scalars(select(INCIDENT.c.state)))
        escalated = connection.execute(select(func.max(INCIDENT.c.escalated))).scalar_one()
        calls = connection.execute(select(func.count()).where(INCIDENT.c.origin == "call")).scalar_one()
    assert {"closed", "cancelled"} <= states
    assert escalated == 3
    assert calls > 0


def test_the_summary_says_what_the_incident_says(lived: tuple[Path, Board]) -> None:
    path, board = lived
    with open_reader(path).connect() as connection:
        summaries = {row.id: row for row in connection.execute(select(INCIDENT))}
    for incident in board.active() + board.ended():
        row = summaries[incident.id]
        for name in (
            "origin", "status", "device", "button", "state", "opened_at_ns", "received_at_ns", "accepted_at_ns",
            "departed_at_ns", "resolved_at_ns", "ended_at_ns", "presses", "reason",
        ):  # fmt: skip
            assert getattr(row, name) == getattr(incident, name), name


def test_what_cannot_happen_changes_no_summary() -> None:
    board = Board()
    opened = board.press(alarm(), "alarm", NOW)
    incident = board.apply(opened)
    assert incident is not None
    summary = fold(None, 1, opened.entry)
    with pytest.raises(NotPossibleError):
        fold(None, 1, board.note(incident.id, ONE, "x", NOW).entry)
    accept = board.act("accept", incident.id, ONE, NOW)
    summary = fold(summary, 2, accept.entry)
    assert isinstance(summary, Summary)
    assert (summary.state, summary.accepted_row) == ("accepted", 2)
    with pytest.raises(NotPossibleError):
        fold(summary, 3, accept.entry)
    assert incident_of(accept.entry) == incident.id


def test_the_highest_step_and_the_way_to_the_end_stay_in_the_summary() -> None:
    board = Board()
    opened = board.press(alarm(), "alarm", NOW)
    incident = board.apply(opened)
    assert incident is not None
    records = [
        opened,
        board.escalate(incident.id, 2, ("supervisor",), NOW),
        board.escalate(incident.id, 0, ("officer",), NOW),
        board.act("cancel", incident.id, ONE, NOW + 7, reason="duplicate"),
    ]
    summary = None
    for row, record in enumerate(records, 11):
        summary = fold(summary, row, record.entry)
    assert summary is not None
    assert (summary.first, summary.escalated, summary.state) == (11, 2, "cancelled")
    assert (summary.ended_row, summary.ended_at_ns, summary.reason, summary.ended) == (14, NOW + 7, "duplicate", True)


def test_missing_behind_and_old_tables_are_made_anew_at_the_start(path: Path) -> None:
    for statements in (
        ["DELETE FROM incident", "DELETE FROM incident_row", "DELETE FROM seen", "DELETE FROM derived"],
        ["UPDATE derived SET version = 0", "UPDATE incident SET presses = 99"],
    ):
        change(path, *statements)
        writer = Writer(path)
        writer.open()
        writer.ledger.stop()
        assert writer.ledger.broken is None
        assert [incident.presses for incident in writer.board.ended()] == [4]
        assert verify(path).derived


def test_rows_of_an_older_program_are_caught_up_with(path: Path) -> None:
    """Rows that were appended without deriving are derived at the next start, from where the tables end."""
    with open_engine(path).begin() as connection:
        connection.execute(text("DELETE FROM incident_row WHERE sequence > 3"))
        connection.execute(text("UPDATE incident SET state = 'open', presses = 3, ended_row = NULL"))
        connection.execute(text("UPDATE incident SET accepted_row = NULL, accepted_at_ns = NULL"))
        connection.execute(text("DELETE FROM seen WHERE sequence > 3"))
        connection.execute(text("UPDATE derived SET sequence = 3, hash = :hash"), {"hash": hashes(path)[2]})
    assert not verify(path).derived
    writer = Writer(path)
    writer.open()
    writer.ledger.stop()
    assert [incident.state for incident in writer.board.ended()] == ["cancelled"]
    assert verify(path).derived


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM entry WHERE sequence > 4", "row 5: it is missing"),
        ("UPDATE entry SET hash = previous WHERE sequence = 6", "row 6: it is not the row its summary was made of"),
    ],
)
def test_a_start_finds_a_chain_that_lost_its_end_and_works_on(path: Path, statement: str, reason: str) -> None:
    change(path, statement)
    writer = Writer(path)
    writer.open()
    writer.happen(writer.board.press(alarm("utara"), "alarm", NOW))
    writer.wait(lambda: len(writer.done) == 1)
    writer.ledger.stop()
    assert writer.ledger.broken is not None
    assert writer.ledger.broken.startswith(reason)
    with open_reader(path).connect() as connection:
        assert follows(connection, last_row(connection))  # the tables were made anew, of what is left


def test_alarms_seen_are_kept_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "MAX_SEEN", 20)
    monkeypatch.setattr(derived, "_TRIM_EACH", 8)
    path = tmp_path / "ledger.db"
    board = Board()
    records = []
    for _ in range(60):
        records.append(record := board.press(alarm(), "alarm", NOW))
        board.apply(record)
    write(path, iter(records[:1]))
    mend(open_engine(path))
    write(path, iter(records[1:]), together=5)
    with open_reader(path).connect() as connection:
        kept = connection.execute(select(func.count()).select_from(SEEN)).scalar_one()
    assert 20 <= kept < 40
    keys = [record.entry.alarm.key for record in records[-20:] if record.entry.kind == "press"]
    assert [key for _, key in start(path).keys] == keys


def test_a_press_that_joined_long_ago_is_told_although_many_came_since(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    board = Board()
    old = press(board, alarm("utara"))
    write(path, life(board, 50, 3))
    assert old.id not in {incident.id for incident in start_of(path).active()}  # it was never recorded
    append = [Record(old.rows[0])]
    write(path, iter(append))
    assert old.id in {incident.id for incident in start_of(path).active()}


def start_of(path: Path) -> Board:
    """Return the board after a start."""
    mend(open_engine(path))
    return start(path).board
