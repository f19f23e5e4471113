"""What happens beside the writer: the check of the whole chain, another process that appends, an erasure."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from contract.identity import new_event_id
from duty_desk.errors import LedgerBrokenError, NothingToEraseError, UnknownIncidentError
from duty_desk.incidents.board import Board, Report
from duty_desk.incidents.incident import ERASED
from duty_desk.ledger import checker
from duty_desk.ledger import writer as writer_module
from duty_desk.ledger.derived import mend
from duty_desk.ledger.erase import erase
from duty_desk.ledger.tables import open_engine, open_reader, read_rows
from duty_desk.ledger.verify import verify
from duty_desk.ledger.writer import append_now
from tests.duty_desk.ledger.conftest import Writer, change
from tests.duty_desk.ledger.life import life, write
from tests.duty_desk.test_incident import NOW, ONE, OPERATOR, alarm

pytestmark = pytest.mark.slow

_OTHER = """
import sys
from pathlib import Path
from duty_desk.incidents.entries import StartedEntry
from duty_desk.incidents.records import Record
from duty_desk.ledger.writer import append_now
print("ready", flush=True)
for number, _ in enumerate(sys.stdin):
    append_now(Path(sys.argv[1]), Record(StartedEntry(at_ns=number, desk="other", software="0")))
    print("done", flush=True)
"""


def eventually(done: Callable[[], bool]) -> None:
    """Wait until something is so that tells nobody."""
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_whole_chain_is_checked_behind_a_running_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    write(path, life(Board(), 600, 4), together=100)
    writer = Writer(path)
    writer.open()
    eventually(lambda: writer.ledger.checked_rows == 601)
    writer.ledger.stop()
    assert writer.ledger.broken is None


def test_a_row_that_does_not_fit_is_found_behind_a_start_that_does_not_read_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    write(path, life(Board(), 600, 4), together=100)
    mend(open_engine(path))
    with open_reader(path).connect() as connection:
        audited = [row.sequence for row, _ in read_rows(connection) if '"kind":"audit"' in row.body][-1]
    change(path, f"UPDATE entry SET body = replace(body, 'login', 'logout') WHERE sequence = {audited}")
    writer = Writer(path)
    writer.open()
    eventually(lambda: writer.ledger.broken is not None)
    assert writer.ledger.broken == f"row {audited}: its content was changed"
    assert writer.ledger.checked_rows == audited - 1 > 250
    # It works on: a press is recorded all the same.
    writer.happen(writer.board.press(alarm("utara"), "alarm", NOW))
    writer.wait(lambda: len(writer.done) == 1)
    writer.ledger.stop()


def test_a_changed_row_that_is_told_at_the_start_is_named_at_once(path: Path) -> None:
    change(path, "UPDATE aside SET text = 'Petugas 9' WHERE sequence = 5", "DELETE FROM entry WHERE sequence = 2")
    writer = Writer(path)
    writer.ledger._checker.start = lambda: None  # type: ignore[method-assign]  # what the start itself finds
    writer.open()
    writer.ledger.stop()
    assert writer.ledger.broken == "row 5: the officer beside it was changed"
    again = Writer(path)
    again.open()
    eventually(lambda: again.ledger.broken != "row 5: the officer beside it was changed")
    again.ledger.stop()
    assert again.ledger.broken == "row 3: row 2 is missing"


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a ledger's commit fail where it would have to wait for anybody."""
    monkeypatch.setattr(writer_module, "open_engine", partial(open_engine, busy_timeout_ms=0))


def test_a_check_never_keeps_a_commit_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checker, "_ROWS", 1)
    monkeypatch.setattr(checker, "_REST", 0.0)
    impatient(monkeypatch)
    path = tmp_path / "ledger.db"
    write(path, life(Board(), 300, 4), together=100)
    writer = Writer(path)
    writer.open()
    number = meanwhile = 0
    while writer.ledger.checked_rows < 301:
        number += 1
        before = writer.ledger.checked_rows
        writer.happen(writer.board.press(alarm("utara"), "alarm", NOW))
        writer.wait(lambda wanted=number: len(writer.done) == wanted)  # type: ignore[misc]
        meanwhile += writer.ledger.checked_rows > before
    assert meanwhile, "it was checked meanwhile"
    writer.ledger.stop()
    assert "cannot be written" not in caplog.text


def test_between_two_steps_of_a_check_nothing_of_the_file_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a commit nor a checkpoint, which empties the recent writes, has anybody to wait for."""
    monkeypatch.setattr(checker, "_ROWS", 1)
    monkeypatch.setattr(checker, "_REST", 1e6)
    impatient(monkeypatch)
    path = tmp_path / "ledger.db"
    write(path, life(Board(), 300, 4), together=100)
    writer = Writer(path)
    writer.open()
    eventually(lambda: writer.ledger.checked_rows == 1)
    writer.happen(writer.board.press(alarm("utara"), "alarm", NOW))
    writer.wait(lambda: len(writer.done) == 1)
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        eventually(lambda: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    assert writer.ledger.checked_rows == 1
    writer.ledger.stop()
    assert "cannot be written" not in caplog.text


def test_two_processes_append_and_nothing_is_lost_or_out_of_order(path: Path) -> None:
    writer = Writer(path)
    writer.open()
    command = [sys.executable, "-c", _OTHER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        for number in range(30):
            # Both at once, thirty times: whoever comes second must read the last row anew.
            other.stdin.write("\n")
            writer.happen(writer.board.press(alarm("utara"), "alarm", NOW + number))
            assert other.stdout.readline() == "done\n"
            writer.wait(lambda wanted=number + 1: len(writer.done) >= wanted)  # type: ignore[misc]
    assert other.returncode == 0
    writer.wait(lambda: len(writer.others) == 30)
    writer.ledger.stop()
    verdict = verify(path)
    assert (verdict.rows, verdict.derived) == (6 + 30 + 30, True)
    with open_reader(path).connect() as connection:
        entries = [json.loads(row.body) for row, _ in read_rows(connection)][6:]
    assert [entry["at_ns"] for entry in entries if entry["kind"] == "started"] == list(range(30))
    presses = [entry["at_ns"] for entry in entries if entry["kind"] == "press"]
    assert presses == [NOW + number for number in range(30)]


def test_who_appends_beside_a_desk_waits_for_its_commit_and_then_gives_up(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        engine = open_engine(path, busy_timeout_ms=50)
        with pytest.raises(OperationalError, match="locked"), engine.begin():
            pass
        lock.execute("ROLLBACK")
        append_now(path)


def _told(path: Path) -> tuple[Writer, str]:
    """Return a ledger that is written, and an incident that has every text there is."""
    writer = Writer(path)
    writer.open()
    report = Report(
        key=new_event_id(),
        origin="call",
        category="fire",
        address="Jl. Rahasia 7",
        caller="0811-rahasia",
        text="catatan-rahasia",
    )
    incident_id = writer.happen(writer.board.report(report, OPERATOR, NOW))
    writer.happen(writer.board.act("accept", incident_id, ONE, NOW))
    writer.happen(writer.board.note(incident_id, ONE, "saksi-rahasia", NOW))
    writer.wait(lambda: len(writer.done) == 3)
    return writer, incident_id


def test_erased_texts_are_gone_from_the_file_and_from_a_running_desk_and_the_chain_tells_of_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    writer, incident_id = _told(path)
    before = b"".join(file.read_bytes() for file in tmp_path.glob("ledger.db*"))
    assert all(text in before for text in (b"Jl. Rahasia 7", b"0811-rahasia", b"catatan-rahasia", b"saksi-rahasia"))
    erased, gone = erase(
        path, incident_id, ["officer", "caller", "address", "note"], who="root", why="permintaan 12", now_ns=NOW
    )
    assert (set(erased), gone) == ({"officer", "caller", "address", "note"}, True)
    after = b"".join(file.read_bytes() for file in tmp_path.glob("ledger.db*"))
    assert [text for text in (b"ahasia", b"Petugas", b"Operator") if text in after] == []
    assert b"permintaan 12" in after
    writer.wait(lambda: len(writer.others) == 1)
    writer.board.apply(writer.others[0])
    incident = writer.board.find(incident_id)
    assert incident.call is not None
    assert (incident.officer, incident.call.taken_by, incident.call.caller) == (ERASED, ERASED, None)
    assert (incident.call.address, incident.call.text) == (None, None)
    assert [(note.officer, note.text) for note in incident.notes] == [(ERASED, ERASED)]
    assert verify(path).rows == 4
    # What is written after it stands, and is missed when it goes.
    writer.happen(writer.board.note(incident_id, ONE, "kemudian", NOW))
    writer.wait(lambda: len(writer.done) == 4)
    writer.ledger.stop()
    assert verify(path).rows == 5
    change(path, "DELETE FROM aside WHERE text = 'kemudian'")
    with pytest.raises(LedgerBrokenError, match="row 5: the note beside it is gone"):
        verify(path)


def test_only_what_is_named_is_erased(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    writer, incident_id = _told(path)
    writer.ledger.stop()
    assert erase(path, incident_id, ["note"], who="root", why="x", now_ns=NOW) == (["note"], True)
    with open_reader(path).connect() as connection:
        left = {name for _, asides in read_rows(connection) for name in asides}
    assert left == {"officer", "caller", "address", "who", "why"}
    with pytest.raises(NothingToEraseError):
        erase(path, incident_id, ["note"], who="root", why="x", now_ns=NOW)
    with pytest.raises(UnknownIncidentError):
        erase(path, new_event_id(), ["note"], who="root", why="x", now_ns=NOW)
    assert verify(path).rows == 4
    again = Writer(path)
    again.open()
    again.ledger.stop()
    (incident,) = again.board.active()
    assert incident.call is not None
    assert (incident.officer, incident.call.caller, incident.call.text) == ("Petugas 1", "0811-rahasia", None)


def test_what_a_reader_keeps_of_an_erased_text_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    writer, incident_id = _told(path)
    writer.ledger.stop()
    monkeypatch.setattr("duty_desk.ledger.erase._BUSY_MS", 100)
    with open_reader(path).connect() as connection:
        next(read_rows(connection))
        assert erase(path, incident_id, ["note"], who="root", why="x", now_ns=NOW) == (["note"], False)
