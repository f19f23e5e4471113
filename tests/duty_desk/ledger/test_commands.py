"""`siaga desk verify-ledger | export | erase`, as typed."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from contract.identity import new_event_id
from duty_desk.access.audit import audit_record
from duty_desk.cli import app
from duty_desk.incidents.board import Board, Report
from duty_desk.incidents.entries import MAX_ERASED_ROWS, AuditEntry, CallEntry, parse_entry
from duty_desk.incidents.records import Aside
from duty_desk.ledger.chain import GENESIS, row_hash
from duty_desk.ledger.derived import mend
from duty_desk.ledger.export import COLUMNS, csv_lines, parse_time, show_time
from duty_desk.ledger.tables import open_engine
from duty_desk.ledger.writer import append_now
from tests.duty_desk.conftest import Desk
from tests.duty_desk.ledger.conftest import change
from tests.duty_desk.ledger.life import write
from tests.duty_desk.test_incident import NOW, ONE, OPERATOR, alarm

pytestmark = pytest.mark.slow

WIB = ZoneInfo("Asia/Jakarta")
_HOUR = 3_600_000_000_000


@pytest.fixture
def ids(idle: Desk) -> dict[str, str]:
    """Return the incidents of a ledger: a press that was accepted, and an hour later a call with dangerous texts."""
    board = Board()
    records = [board.press(alarm(), "alarm", NOW)]
    pressed = board.apply(records[0])
    assert pressed is not None
    records.append(board.act("accept", pressed.id, ONE, NOW + 2_500_000_000))
    report = Report(
        key=new_event_id(),
        origin="call",
        category="fire",
        address='=HYPERLINK("http://x")',
        caller="@SUM(1)",
        text="dua baris\nçok",
    )
    records.append(board.report(report, OPERATOR, NOW + _HOUR))
    write(idle.ledger, iter(records))
    mend(open_engine(idle.ledger))
    called = records[2].entry
    assert isinstance(called, CallEntry)
    return {"press": pressed.id, "call": called.incident_id}


def run(idle: Desk, *arguments: str) -> Result:
    """Run a command of the desk."""
    return CliRunner().invoke(app, [*arguments, "--config", str(idle.config)])


def lines(result: Result) -> list[dict[str, object]]:
    """Return JSON lines that were printed."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_exported_row_can_be_checked_by_whoever_has_it(idle: Desk, ids: dict[str, str], tmp_path: Path) -> None:
    exported = run(idle, "export")
    previous = GENESIS
    for number, line in enumerate(exported.stdout.splitlines(), 1):
        row = json.loads(line)
        body = json.dumps(row["entry"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert f'"entry":{body}' in line  # as it was hashed
        assert (row["sequence"], row["previous"]) == (number, previous)
        assert row["hash"] == row_hash(number, previous, body)
        for name, beside in row.get("beside", {}).items():
            assert Aside(beside["salt"], beside["text"]).hash == row["entry"][name]
        previous = row["hash"]
    assert "çok" in exported.stdout
    # The export is written down itself, and is a file of heads.
    *_, last = lines(exported)
    entry = parse_entry(json.dumps(last["entry"]))
    assert isinstance(entry, AuditEntry)
    assert (entry.what, entry.detail) == ("exported", "jsonl")
    kept = tmp_path / "export.jsonl"
    kept.write_text(exported.stdout)
    checked = run(idle, "verify-ledger", "--against", str(kept))
    assert (checked.exit_code, "4 heads in 4 lines, the chain has each" in checked.stdout) == (0, True)
    change(idle.ledger, "DELETE FROM entry WHERE sequence > 3", "DELETE FROM aside WHERE sequence > 3")
    assert run(idle, "verify-ledger", "--rebuild").exit_code == 0
    cut = run(idle, "verify-ledger", "--against", str(kept))
    assert cut.exit_code == 1
    assert "line 4: no row has the head" in cut.stderr
    assert "the last one told before it is of row 3" in cut.stderr


def test_names_are_left_out_when_asked(idle: Desk, ids: dict[str, str]) -> None:
    for format_ in ("jsonl", "csv"):
        exported = run(idle, "export", "--format", format_, "--without-names").stdout
        assert "Petugas" not in exported
        assert "SUM" not in exported
        assert "HYPERLINK" not in exported
        assert len(exported.splitlines()) >= 3


def test_rows_are_chosen_by_time_and_by_incident(idle: Desk, ids: dict[str, str]) -> None:
    early = lines(run(idle, "export", "--to", "2025-10-09T16:00", "--from", "2025-10-09"))
    assert [row["sequence"] for row in early] == [1, 2]
    late = lines(run(idle, "export", "--from", "2025-10-09T09:00Z"))
    assert [row["sequence"] for row in late][:1] == [3]
    assert [row["sequence"] for row in lines(run(idle, "export", "--incident", ids["press"]))] == [1, 2]
    assert run(idle, "export", "--incident", new_event_id()).exit_code == 1
    assert run(idle, "export", "--from", "yesterday").exit_code == 2


def test_the_csv_is_a_row_an_incident_and_no_text_in_it_is_a_formula(idle: Desk, ids: dict[str, str]) -> None:
    exported = run(idle, "export", "--format", "csv")
    assert exported.exit_code == 0, exported.output
    one, two = csv.DictReader(io.StringIO(exported.stdout))
    assert list(one) == list(COLUMNS)
    assert (one["id"], one["state"], one["officer"], one["presses"]) == (ids["press"], "accepted", "Petugas 1", "1")
    assert (one["opened_at"], one["accepted_after_s"]) == ("2025-10-09T15:53:20.000+07:00", "2.5")
    assert (two["origin"], two["address"], two["escalated"]) == ("call", '\'=HYPERLINK("http://x")', "-1")
    only = run(idle, "export", "--format", "csv", "--incident", ids["call"]).stdout
    assert len(only.splitlines()) == 2


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_whatever_a_spreadsheet_takes_for_a_formula_begins_with_an_apostrophe(text: str) -> None:
    from duty_desk.ledger.archive_query import Found
    from duty_desk.ledger.summary import Summary

    summary = Summary(1, new_event_id(), "call", "Actual", None, None, "fire", "open", NOW, NOW)
    (_, line) = csv_lines([Found(summary, text, text)], UTC)
    (row,) = csv.DictReader(io.StringIO(line, newline=""), COLUMNS)
    assert (row["address"], row["officer"]) == (f"'{text}", f"'{text}")


def test_times_without_an_offset_are_the_citys() -> None:
    assert parse_time("2025-10-09T15:53:20", WIB) == parse_time("2025-10-09T08:53:20Z", WIB) == NOW
    assert show_time(NOW + 1_999_999, WIB) == "2025-10-09T15:53:20.001+07:00"
    assert show_time(None, WIB) == ""


def test_a_city_farther_east_exports_in_its_own_time(idle: Desk, ids: dict[str, str]) -> None:
    idle.config.write_text(idle.config.read_text() + '[duty]\ntime_zone = "Asia/Jayapura"\n')
    chosen = run(idle, "export", "--format", "csv", "--from", "2025-10-09T17:53:20", "--to", "2025-10-09T17:53:21")
    (one,) = csv.DictReader(io.StringIO(chosen.stdout))
    assert (one["id"], one["opened_at"]) == (ids["press"], "2025-10-09T17:53:20.000+09:00")


def test_an_erasure_is_told_by_the_chain_and_the_ledger_is_whole(idle: Desk, ids: dict[str, str]) -> None:
    done = run(idle, "erase", "--incident", ids["call"], "--names", "--why", "permintaan 12")
    assert (done.exit_code, "officer, caller, address" in done.stdout) == (0, True)
    exported = run(idle, "export").stdout
    assert "HYPERLINK" not in exported
    assert "dua baris" in exported
    assert run(idle, "verify-ledger").exit_code == 0
    assert run(idle, "erase", "--incident", ids["call"], "--names", "--why", "x").exit_code == 1
    assert run(idle, "erase", "--incident", ids["call"], "--why", "x").exit_code == 2
    assert run(idle, "erase", "--incident", ids["call"], "--note", "--why", " ").exit_code == 2


def test_a_persons_name_is_erased_from_log_ins_and_accounts_and_the_ledger_is_whole(
    idle: Desk, ids: dict[str, str]
) -> None:
    audits = [
        audit_record("login", who="petugas-rahasia", at_ns=NOW),
        audit_record("account_disabled", who="kepala", subject="petugas-rahasia", at_ns=NOW),
        *[audit_record("logout", who="petugas-rahasia", at_ns=NOW) for _ in range(MAX_ERASED_ROWS)],
    ]
    append_now(idle.ledger, *audits)
    done = run(idle, "erase", "--person", "petugas-rahasia", "--why", "permintaan 13")
    assert (done.exit_code, f"{MAX_ERASED_ROWS + 2} rows" in done.stdout) == (0, True)
    exported = run(idle, "export").stdout
    assert "petugas-rahasia" not in exported
    assert exported.count('"kind":"person_erased"') == 3
    assert all(name in exported for name in ("kepala", "HYPERLINK", "permintaan 13"))
    assert b"petugas-rahasia" not in b"".join(each.read_bytes() for each in idle.ledger.parent.glob("ledger.db*"))
    assert run(idle, "verify-ledger").exit_code == 0
    assert run(idle, "erase", "--person", "petugas-rahasia", "--why", "x").exit_code == 1
    for wrong in (("--names", "--person", "a"), ("--person", "a", "--incident", ids["call"]), ()):
        assert run(idle, "erase", *wrong, "--why", "x").exit_code == 2
    # What nobody wrote down as erased is missed.
    change(idle.ledger, "DELETE FROM aside WHERE text = 'kepala'")
    assert "the who beside it is gone" in run(idle, "verify-ledger").stderr


def test_what_is_wrong_is_said_in_words(idle: Desk, tmp_path: Path) -> None:
    for command in (("verify-ledger",), ("export",)):
        missing = run(idle, *command)
        assert (missing.exit_code, missing.stdout) == (1, "")
        assert missing.stderr.startswith(str(idle.ledger))
    write(idle.ledger, iter([Board().press(alarm(), "alarm", NOW)]))
    behind = run(idle, "verify-ledger")
    assert (behind.exit_code, "are behind it" in behind.stdout) == (0, True)
    assert "--rebuild mends that" in run(idle, "export", "--format", "csv").stderr
    assert "cannot be read" in run(idle, "verify-ledger", "--against", str(tmp_path / "none")).stderr
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    assert "no head in 1 lines" in run(idle, "verify-ledger", "--against", str(empty)).stderr
