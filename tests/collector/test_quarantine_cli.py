"""`siaga collector quarantine`, with a real store for what is replayed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collector.cli import app
from collector.quarantine import FILE, Entry, Quarantine
from collector.quarantine_read import read_counts
from contract.identity import body_hash
from siaga.stack.influxdb import COLLECTOR
from siaga.stack.ports import free_port
from store.refusals import FIELD_TYPE
from tests.collector.batches import T0_NS, body, reading
from tests.collector.test_process import count
from tests.conftest import Database

GOOD = body(readings=[reading(1), reading(2)])
LINE = f"position,device=box-1,sensor=gps latitude=1.0,longitude=2.0 {T0_NS - 5}".encode()


def _run(config: Path, *words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["quarantine", *words, "--config", str(config)])
    return result.exit_code, result.stdout, result.stderr


def _config(folder: Path, store: str) -> Path:
    config = folder / "collector.toml"
    config.write_text(
        f'data_dir = "{folder}"\n[broker]\nhost = "127.0.0.1"\nport = 8894\nca = "trust.pem"\n'
        f'username = "centre.collector-1"\npassword_file = "p"\n[store]\n{store}\n'
    )
    quarantine = Quarantine(folder / FILE)
    quarantine.add(
        [
            _entry("future time", GOOD, 2),
            _entry("not json", b"\x1b[31mred\xff", 0),
            _entry(FIELD_TYPE, LINE, 1),
        ]
    )
    quarantine.close()
    return config


def _entry(reason: str, text: bytes, readings: int) -> Entry:
    return Entry(reason, "", "box-1", "siaga/v1/up/box-1/telemetry", text, readings, time.time_ns() - 86_400 * 10**9)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a collector's configuration with a quarantine of three bodies and no store."""
    return _config(tmp_path, f'url = "http://127.0.0.1:{free_port()}"')


def test_a_body_is_shown_by_the_start_of_its_hash_with_what_the_rules_say_now(config: Path) -> None:
    code, out, _ = _run(config, "show", body_hash(GOOD)[:8], "--json")
    told = json.loads(out)
    assert (code, told["reason"], told["good_readings_now"], told["still_refused"]) == (0, "future time", 2, None)
    assert told["body"] == GOOD.decode()
    code, out, _ = _run(config, "show", body_hash(b"\x1b[31mred\xff"))
    assert code == 0
    assert "still_refused      not utf-8" in out
    assert "\x1b" not in out
    assert _run(config, "show", "000000") == (1, "", "no such body\n")
    assert _run(config, "show", "00")[0] == 2
    assert _run(config, "show")[0] == 2


def test_the_list_is_narrowed(config: Path) -> None:
    assert _run(config, "list", "--reason", "not json")[1].count("box-1") == 1
    assert len(_run(config, "list", "--limit", "2", "--json")[1].splitlines()) == 2
    assert _run(config, "list", "--device", "box-2", "--json") == (0, "", "")


def test_nothing_is_purged_or_replayed_unless_it_is_named(config: Path) -> None:
    for verb in ("purge", "replay"):
        code, out, err = _run(config, verb)
        assert (code, out) == (2, "")
        assert "say which" in err


def test_purge_takes_what_is_named_and_leaves_the_counts(config: Path, tmp_path: Path) -> None:
    assert _run(config, "purge", "--older-than-days", "2")[1] == "0 purged\n"
    assert _run(config, "purge", "--reason", "not json", "--device", "box-2")[1] == "0 purged\n"
    assert _run(config, "purge", "--reason", "not json")[1] == "1 purged\n"
    assert json.loads(_run(config, "purge", "--older-than-days", "0.5", "--json")[1]) == {"purged": 2}
    assert sum(read_counts(tmp_path / FILE).values()) == 3


def test_a_store_that_is_down_takes_nothing_out(config: Path) -> None:
    code, _, err = _run(config, "replay", "--all")
    assert code == 69
    assert err.startswith("store: http://127.0.0.1:")
    assert len(_run(config, "list", "--json")[1].splitlines()) == 3


@pytest.mark.slow
def test_replay_stores_what_is_good_now_and_keeps_the_rest(influxdb: Database, tmp_path: Path) -> None:
    password = influxdb.server.password_file(COLLECTOR)
    account = f'username = "{COLLECTOR}"\npassword_file = "{password}"'
    config = _config(tmp_path, f'url = "{influxdb.url}"\ndatabase = "{influxdb.database}"\n{account}')
    code, out, err = _run(config, "replay", "--all", "--json")
    assert (code, err) == (1, ""), "one stays"
    told = {one["sha256"]: one["still_refused"] for one in map(json.loads, out.splitlines())}
    assert told == {
        body_hash(GOOD): None,
        body_hash(LINE): None,
        body_hash(b"\x1b[31mred\xff"): told[body_hash(b"\x1b[31mred\xff")],
    }
    assert count(influxdb.server, influxdb.database) == {"box-1": 3}
    code, out, _ = _run(config, "replay", "--all")
    assert (code, out.splitlines()[-1]) == (1, "0 stored, 1 stayed")
    assert count(influxdb.server, influxdb.database) == {"box-1": 3}
