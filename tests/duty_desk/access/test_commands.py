"""`siaga desk user …` and `siaga desk token …`, as they are typed."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from duty_desk.access.words import TEXTS
from duty_desk.cli import app
from tests.duty_desk.conftest import Desk

pytestmark = pytest.mark.slow


def siaga(desk: Desk, *typed: str) -> Result:
    return CliRunner().invoke(app, [*typed, "--config", str(desk.config)])


def audits(desk: Desk) -> list[tuple[str, str, str | None, str | None]]:
    """Return from the ledger: what, who, to whom, detail."""
    connection = sqlite3.connect(desk.ledger)
    try:
        rows = connection.execute("SELECT sequence, body FROM entry ORDER BY sequence").fetchall()
        asides = {
            (row, field): text for row, field, text in connection.execute("SELECT sequence, field, text FROM aside")
        }
    finally:
        connection.close()
    found = [(row, json.loads(body)) for row, body in rows]
    return [
        (entry["what"], asides[row, "who"], asides.get((row, "subject")), entry.get("detail"))
        for row, entry in found
        if entry["kind"] == "audit"
    ]


def test_the_first_admin_and_what_follows(idle: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "teknisi")
    idle.accounts.unlink()
    secret = tmp_path / "secret"
    secret.write_text("sepuluh huruf\nand a second line\n")
    password = ("--password-file", str(secret))
    first = siaga(idle, "user", "add", "kepala", "--role", "admin", "--display", "Kepala", *password, "--lang", "id")
    assert (first.exit_code, first.output) == (0, "akun kepala (admin) dibuat\n")
    assert siaga(idle, "user", "set-role", "kepala", "supervisor").exit_code == 0
    assert siaga(idle, "user", "disable", "kepala").exit_code == 0
    (row,) = [json.loads(line) for line in siaga(idle, "user", "list", "--json").output.splitlines()]
    assert (row["name"], row["display"], row["role"], row["disabled"]) == ("kepala", "Kepala", "supervisor", True)
    assert siaga(idle, "user", "enable", "kepala").exit_code == 0
    assert siaga(idle, "user", "set-password", "kepala", *password).exit_code == 0
    assert siaga(idle, "user", "sessions", "kepala", "--end").exit_code == 0
    token = siaga(idle, "token", "add", "walls")
    assert re.fullmatch(r"[\w-]{43}", token.stdout.strip())
    assert [json.loads(line)["name"] for line in siaga(idle, "token", "list", "--json").output.splitlines()] == [
        "walls"
    ]
    assert siaga(idle, "token", "remove", "walls").exit_code == 0
    me = "command line: teknisi"
    assert audits(idle) == [
        ("account_added", me, "kepala", "admin"),
        ("role_changed", me, "kepala", "supervisor"),
        ("account_disabled", me, "kepala", None),
        ("account_enabled", me, "kepala", None),
        ("password_changed", me, "kepala", None),
        ("session_ended", me, "kepala", "all"),
        ("token_added", me, "walls", None),
        ("token_removed", me, "walls", None),
    ]
    assert "sepuluh" not in idle.accounts.read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("user", "add", "petugas-1"), "exists"),
        (("user", "add", "Petugas"), "cannot be a name"),
        (("user", "add", "baru", "--display", "petugas 1"), "another account is shown"),
        (("user", "add", "baru", "--role", "king"), "there is no role king"),
        (("user", "set-role", "petugas-1", "king"), "there is no role king"),
        (("user", "set-password", "nobody"), "there is no account nobody"),
        (("user", "disable", "nobody"), "there is no account nobody"),
        (("user", "sessions", "nobody"), "there is no account nobody"),
        (("token", "add", "A B"), "cannot be a name"),
        (("token", "remove", "walls"), "there is no token walls"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(idle: Desk, tmp_path: Path, typed: tuple[str, ...], told: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sepuluh huruf\n")
    more = ("--password-file", str(secret)) if typed[1] in ("add", "set-password") and typed[0] == "user" else ()
    answer = siaga(idle, *typed, *more, "--lang", "en")
    assert answer.exit_code == 1
    assert told in answer.output


def test_a_bad_password_is_refused_and_none_without_a_terminal(idle: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    for password, told in (("short", "at least 10"), ("panjang-sekali", "the password is the name")):
        secret.write_text(password)
        answer = siaga(idle, "user", "add", "panjang-sekali", "--password-file", str(secret), "--lang", "en")
        assert (answer.exit_code, told in answer.output) == (1, True)
    answer = siaga(idle, "user", "add", "baru", "--lang", "en")
    assert (answer.exit_code, "--password-file" in answer.output) == (1, True)


def test_a_change_that_the_ledger_did_not_take_stands_and_is_told(idle: Desk) -> None:
    idle.ledger.write_bytes(b"this is no database" * 100)
    answer = siaga(idle, "user", "disable", "petugas-1", "--lang", "en")
    assert answer.exit_code == 1
    assert "done, but not recorded" in answer.output
    assert '"disabled": true' in siaga(idle, "user", "list", "--json").output


def test_every_text_has_both_languages_with_the_same_places() -> None:
    for key, (indonesian, english) in TEXTS.items():
        assert set(re.findall(r"\{(\w+)", indonesian)) == set(re.findall(r"\{(\w+)", english)), key
        assert indonesian != english, key
