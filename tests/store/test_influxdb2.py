"""InfluxDB 2.x and 3.x: what a scripted server says, and a real one where the environment names it.

`SIAGA_TEST_INFLUX2_URL`, `SIAGA_TEST_INFLUX2_TOKEN` (an operator's) and `SIAGA_TEST_INFLUX2_ORG` (default `city`).
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.errors import ConfigError
from contract.settings import load_toml
from siaga.stack.ports import free_port
from store import open_store
from store.account import Token
from store.cli import app
from store.config import EXAMPLES, StoreSettings
from store.errors import (
    StoreDeniedError,
    StoreError,
    StoreMisconfiguredError,
    StoreQueryError,
    StoreRefusedError,
    StoreRetryError,
    StoreSlowDownError,
    StoreTooLargeError,
)
from store.influxdb2 import InfluxDB2
from store.layout import Layout
from store.setup1 import Found
from store.setup2 import init, look, rollup
from tests.store.scripted import Reply, drip, reply, scripted

URL = os.environ.get("SIAGA_TEST_INFLUX2_URL", "")
ORG = os.environ.get("SIAGA_TEST_INFLUX2_ORG", "city")
LINES = b"""\
water_level,device=box-1,sensor=w level_m=1.5,clock="ntp" 1700000000000000001
water_level,device=box-1,sensor=w level_m=2.0,clock="ntp" 1700000000000000002"""

real = pytest.mark.skipif(not URL, reason="set SIAGA_TEST_INFLUX2_URL and SIAGA_TEST_INFLUX2_TOKEN")


@pytest.fixture
def token(tmp_path: Path) -> Token:
    """Return a token: the environment's, or one of nobody."""
    path = tmp_path / "store.token"
    path.touch(0o600)
    path.write_text(os.environ.get("SIAGA_TEST_INFLUX2_TOKEN", "first"))
    return Token(path)


@pytest.fixture
async def store(token: Token) -> AsyncIterator[InfluxDB2]:
    """Yield a fresh bucket of the real server; it is removed after the test."""
    async with InfluxDB2(URL, f"test_{time.time_ns()}", ORG, token) as one:
        await one.prepare()
        yield one
        made = await one.bucket(one.database)
        assert made is not None
        await one.api("DELETE", f"/api/v2/buckets/{made['id']}", None)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(reply("400 Bad Request", b'{"code":"invalid","message":"x"}'), StoreRefusedError, id="400"),
        pytest.param(reply("400 Bad Request", b'{"code":"inv', length=500), StoreRefusedError, id="truncated body"),
        pytest.param(reply("422 Unprocessable", b'{"message":"x"}'), StoreRefusedError, id="422"),
        pytest.param(reply("401 Unauthorized"), StoreDeniedError, id="401"),
        pytest.param(reply("404 Not Found", b'{"message":"bucket"}'), StoreMisconfiguredError, id="404"),
        pytest.param(reply("413 Too Large"), StoreTooLargeError, id="413"),
        pytest.param(reply("429 Too Many", headers="Retry-After: 7\r\n"), StoreSlowDownError, id="429"),
        pytest.param(reply("500 Internal", b"<html>", length=500), StoreRetryError, id="truncated html"),
        pytest.param(reply("200 OK", b"<html>log in</html>"), StoreMisconfiguredError, id="a page instead"),
        pytest.param(reply("302 Found", headers="Location: /login\r\n"), StoreMisconfiguredError, id="redirect"),
        pytest.param(Reply((b"",)), StoreRetryError, id="closed without a word"),
        pytest.param(Reply((b"SSH-2.0-OpenSSH_9.2\r\n",)), StoreRetryError, id="another protocol"),
        pytest.param(drip("400 Bad Request", b"{" * 200, 0.05), StoreRetryError, id="slow drip"),
    ],
)
async def test_what_a_scripted_server_says(answer: Reply, kind: type[StoreError], token: Token) -> None:
    patience_s = 0.5 if answer.drip_s else 10.0
    async with scripted(answer) as server, InfluxDB2(server.url, "siaga", "city", token, timeout_s=patience_s) as store:
        with pytest.raises(StoreError) as caught:
            await store.write(LINES)
    assert type(caught.value) is kind
    assert "first" not in str(caught.value)


async def test_a_write_carries_the_bytes_as_they_are(token: Token) -> None:
    async with scripted() as server, InfluxDB2(server.url, "siaga", "city", token) as store:
        await store.write(LINES)
        assert server.bodies == [LINES]
        assert server.paths == ["/api/v2/write?org=city&bucket=siaga&precision=ns"]


async def test_a_changed_token_is_taken_from_its_file_without_a_restart(token: Token) -> None:
    async with scripted(reply("401 Unauthorized")) as server, InfluxDB2(server.url, "siaga", "city", token) as store:
        before = token.secret
        token.password_file.write_text("second")
        await store.write(LINES)
        assert [head.get("authorization") for head in server.heads] == [f"Token {before}", "Token second"]


async def test_nobody_there_means_retry(token: Token) -> None:
    async with InfluxDB2(f"http://127.0.0.1:{free_port()}", "siaga", "city", token) as store:
        for attempt in (store.write(LINES), store.query("SHOW DATABASES"), store.prepare(), store.health()):
            with pytest.raises(StoreRetryError):
                await attempt


async def test_influxql_changes_nothing_there(token: Token) -> None:
    async with InfluxDB2("http://127.0.0.1:9", "siaga", "city", token) as store:
        with pytest.raises(StoreQueryError):
            await store.administer("DROP DATABASE siaga")


CSV = "Content-Type: text/csv; charset=utf-8\r\n"
COUNTED = b",result,table,_value\r\n,mean,0,40\r\n\r\n,result,table,_value\r\n,last,0,2\r\n\r\n"


async def test_values_made_again_are_counted_of_each_day_minutes_and_hours(token: Token) -> None:
    answers = [reply("200 OK", COUNTED, CSV)] * 4
    async with scripted(*answers) as server, InfluxDB2(server.url, "siaga", "city", token) as store:
        assert await rollup(store, 10**18, 10**18 + 25 * 3_600 * 10**9) == 4 * 42
        assert server.paths == ["/api/v2/query?org=city"] * 4
        # An hour that is not over has fewer signs of life than it will have.
        counted = [
            re.findall(r"range\(start: time\(v: (\d+)\), stop: time\(v: (\d+)\)\)", one.decode())[-1]
            for one in server.bodies
        ]
    whole = {step: (10**18 + 25 * 3_600 * 10**9) // (step * 10**9) * step * 10**9 for step in (60, 3_600)}
    assert [int(end) for _, end in counted[2:]] == [whole[60], whole[3_600]]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(reply("400 Bad Request", b'{"message":"undefined identifier"}'), StoreQueryError, id="400"),
        pytest.param(reply("401 Unauthorized"), StoreDeniedError, id="401"),
        pytest.param(reply("404 Not Found", b'{"message":"bucket"}'), StoreMisconfiguredError, id="404"),
        pytest.param(reply("200 OK", b"<html>log in</html>"), StoreMisconfiguredError, id="a page instead"),
        pytest.param(
            reply("200 OK", COUNTED + b",error,reference\r\n,type conflict,\r\n", CSV), StoreQueryError, id="on the way"
        ),
    ],
)
async def test_values_that_cannot_be_made_again_are_told(answer: Reply, kind: type[StoreError], token: Token) -> None:
    async with scripted(answer) as server, InfluxDB2(server.url, "siaga", "city", token, timeout_s=10.0) as store:
        with pytest.raises(StoreError) as caught:
            await rollup(store, 10**18, 10**18 + 10**9)
    assert type(caught.value) is kind


@pytest.mark.slow
def test_the_seam_chooses_by_the_settings_and_the_client_is_imported_only_when_entered(token: Token) -> None:
    text = 'kind = "influxdb2"\norg = "city"\ntoken_file = "store.token"\n'
    settings = load_toml(text, StoreSettings, source="x", examples=EXAMPLES)
    account = settings.account(token.password_file.parent / "x")
    assert isinstance(open_store(settings, account), InfluxDB2)
    assert type(open_store(StoreSettings(), None)).__name__ == "InfluxDB1"
    with pytest.raises(StoreMisconfiguredError):
        open_store(settings, None)
    looked = "import sys; import store.influxdb2; print('influxdb_client' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", looked], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


@pytest.mark.parametrize(
    "text",
    [
        'kind = "influxdb2"\n',
        'kind = "influxdb2"\norg = "city"\n',
        'org = "city"\n',
        'kind = "influxdb2"\norg = "city"\ntoken_file = "t"\nusername = "u"\npassword_file = "p"\n',
        'kind = "influxdb3"\n',
    ],
)
def test_settings_that_do_not_belong_together_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        load_toml(text, StoreSettings, source="x", examples=EXAMPLES)


@real
async def test_what_is_written_is_read_back(store: InfluxDB2) -> None:
    await store.write(LINES)
    await store.write(LINES)
    rows = await store.query("SELECT level_m FROM water_level GROUP BY device")
    assert [(row["device"], row["time"], row["level_m"]) for row in rows] == [
        ("box-1", 1_700_000_000_000_000_001, 1.5),
        ("box-1", 1_700_000_000_000_000_002, 2),
    ]
    assert (await store.health()).startswith("InfluxDB ")


@real
async def test_a_body_with_a_bad_line_is_refused_and_its_good_lines_may_be_lost(store: InfluxDB2) -> None:
    with pytest.raises(StoreRefusedError, match="unable to parse"):
        await store.write(b"garbage\n" + LINES)
    # 2.9 keeps none of it, so the writer must halve the body down to the one bad line.
    assert await store.query("SELECT level_m FROM water_level") == []


@real
async def test_a_field_of_another_type_is_refused(store: InfluxDB2) -> None:
    await store.write(LINES)
    with pytest.raises(StoreRefusedError, match="field type conflict"):
        await store.write(b'water_level,device=box-1,sensor=w level_m="deep" 1700000000000000003')


@real
async def test_prepare_may_be_repeated_and_who_is_not_let_in_is_told(store: InfluxDB2, tmp_path: Path) -> None:
    await store.prepare()
    wrong = tmp_path / "wrong.token"
    wrong.touch(0o600)
    wrong.write_text("guessed")
    async with InfluxDB2(URL, store.database, ORG, Token(wrong)) as stranger:
        for attempt in (stranger.write(LINES), stranger.query("SHOW DATABASES"), stranger.prepare()):
            with pytest.raises(StoreDeniedError):
                await attempt
    async with InfluxDB2(URL, "nowhere", ORG, store.token) as other:
        with pytest.raises(StoreMisconfiguredError):
            await other.write(LINES)


@real
async def test_it_is_set_up_once_and_late_readings_reach_its_means(store: InfluxDB2) -> None:
    layout = Layout(near_every_s=1)
    try:
        assert "keeps points for ever, not 30 days" in (await init(store, layout)).differences[0]
        assert await look(store, layout) == Found((), (), ())
        assert len((await look(store, Layout(late_s=7_200, near_every_s=1))).differences) == 1
        minute_ns = time.time_ns() // 60_000_000_000 * 60_000_000_000 - 20 * 60_000_000_000
        line = 'water_level,device=box-1,sensor=w level_m={},clock="ntp" {}'
        await store.write("\n".join(line.format(float(n), minute_ns + n) for n in (1, 2)).encode())
        await _until(store, minute_ns, (1.5, 2))
        await store.write(line.format(6.0, minute_ns + 3).encode())
        await _until(store, minute_ns, (3.0, 3))
    finally:
        for one in (await store.api("GET", "/api/v2/tasks", None, {"org": ORG, "limit": "500"}))["tasks"]:
            if one["name"].startswith(f"siaga_{store.database}_"):
                await store.api("DELETE", f"/api/v2/tasks/{one['id']}", None)
        for policy in ("minute", "hour"):
            made = await store.bucket(f"{store.database}/{policy}")
            assert made is not None
            await store.api("DELETE", f"/api/v2/buckets/{made['id']}", None)


async def _until(store: InfluxDB2, minute_ns: int, expected: tuple[float, int]) -> None:
    query = f'SELECT level_m, readings FROM "minute"."water_level" WHERE time = {minute_ns}'
    rows: list[tuple[object, object]] = []
    try:
        async with asyncio.timeout(20):
            while rows != [expected]:
                rows = [(row["level_m"], row["readings"]) for row in await store.query(query)]
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(rows) from None


def test_the_command_takes_a_token_and_an_organisation_together(token: Token, tmp_path: Path) -> None:
    where = ["check", "--url", f"http://127.0.0.1:{free_port()}", "--org", "city"]
    assert CliRunner().invoke(app, where).exit_code == 2
    assert CliRunner().invoke(app, [*where, "--token-file", str(token.password_file)]).exit_code == 69
    told = CliRunner().invoke(app, [*where, "--token-file", str(tmp_path / "nowhere")])
    assert told.exit_code == 78
    assert "store: --token-file: " in told.stderr
