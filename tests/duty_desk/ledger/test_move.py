"""`siaga desk ledger move`: into a database on a server, on with the desk there, and back."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contract.identity import new_event_id
from duty_desk.cli import app
from duty_desk.errors import LedgerBrokenError, LedgerThereError
from duty_desk.incidents.board import Board
from duty_desk.ledger import move as moving
from duty_desk.ledger.move import move
from duty_desk.ledger.place import Server
from duty_desk.ledger.tables import EPOCH, last_row, open_reader, read_rows
from duty_desk.ledger.verify import verify
from duty_desk.settings import load_desk
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.ledger.conftest import Writer, change, hashes
from tests.duty_desk.ledger.life import life, write
from tests.duty_desk.ledger.servers import PASSWORD
from tests.duty_desk.ledger.test_beside import eventually

pytestmark = pytest.mark.slow


def run(desk: Desk, *arguments: str) -> Result:
    """Run a command of the desk."""
    return CliRunner().invoke(app, [*arguments, "--config", str(desk.config)])


def password_file(folder: Path) -> Path:
    """Write the server's password down as it should be."""
    file = folder / "ledger.password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    return file


def is_empty(place: Server) -> bool:
    """Return whether nothing stands in a database, not even a table."""
    with open_reader(place).connect() as connection:
        return not connection.dialect.has_table(connection, "entry") or last_row(connection) is None


def test_every_row_text_and_epoch_is_copied_and_back_again(tmp_path: Path, place: Server) -> None:
    source = tmp_path / "ledger.db"
    write(source, life(Board(), 1_200, 4), together=200)
    one = Writer(source)
    one.open()
    one.ledger.stop()
    told: list[int] = []
    moved = move(source, place, told.append)
    assert (moved.rows, told) == (1_201, [1_000, 1_201])
    assert (moved.verdict.rows, moved.verdict.head, moved.verdict.derived) == (1_201, hashes(source)[-1], True)
    back = tmp_path / "back" / "ledger.db"
    assert move(place, back).texts == moved.texts
    with open_reader(source).connect() as first, open_reader(back).connect() as second:
        assert list(read_rows(first)) == list(read_rows(second))
        assert first.execute(EPOCH.select()).all() == second.execute(EPOCH.select()).all()
    two = Writer(place)
    two.open()
    two.ledger.stop()
    assert two.epoch_ms > one.epoch_ms
    assert [each.id for each in two.board.active()] == [each.id for each in one.board.active()]


def test_nothing_is_copied_onto_a_ledger(path: Path, place: Server) -> None:
    move(path, place)
    with pytest.raises(LedgerThereError):
        move(path, place)
    assert verify(place).rows == 6


def test_a_broken_ledger_is_not_moved(path: Path, place: Server) -> None:
    change(path, "UPDATE entry SET body = replace(body, 'press', 'prass') WHERE sequence = 3")
    with pytest.raises(LedgerBrokenError, match="row 3"):
        move(path, place)
    assert is_empty(place)


@pytest.mark.parametrize("lost", ["_text", "_entry"])
def test_a_copy_that_is_not_whole_leaves_nothing(
    path: Path, place: Server, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(moving, lost)
    monkeypatch.setattr(moving, lost, lambda *of: real(*of) | ({"salt": "0"} if lost == "_text" else {"body": "{}"}))
    with pytest.raises(LedgerBrokenError):
        move(path, place)
    assert is_empty(place)


def test_a_copy_without_the_texts_leaves_nothing(path: Path, place: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "read_rows", lambda connection: ((row, {}) for row, _ in read_rows(connection)))
    with pytest.raises(LedgerBrokenError, match="0 of 3 texts"):
        move(path, place)
    assert is_empty(place)


def test_whoever_would_write_waits_until_the_copy_is_done(
    path: Path, place: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = moving._check

    def check(old, new):  # type: ignore[no-untyped-def]
        other = sqlite3.connect(path, timeout=0.01, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
        real(old, new)

    monkeypatch.setattr(moving, "_check", check)
    assert move(path, place).rows == 6


def test_the_command_says_what_to_write_and_how_to_go_back(idle: Desk, place: Server) -> None:
    write(idle.ledger, life(Board(), 30, 4))
    file = password_file(idle.folder)
    moved = run(idle, "ledger", "move", "--to", place.url, "--password-file", str(file))
    assert moved.exit_code == 0, moved.output
    assert f"{place.url}: whole, 31 rows" in moved.stdout
    assert PASSWORD not in moved.output
    lines = [line.strip() for line in moved.stdout.splitlines() if line.startswith("  ledger")]
    idle.config.write_text("\n".join([*lines, idle.config.read_text()]))
    assert load_desk(idle.config).ledger == place
    whole = run(idle, "verify-ledger")
    assert (whole.exit_code, f"{place.url}: whole, 31 rows" in whole.stdout) == (0, True)
    assert len(run(idle, "export").stdout.splitlines()) == 32  # and the export itself
    refused = run(idle, "ledger", "move", "--to", str(idle.ledger))
    assert (refused.exit_code, "move it away first" in refused.stderr) == (1, True)
    os.rename(idle.ledger, idle.folder / "before.db")
    back = run(idle, "ledger", "move", "--to", str(idle.ledger))
    assert back.exit_code == 0, back.output
    assert verify(idle.ledger).rows == 32


@pytest.mark.parametrize("to", ["mysql://db/x", "postgresql://u@db.example/x", "postgresql://u:p@localhost/x"])
def test_a_database_that_cannot_be_used_is_refused(idle: Desk, to: str) -> None:
    write(idle.ledger, life(Board(), 5, 4))
    assert run(idle, "ledger", "move", "--to", to).exit_code == 2


def test_a_server_that_does_not_answer_is_said(idle: Desk) -> None:
    write(idle.ledger, life(Board(), 5, 4))
    refused = run(idle, "ledger", "move", "--to", "postgresql://siaga@127.0.0.1:1/siaga")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("not moved: connection failed")


async def test_a_desk_whose_ledger_is_on_a_server_rings_records_and_is_back(desk: Desk, place: Server) -> None:
    refused = run(desk, "ledger", "move", "--to", place.url, "--password-file", str(password_file(desk.folder)))
    assert (refused.exit_code, "the desk runs" in refused.stderr) == (1, True)
    desk.process.stop()
    lines = f'ledger = "{place.url}"\nledger_password_file = "ledger.password"\n'
    desk.config.write_text(lines + desk.config.read_text())
    moved = run(desk, "ledger", "move", "--to", place.url, "--password-file", "none")
    assert moved.exit_code == 2
    desk.start()
    async with box(desk.alarm) as street:
        event_id = new_event_id()
        await street.alarm(press_body(event_id=event_id))
        await street.receipt("stored", event_id=event_id)
        (incident,) = desk.incidents()
        assert desk.post(f"/api/incidents/{incident['id']}/accept", {})[0] == 200
        eventually(lambda: desk.incidents()[0]["recorded"])
        desk.process.kill()
        desk.start()
    eventually(lambda: len(_kinds(place)) == 4)
    (again,) = desk.incidents()
    assert (again["id"], again["state"], again["officer"]) == (incident["id"], "accepted", "Petugas 1")
    found = desk.get("/api/archive?text=box-1")["incidents"]
    assert [one["id"] for one in found] == [incident["id"]]
    desk.process.stop()
    assert _kinds(place) == ["started", "press", "accept", "started"]
    assert verify(place).derived


def _kinds(place: Server) -> list[str]:
    """Return what was written down of starts, presses and accepts."""
    with open_reader(place).connect() as connection:
        kinds = [row.body.partition('"kind":"')[2].partition('"')[0] for row, _ in read_rows(connection)]
    return [kind for kind in kinds if kind in ("started", "press", "accept")]
