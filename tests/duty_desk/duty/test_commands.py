"""`siaga desk roster …`, as it is typed."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from duty_desk.cli import app
from duty_desk.duty.roster_disk import RosterDisk
from tests.duty_desk.conftest import Desk
from tests.duty_desk.duty.rosters import HEAD, JAKARTA

GOOD = HEAD + "jaga;Piket;;08:00;08:00;petugas-1;;;;\njaga;Pengawas;;00:00;24:00;pengawas-1;pengawas;;;\n"


def siaga(desk: Desk, *typed: str) -> Result:
    return CliRunner().invoke(app, ["roster", *typed, "--config", str(desk.config)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "jadwal.csv"
    made.write_text(GOOD, encoding="utf-8-sig")
    return made


def in_force(desk: Desk) -> str:
    return (desk.folder / "data" / "roster.csv").read_text()


def entries(desk: Desk) -> list[tuple[str, str, str]]:
    connection = sqlite3.connect(desk.ledger)
    try:
        rows = connection.execute("SELECT body, text FROM entry JOIN aside USING (sequence) ORDER BY 1").fetchall()
    finally:
        connection.close()
    return [(entry["what"], entry["detail"], text) for body, text in rows if (entry := json.loads(body))]


@pytest.mark.slow
def test_import_puts_a_roster_in_force_writes_it_down_and_shows_it(
    idle: Desk, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "kepala-shift")
    none = siaga(idle, "show", "--lang", "en")
    assert "every officer counts as on duty" in none.output
    done = siaga(idle, "import", str(file), "--lang", "id")
    assert (done.exit_code, "jadwal diimpor: 2 orang, 2 baris" in done.output) == (0, True)
    assert entries(idle) == [("roster_changed", "2 people, 2 lines, 0 exceptions", "command line: kepala-shift")]
    assert (idle.folder / "data" / "roster.csv").stat().st_mode & 0o777 == 0o640

    shown = siaga(idle, "show", "--week", "2024-12-11", "--lang", "id")
    assert shown.output.splitlines()[:3] == [
        "Senin 2024-12-09",
        "  00:00–00:00  Pengawas (pengawas)       pengawas-1",
        "  08:00–08:00  Piket                     petugas-1",
    ]
    rows = [json.loads(line) for line in siaga(idle, "show", "--week", "2024-12-11", "--json").output.splitlines()]
    assert len(rows) == 14
    assert rows[1] == {
        "shift": "Piket", "part": "officer", "begin": "2024-12-09 08:00", "end": "2024-12-10 08:00",
        "who": ["petugas-1"], "now": False,
    }  # fmt: skip
    assert siaga(idle, "show", "--week", "next").exit_code == 2


@pytest.mark.slow
def test_a_broken_file_never_replaces_a_good_one(idle: Desk, file: Path) -> None:
    siaga(idle, "import", str(file))
    before = in_force(idle)
    file.write_text(GOOD.replace("petugas-1", "petugas-77").replace("00:00;24:00", "00:00;25:00"))
    done = siaga(idle, "import", str(file), "--lang", "en")
    assert done.exit_code == 1
    assert f"{file}:3: error: '25:00' is no time" in done.output
    file.write_text(GOOD.replace("petugas-1", "petugas-77"))
    done = siaga(idle, "import", str(file), "--json")
    assert done.exit_code == 1
    told = json.loads(done.output.splitlines()[0])
    assert (told["level"], told["code"], told["line"]) == ("error", "no_account_near", 2)
    assert in_force(idle) == before
    assert len(entries(idle)) == 1
    assert list((idle.folder / "data").glob(".roster-*")) == []


@pytest.mark.slow
def test_check_changes_nothing_and_a_gap_is_taken_only_when_it_is_allowed(idle: Desk, file: Path) -> None:
    file.write_text(GOOD.replace("08:00;08:00", "08:00;07:00"))
    assert siaga(idle, "check", str(file)).exit_code == 1
    assert siaga(idle, "check", str(file), "--allow-gaps").exit_code == 0
    assert not (idle.folder / "data" / "roster.csv").exists()
    assert siaga(idle, "import", str(file)).exit_code == 1
    assert siaga(idle, "import", str(file), "--allow-gaps").exit_code == 0
    assert siaga(idle, "check", str(file.with_name("none.csv"))).exit_code == 1


@pytest.mark.slow
def test_next_months_roster_leaves_the_one_before_in_force_until_then(idle: Desk, file: Path) -> None:
    siaga(idle, "import", str(file))
    file.write_text(
        GOOD.replace("petugas-1;;;;", "petugas-2;;01/01/2099;;").replace("pengawas;;;", "pengawas;2099-01-01;;")
    )
    done = siaga(idle, "import", str(file), "--lang", "en")
    assert (done.exit_code, "the roster before holds until 2098-12-31" in done.output) == (0, True)
    disk = RosterDisk(idle.folder / "data" / "roster.csv", JAKARTA)
    disk.look()
    assert disk.roster is not None
    assert disk.roster.people == {"petugas-1", "petugas-2", "pengawas-1"}


def test_the_desk_takes_over_a_new_file_and_keeps_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    disk = RosterDisk(path, JAKARTA)
    assert not disk.look()
    assert (disk.roster, disk.fault) == (None, None)
    path.write_text(GOOD)
    assert disk.look()
    good = disk.roster
    assert good is not None
    assert not disk.look()
    path.write_text(GOOD + "jaga;Pagi;;7;8;petugas-1\n")
    assert disk.look()
    assert disk.roster is good
    assert disk.fault == "roster.csv:4"
    path.unlink()
    assert disk.look()
    assert (disk.roster, disk.fault) == (good, "gone")
    path.write_text(GOOD)
    assert disk.look()
    assert disk.fault is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to see that the file is the folder owner's")
@pytest.mark.slow
def test_a_roster_that_root_imports_is_the_desks(idle: Desk, file: Path) -> None:
    os.chown(idle.folder / "data", 1234, 1234)
    siaga(idle, "import", str(file))
    assert (idle.folder / "data" / "roster.csv").stat().st_uid == 1234
