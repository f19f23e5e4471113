"""The ledger on a PostgreSQL server: what holds of a file holds there too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from contract.identity import new_event_id
from duty_desk.duty.past import read_past
from duty_desk.errors import ArchiveBusyError, HeadMissingError, LedgerBrokenError, NothingToEraseError
from duty_desk.incidents.board import Board, Report
from duty_desk.incidents.entries import AuditEntry, DutyEntry, StartedEntry
from duty_desk.incidents.incident import ERASED
from duty_desk.incidents.records import Aside, Record
from duty_desk.ledger import archive_query, postgresql, writer
from duty_desk.ledger.append import append
from duty_desk.ledger.archive import Archive
from duty_desk.ledger.archive_query import Filter
from duty_desk.ledger.derived import mend
from duty_desk.ledger.erase import erase, erase_person
from duty_desk.ledger.place import Server
from duty_desk.ledger.tables import HEAD, METADATA, last_row, open_engine, open_reader, read_rows
from duty_desk.ledger.verify import verify
from duty_desk.ledger.writer import append_now
from tests.duty_desk.ledger.conftest import Writer
from tests.duty_desk.ledger.life import life, write
from tests.duty_desk.ledger.servers import PASSWORD, Postgres
from tests.duty_desk.ledger.test_beside import eventually
from tests.duty_desk.test_incident import NOW, ONE, OPERATOR, alarm

pytestmark = pytest.mark.slow

_OTHER = """
import sys
from duty_desk.incidents.entries import StartedEntry
from duty_desk.incidents.records import Record
from duty_desk.ledger.place import server
from duty_desk.ledger.writer import append_now
print("ready", flush=True)
for number, _ in enumerate(sys.stdin):
    append_now(server(*sys.argv[1:]), Record(StartedEntry(at_ns=number, desk="other", software="0")))
    print("done", flush=True)
"""


def test_the_tables_are_those_of_the_newest_version(place: Server) -> None:
    append_now(place)
    append_now(place)
    with open_reader(place).connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == HEAD
        there = inspect(connection)
        for table in METADATA.sorted_tables:
            assert [column["name"] for column in there.get_columns(table.name)] == [each.name for each in table.columns]
            assert {index["name"] for index in there.get_indexes(table.name)} == {each.name for each in table.indexes}


def test_a_life_is_written_told_and_whole(place: Server) -> None:
    board = Board()
    write(place, life(board, 300, 4), together=50)
    mend(open_engine(place))
    verdict = verify(place)
    assert (verdict.rows, verdict.derived) == (301, True)
    again = Writer(place)
    again.open()
    assert [one.id for one in again.board.active()] == [one.id for one in board.active()]
    assert again.epoch_ms > 1_700_000_000_000
    again.ledger.stop()
    later = Writer(place)
    later.open()
    assert later.epoch_ms > again.epoch_ms
    later.ledger.stop()


def test_a_careless_hand_is_stopped_and_a_determined_one_is_named(place: Server, postgres: Postgres) -> None:
    write(place, life(Board(), 20, 4))
    with open_reader(place).connect() as connection:
        head = last_row(connection)
    assert head is not None
    with postgres.connect(place) as hand:
        for statement in ("UPDATE entry SET body = ''", "DELETE FROM entry", "TRUNCATE entry"):
            with pytest.raises(Exception, match="only grows"):
                hand.execute(statement.encode())
        for trigger in ("update", "delete"):
            hand.execute(f"DROP TRIGGER entry_no_{trigger} ON entry".encode())
        hand.execute(b"DELETE FROM entry WHERE sequence = 21")
        with pytest.raises(HeadMissingError):
            verify(place, [json.dumps({"ledger_head": head.hash})])
        hand.execute(b"UPDATE entry SET body = replace(body, 'kind', 'kinb') WHERE sequence = 7")
    with pytest.raises(LedgerBrokenError, match="row 7: its content was changed"):
        verify(place)


def test_a_reader_sees_one_moment_and_writes_nothing(place: Server) -> None:
    append_now(place, Record(StartedEntry(at_ns=1, desk="desk", software="0")))
    with open_reader(place).connect() as connection:
        before = last_row(connection)
        append_now(place, Record(StartedEntry(at_ns=2, desk="desk", software="0")))
        assert last_row(connection) == before
        with pytest.raises(Exception, match="read-only"):
            connection.execute(text("DELETE FROM aside"))


def test_two_processes_append_and_nothing_is_lost_or_out_of_order(place: Server) -> None:
    writer = Writer(place)
    writer.open()
    command = [sys.executable, "-c", _OTHER, place.url, PASSWORD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        for number in range(20):
            other.stdin.write("\n")
            writer.happen(writer.board.press(alarm("utara"), "alarm", NOW + number))
            assert other.stdout.readline() == "done\n"
            writer.wait(lambda wanted=number + 1: len(writer.done) >= wanted)  # type: ignore[misc]
    assert other.returncode == 0
    writer.wait(lambda: len(writer.others) == 20)
    writer.ledger.stop()
    verdict = verify(place)
    assert (verdict.rows, verdict.derived) == (40, True)


def test_who_appends_beside_another_waits_and_then_gives_up(place: Server) -> None:
    append_now(place)
    with open_engine(place).begin():
        engine = open_engine(place, busy_timeout_ms=50)
        with pytest.raises(OperationalError, match="lock timeout"), engine.begin():
            pass
    append_now(place)


def test_fault_45_a_server_that_is_away_delays_no_ring_and_has_each_press_once_it_is_back(
    place: Server, postgres: Postgres
) -> None:
    writer = Writer(place)
    writer.open()
    writer.happen(writer.board.press(alarm("utara"), "alarm", NOW))
    writer.wait(lambda: len(writer.done) == 1)
    postgres.stop()
    try:
        for number in range(3):
            writer.happen(writer.board.press(alarm("utara"), "alarm", NOW + number))
        writer.wait(lambda: writer.ledger.fault is not None)
        assert not writer.ledger.recording
        assert len(writer.done) == 1
        assert PASSWORD not in str(writer.ledger.fault)
    finally:
        postgres.start()
    writer.wait(lambda: len(writer.done) == 4)
    assert writer.ledger.recording
    writer.ledger.stop()
    assert verify(place).rows == 4


def test_fault_49_a_server_that_stands_still_delays_the_record_and_no_ring(place: Server, postgres: Postgres) -> None:
    writer = Writer(place)
    writer.open()
    writer.happen(writer.board.press(alarm("utara"), "alarm", NOW))
    writer.wait(lambda: len(writer.done) == 1)
    query = b"SELECT pid FROM pg_stat_activity WHERE application_name = 'siaga' AND datname = current_database()"
    with postgres.connect(place) as connection:
        # Beside the writer the check of the chain comes and goes, and its process a little after it.
        eventually(lambda: not writer.ledger._checker._thread.is_alive())
        eventually(lambda: len(connection.execute(query).fetchall()) == 1)
        found = connection.execute(query).fetchall()
    for (pid,) in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        for number in range(3):
            writer.happen(writer.board.press(alarm("utara"), "alarm", NOW + number))
        assert len(writer.ledger.waiting()) == 3, "nobody waited for the server"
        eventually(lambda: not writer.ledger.recording)
        assert len(writer.done) == 1
    finally:
        for (pid,) in found:
            os.kill(pid, signal.SIGCONT)
    writer.wait(lambda: len(writer.done) == 4)
    assert writer.ledger.recording
    writer.ledger.stop()
    assert verify(place).rows == 4


def test_who_stands_still_in_a_transaction_loses_the_lock_and_writes_nothing(
    place: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_now(place)
    idle = "idle_in_transaction_session_timeout"
    monkeypatch.setattr(postgresql, "_IDLE_MS", 7_000)
    with open_engine(place).connect() as frozen:
        append(frozen, [Record(StartedEntry(at_ns=1, desk="frozen", software="0"))])
        assert frozen.exec_driver_sql(f"SHOW {idle}").scalar_one() == "7s"
        frozen.exec_driver_sql(f"SET {idle} = 200")  # from its last statement on, however long it took until there
        append_now(place, Record(StartedEntry(at_ns=2, desk="other", software="0")))  # as soon as the lock is free
        with pytest.raises(DBAPIError, match="idle-in-transaction"):
            frozen.commit()
    with open_reader(place).connect() as connection:
        assert [json.loads(row.body)["desk"] for row, _ in read_rows(connection)] == ["other"]


def test_a_desk_that_starts_before_its_server_begins_once_it_answers(place: Server, postgres: Postgres) -> None:
    write(place, life(Board(), 20, 4))
    postgres.stop()
    try:
        writer = Writer(place)
        writer.ledger.start()
        eventually(lambda: writer.ledger.fault is not None)
        assert not writer.ledger.recording
    finally:
        postgres.start()
    writer.wait(lambda: writer.epoch_ms > 0)
    assert writer.board.active()
    writer.ledger.stop()


def test_a_commit_whose_answer_was_lost_is_not_written_twice(place: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server commits, and the connection breaks before it can say so."""
    ledger = Writer(place)
    ledger.open()
    broken: list[int] = []
    real = append

    def lossy(connection, records):  # type: ignore[no-untyped-def]
        rows = real(connection, records)
        if records and not broken:
            broken.append(len(rows))
            raw = connection.connection.dbapi_connection
            raw.commit()
            raw.close()
        return rows

    monkeypatch.setattr(writer, "append", lossy)
    first = ledger.board.press(alarm("utara"), "alarm", NOW)
    ledger.happen(first)
    ledger.happen(ledger.board.press(alarm("selatan"), "alarm", NOW))
    ledger.wait(lambda: len(ledger.done) == 2)
    assert broken
    assert ledger.done[0] is first
    ledger.ledger.stop()
    verdict = verify(place)
    assert (verdict.rows, verdict.head, verdict.derived) == (2, ledger.head, True)
    assert ledger.others == []


def _told(place: Server) -> tuple[Writer, str]:
    writer = Writer(place)
    writer.open()
    report = Report(
        key=new_event_id(),
        origin="call",
        category="fire",
        address="Jl. 50% Rahasia",
        caller="0811",
        text="catatan-rahasia\x00\ue000",
    )
    incident_id = writer.happen(writer.board.report(report, OPERATOR, NOW))
    writer.happen(writer.board.act("accept", incident_id, ONE, NOW))
    writer.wait(lambda: len(writer.done) == 2)
    return writer, incident_id


def test_a_text_with_what_the_server_cannot_hold_is_kept_as_it_was(place: Server) -> None:
    writer, incident_id = _told(place)
    writer.ledger.stop()
    assert verify(place).rows == 2
    with open_reader(place).connect() as connection:
        told = archive_query.timeline(connection, incident_id, 0)
    assert told.lines[0].texts["note"] == "catatan-rahasia\x00\ue000"


def test_erased_texts_are_gone_from_the_tables_file_and_the_chain_tells(place: Server, postgres: Postgres) -> None:
    writer, incident_id = _told(place)
    assert b"catatan-rahasia" in _table_file(place, postgres)
    erased, gone = erase(place, incident_id, ["officer", "caller", "address", "note"], who="root", why="12", now_ns=NOW)
    assert (set(erased), gone) == ({"officer", "caller", "address", "note"}, True)
    after = _table_file(place, postgres)
    assert [each for each in (b"ahasia", b"Petugas", b"Operator", b"0811") if each in after] == []
    assert b"root" in after
    writer.wait(lambda: len(writer.others) == 1)
    writer.board.apply(writer.others[0])
    assert writer.board.find(incident_id).officer == ERASED
    writer.ledger.stop()
    assert verify(place).rows == 3
    with pytest.raises(NothingToEraseError):
        erase(place, incident_id, ["note"], who="root", why="12", now_ns=NOW)


def test_a_person_is_erased_wherever_it_came_and_went(place: Server) -> None:
    who = [Aside.of("petugas-1"), Aside.of("petugas-2")]
    append_now(place, *(Record(AuditEntry(at_ns=NOW, what="login", who=one.hash), {"who": one}) for one in who))
    assert erase_person(place, "petugas-1", who="root", why="x", now_ns=NOW) == (1, True)
    with open_reader(place).connect() as connection:
        left = [aside.text for _, asides in read_rows(connection) for aside in asides.values()]
    assert left == ["petugas-2", "root", "x"]
    assert verify(place).rows == 3


def test_a_read_that_takes_long_leaves_the_texts_file_as_it_is_and_that_is_said(
    place: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, incident_id = _told(place)
    writer.ledger.stop()
    monkeypatch.setattr("duty_desk.ledger.erase._BUSY_MS", 100)
    with open_reader(place).connect() as connection:
        rows = read_rows(connection)
        next(rows)
        assert erase(place, incident_id, ["note"], who="root", why="x", now_ns=NOW) == (["note"], False)
        rows.close()


def _table_file(place: Server, postgres: Postgres) -> bytes:
    """Return what the server has of the texts in its files, as after a checkpoint."""
    with postgres.connect(place) as connection:
        connection.execute(b"CHECKPOINT")
        found = []
        for relation in ("aside", "aside_pkey", "aside_text"):
            (path,) = connection.execute(b"SELECT pg_relation_filepath(%s)", (relation,)).fetchone() or ("",)
            found.append((postgres.folder / "data" / path).read_bytes())
    return b"".join(found)


@pytest.mark.parametrize("few", [0, 500])
async def test_the_archive_finds_what_it_finds_in_a_file(
    place: Server, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_query, "_FEW", few)
    writer, called = _told(place)
    buttons = ("utara", "selatan", "timur")
    pressed = [writer.happen(writer.board.press(alarm(one), "alarm", NOW + n)) for n, one in enumerate(buttons, 1)]
    writer.happen(writer.board.act("cancel", pressed[0], ONE, NOW + 9, note="Kucing di atap", reason="false_alarm"))
    writer.wait(lambda: len(writer.done) == 6)
    writer.ledger.stop()
    with closing(Archive(place)) as archive:
        for chosen, wanted in (
            (Filter(), [*reversed(pressed), called]),
            (Filter(text="50%"), [called]),
            (Filter(text="5_%"), []),
            (Filter(text="KUCING"), pressed[:1]),
            (Filter(text="UTARA", statuses=frozenset({"Actual"})), pressed[:1]),
            (Filter(text=pressed[1][-12:].upper()), pressed[1:2]),
            (Filter(text="\x00"), [*reversed(pressed), called]),
            (Filter(officer="Petugas 1"), [pressed[0], called]),
            (Filter(officer="Petugas"), []),
            (Filter(officer="petugas 1"), []),
            (Filter(text="braga", places=frozenset({("box-1", "timur")})), pressed[2:]),
            (Filter(from_ns=NOW + 1, to_ns=NOW + 3), [pressed[1], pressed[0]]),
        ):
            page = await archive.search(chosen)
            assert [found.summary.id for found in page.incidents] == wanted, chosen
        page = await archive.search(Filter(), limit=3)
        rest = await archive.search(Filter(), page.after, limit=3)
        assert [found.summary.id for found in rest.incidents] == [called]
        assert len((await archive.timeline(pressed[0])).lines) == 2


async def test_a_search_that_takes_too_long_ends(place: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    append_now(place)
    monkeypatch.setattr("duty_desk.ledger.archive._TOO_LONG_S", 0.05)
    with closing(Archive(place)) as archive, pytest.raises(ArchiveBusyError):
        await archive.ask(lambda connection: connection.execute(text("SELECT pg_sleep(20)")).all())


def test_the_last_days_on_duty_are_read(place: Server) -> None:
    with pytest.raises(OperationalError, match="does not exist"):
        read_past(Server(place.url + "_nothing", PASSWORD), NOW)
    who = Aside.of("petugas-1")
    records = [Record(DutyEntry(at_ns=NOW, what="shift_began", who=who.hash), {"who": who})]
    append_now(place, *records)
    write(place, life(Board(), 20, 4))
    found = read_past(place, NOW)
    assert [(one.entry.kind, one.text("who")) for one in found] == [("duty", "petugas-1")]
