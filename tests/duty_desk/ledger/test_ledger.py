"""The chain: what was changed shows, and names can be erased without touching it."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from duty_desk.access.audit import audit_record
from duty_desk.errors import LedgerBrokenError, LedgerFullError
from duty_desk.incidents.entries import StartedEntry
from duty_desk.incidents.lamps import Versions
from duty_desk.incidents.records import Record
from duty_desk.ledger import writer as limits
from duty_desk.ledger.chain import row_hash
from duty_desk.ledger.tables import HEAD, open_reader, read_rows
from tests.duty_desk.conftest import REPO, Desk
from tests.duty_desk.ledger.conftest import Writer, change, check
from tests.duty_desk.test_incident import NOW, ONE, alarm

pytestmark = pytest.mark.slow


def test_an_untouched_chain_is_whole(path: Path) -> None:
    assert check(path) == 6


@pytest.mark.parametrize(
    ("statements", "row"),
    [
        (["UPDATE entry SET body = replace(body, 'box-1', 'box-2') WHERE sequence = 3"], 3),
        (["DELETE FROM entry WHERE sequence = 2"], 3),
        (["DELETE FROM entry WHERE sequence = 1"], 2),
        (
            [
                "UPDATE entry SET sequence = 99 WHERE sequence = 2",
                "UPDATE entry SET sequence = 2 WHERE sequence = 3",
                "UPDATE entry SET sequence = 3 WHERE sequence = 99",
            ],
            2,
        ),
        (["UPDATE entry SET hash = previous WHERE sequence = 4"], 4),
        (["UPDATE entry SET previous = hash WHERE sequence = 4"], 4),
        (["UPDATE aside SET text = 'Budi' WHERE sequence = 5"], 5),
        (["INSERT INTO aside VALUES (2, 'officer', '00', 'Budi')"], 2),
    ],
    ids=["edit", "delete", "delete the first", "reorder", "hash", "previous", "another name", "a name added"],
)
def test_a_change_names_the_first_row_that_does_not_fit(path: Path, statements: list[str], row: int) -> None:
    change(path, *statements)
    with pytest.raises(LedgerBrokenError) as caught:
        check(path)
    assert caught.value.sequence == row


def test_an_edit_with_its_hash_made_anew_shows_in_the_row_after_it(path: Path) -> None:
    with open_reader(path).connect() as connection:
        row = [found for found, _ in read_rows(connection)][2]
    body = row.body.replace("box-1", "box-2")
    change(path, f"UPDATE entry SET body = '{body}', hash = '{row_hash(3, row.previous, body)}' WHERE sequence = 3")
    with pytest.raises(LedgerBrokenError, match="row 4: it does not follow"):
        check(path)


def test_a_name_can_be_erased_and_the_chain_stays_whole(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute("DELETE FROM aside WHERE text = 'Petugas 1'").rowcount == 2
    connection.close()
    assert check(path) == 6
    writer = Writer(path)
    writer.open()
    assert [incident.officer for incident in writer.board.ended()] == ["—"]
    writer.ledger.stop()


def test_names_and_notes_are_not_in_the_chain(path: Path) -> None:
    with open_reader(path).connect() as connection:
        bodies = "".join(row.body for row, _ in read_rows(connection))
    assert "Petugas" not in bodies
    assert "aman" not in bodies


def test_a_careless_hand_is_stopped(path: Path) -> None:
    connection = sqlite3.connect(path)
    for statement in ("DELETE FROM entry", "UPDATE entry SET body = ''"):
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            connection.execute(statement)
    connection.close()


def test_a_restart_goes_on_with_the_chain_and_a_higher_epoch(path: Path) -> None:
    first = Writer(path)
    first.open()
    first.ledger.stop()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE epoch SET epoch_ms = 9000000000000")
    connection.close()
    second = Writer(path)
    second.open()
    second.ledger.append(Record(StartedEntry(at_ns=NOW, desk="desk", software="0")))
    second.wait(lambda: len(second.done) == 1)
    second.ledger.stop()
    assert check(path) == 7
    # The clock went back by a century: the epoch rises all the same.
    assert second.epoch_ms > 9_000_000_000_000
    before, after = Versions(9_000_000_000_000), Versions(second.epoch_ms)
    assert max(before.next() for _ in range(100_000)) < after.next(), "and its lamps are newer than those of a long run"
    assert [incident.presses for incident in second.board.ended()] == [4]


def test_a_ledger_of_a_newer_release_is_told_and_taken_up_once_it_can_be(path: Path) -> None:
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    writer = Writer(path)
    writer.ledger.start()
    writer.wait(lambda: "of a newer release than this one (revision 9999" in (writer.ledger.fault or ""))
    change(path, f"UPDATE alembic_version SET version_num = '{HEAD}'")
    writer.wait(lambda: writer.epoch_ms > 0)
    writer.ledger.stop()
    assert writer.ledger.fault is None


def test_what_waits_is_bounded_and_officers_have_room_above_presses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_WAITING", 3)
    monkeypatch.setattr(limits, "MAX_WAITING_ACTIONS", 4)
    writer = Writer(tmp_path / "ledger.db")
    presses = [writer.board.press(alarm(), "alarm", NOW) for _ in range(4)]
    for record in presses[:3]:
        writer.ledger.append(record)
    with pytest.raises(LedgerFullError):
        writer.ledger.append(presses[3])
    incident = writer.board.apply(presses[0])
    assert incident is not None
    for record in (
        writer.board.escalate(incident.id, 1, ("everyone",), NOW),
        audit_record("login", who="x", at_ns=NOW),
    ):
        with pytest.raises(LedgerFullError):
            writer.ledger.append(record)
    writer.ledger.append(writer.board.act("accept", incident.id, ONE, NOW))
    writer.open()
    writer.wait(lambda: len(writer.done) == 4)
    writer.ledger.stop()
    assert check(tmp_path / "ledger.db") == 4


def test_a_file_that_is_no_database_never_ends_the_thread(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_bytes(b"not a database" * 1_000)
    writer = Writer(file)
    told = threading.Event()
    writer.ledger._on_state = told.set  # the test's own ear on the same hook
    writer.ledger.start()
    assert told.wait(5)
    assert writer.ledger.fault is not None
    assert writer.ledger.recording is False
    file.unlink()
    writer.wait(lambda: writer.epoch_ms > 0)
    writer.ledger.stop()


def test_the_newest_revision_is_known() -> None:
    assert ScriptDirectory(str(REPO / "duty_desk" / "ledger" / "migrations")).get_current_head() == HEAD


def test_the_command_says_whole_or_names_the_row(path: Path, idle: Desk) -> None:
    good = subprocess.run(idle.command("verify-ledger"), capture_output=True, text=True, check=False)
    assert (good.returncode, "whole, 6 rows" in good.stdout) == (0, True)
    listed = subprocess.run(idle.command("incidents"), capture_output=True, text=True, check=False)
    assert "cancelled" in listed.stdout
    change(path, "UPDATE entry SET body = replace(body, 'box-1', 'box-2') WHERE sequence = 3")
    bad = subprocess.run(idle.command("verify-ledger"), capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "row 3: its content was changed" in bad.stderr
