"""`siaga store`."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from siaga.stack.influxdb import READER
from siaga.stack.ports import free_port
from store.cli import app
from tests.conftest import Database


def _run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def _as_reader(influxdb: Database) -> tuple[str, ...]:
    password_file = influxdb.server.password_file(READER)
    return ("--url", influxdb.url, "--username", READER, "--password-file", str(password_file))


def test_check_says_what_answers(influxdb: Database) -> None:
    code, output = _run("check", *_as_reader(influxdb), "--database", influxdb.database)
    assert code == 1
    assert "InfluxDB 1." in output
    assert "differs: autogen: keeps points for ever, not 30 days" in output
    code, output = _run("check", *_as_reader(influxdb), "--database", "nowhere")
    assert code == 69
    assert "no database nowhere" in output


def test_query_prints_one_json_object_a_row(influxdb: Database) -> None:
    code, output = _run("query", "SHOW DATABASES", *_as_reader(influxdb), "--json")
    assert code == 0
    assert influxdb.database in {json.loads(line)["name"] for line in output.splitlines()}


def test_an_account_that_is_refused_is_one_line_and_a_status(influxdb: Database, tmp_path: Path) -> None:
    code, output = _run("check", "--url", influxdb.url)
    assert code == 69
    assert "without an account" in output
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text("wrong")
    account = ("--username", READER, "--password-file", str(file))
    code, output = _run("query", "SHOW DATABASES", "--url", influxdb.url, *account)
    assert code == 69
    assert f"user reader with the password in {file} (401" in output
    assert len(output.splitlines()) == 1
    file.chmod(0o644)
    code, output = _run("check", "--url", influxdb.url, *account)
    assert code == 78
    assert f"chmod 600 {file}" in output
    assert _run("check", "--username", READER)[0] == 2
    assert _run("check", "--url", "http://reader:wrong@127.0.0.1:8086")[0] == 2


def test_a_store_that_is_down_is_one_line_and_a_status() -> None:
    code, output = _run("query", "SHOW DATABASES", "--url", f"http://127.0.0.1:{free_port()}")
    assert code == 69
    assert len(output.splitlines()) == 1
