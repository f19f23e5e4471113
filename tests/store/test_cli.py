"""`siaga store`."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from siaga.stack.process import free_port
from store.cli import app
from tests.conftest import Database


def _run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_check_says_what_answers(influxdb: Database) -> None:
    code, output = _run("check", "--url", influxdb.url, "--database", influxdb.database)
    assert code == 0
    assert "InfluxDB 1." in output
    code, output = _run("check", "--url", influxdb.url, "--database", "nowhere")
    assert code == 69
    assert "no database nowhere" in output


def test_query_prints_one_json_object_a_row(influxdb: Database) -> None:
    code, output = _run("query", "SHOW DATABASES", "--url", influxdb.url, "--json")
    assert code == 0
    assert influxdb.database in {json.loads(line)["name"] for line in output.splitlines()}


def test_a_store_that_is_down_is_one_line_and_a_status() -> None:
    code, output = _run("query", "SHOW DATABASES", "--url", f"http://127.0.0.1:{free_port()}")
    assert code == 69
    assert len(output.splitlines()) == 1
