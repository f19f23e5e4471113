"""A collector on a real InfluxDB 2.x, where the environment names one (see tests/store/test_influxdb2.py)."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from collector.quarantine import FILE
from collector.quarantine_read import read_rows
from siaga.stack.influxdb import InfluxDB
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process
from store.account import Token
from store.influxdb2 import InfluxDB2
from store.refusals import FIELD_TYPE
from tests.collector.batches import T0_NS, body, reading
from tests.collector.box import box
from tests.collector.test_process import COMMAND, write_config

URL = os.environ.get("SIAGA_TEST_INFLUX2_URL", "")
ORG = os.environ.get("SIAGA_TEST_INFLUX2_ORG", "city")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not URL, reason="set SIAGA_TEST_INFLUX2_URL and SIAGA_TEST_INFLUX2_TOKEN"),
]


async def test_fault_32_on_2x_the_whole_body_is_refused_and_its_good_readings_are_stored_all_the_same(
    telemetry_broker: Mosquitto, tmp_path: Path
) -> None:
    token_file = tmp_path / "store.token"
    token_file.touch(0o600)
    token_file.write_text(os.environ["SIAGA_TEST_INFLUX2_TOKEN"])
    bucket = f"test_{time.time_ns()}"
    config = write_config(tmp_path, telemetry_broker, InfluxDB(tmp_path), bucket)
    text = config.read_text()
    text = text[: text.index("[store]")]
    config.write_text(
        f'{text}[store]\nkind = "influxdb2"\nurl = "{URL}"\ndatabase = "{bucket}"\norg = "{ORG}"\n'
        f'token_file = "{token_file}"\n'
    )
    collector = Process([*COMMAND, "run", "--config", str(config)], name="collector-1", folder=tmp_path)
    bad = {"latitude": -6.9, "longitude": 107.6, "hdop": 1.5}
    async with InfluxDB2(URL, bucket, ORG, Token(token_file)) as store:
        await store.prepare()
        await store.write(f'position,device=other,sensor=gps hdop="wide" {T0_NS}'.encode())
        try:
            collector.start()
            collector.wait_ready()
            async with box(telemetry_broker) as one:
                for number in range(50):
                    readings = [reading(number * 20 + place) for place in range(20)]
                    if number % 10 == 7:
                        readings[5] = reading(number * 20 + 5, fields=bad)
                    await one.send(number, body(number=number, readings=readings))
                await one.all_receipted()
            [row] = await store.query("SELECT count(latitude) FROM position WHERE device = 'box-1'")
            assert row["count"] == 995
            kept = Counter((row.reason, row.readings) for row in read_rows(tmp_path / "data" / FILE))
            assert kept == {(FIELD_TYPE, 1): 5}
        finally:
            collector.stop()
            made = await store.bucket(bucket)
            assert made is not None
            await store.api("DELETE", f"/api/v2/buckets/{made['id']}", None)
