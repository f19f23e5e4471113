"""Before a real Grafana: only the frame freezes, only the data source, only the log-in, then the whole browser.

SIAGA_TEST_GRAFANA_URL and SIAGA_TEST_GRAFANA_TOKEN name it, as in `tests/dashboards/grafana/test_real.py`, and
SIAGA_TEST_GRAFANA_ADMIN is `name:password` of its server's administrator. It needs `allow_embedding` and anonymous
viewers of the organisation "Main Org."; without that organisation's name nobody is one, which is the log-in's end.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from dashboards.grafana.client import Client
from dashboards.grafana.wanted import wanted
from dashboards.push import changes, push
from siaga.stack.influxdb import READER, InfluxDB
from store import StoreSettings
from tests.dashboards.guardian.test_screens import NAMED_WITHIN_S, STILL, named, opened, told
from tests.dashboards.server.conftest import Walls, chromium, walls

URL = os.environ.get("SIAGA_TEST_GRAFANA_URL", "")
TOKEN = os.environ.get("SIAGA_TEST_GRAFANA_TOKEN", "")
ADMIN = os.environ.get("SIAGA_TEST_GRAFANA_ADMIN", "")
PAINTED_S = 300.0
"""Several screens of a real Grafana paint at once, without a graphics card."""
PLAN = 'language = "id"\nsource = "grafana"\n' + "".join(
    f'[[screens]]\nnumber = {number}\nshow = [{{ dashboard = "siaga_{name}" }}]\ntakeover = true\n'
    for number, name in enumerate(("water", "air"), 1)
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (URL and TOKEN and ADMIN), reason="SIAGA_TEST_GRAFANA_URL, _TOKEN and _ADMIN name none"),
]


async def test_each_thing_that_freezes_before_a_real_grafana_is_named_for_what_it_is(
    tmp_path: Path, city_server: InfluxDB, record_property: Any
) -> None:
    await asyncio.to_thread(_push, city_server)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(
            walls(tmp_path, city_server, plan=PLAN, more=f'[grafana]\nurl = "{URL}"\n')
        )
        before = set(psutil.Process().children(recursive=True))
        browser = await stack.enter_async_context(chromium())
        pages = {number: await opened(browser, running, number) for number in (1, 2)}
        everybody = dict.fromkeys(pages, ("good", ""))
        await named(running, everybody, PAINTED_S)
        took: dict[str, dict[int, float]] = {}

        await pages[1].frames[1].evaluate(STILL)
        took["frame"] = await named(running, {1: ("frozen", "frame_still")}, NAMED_WITHIN_S)
        assert {one["state"] for number, one in (await told(running)).items() if number == "2"} == {"good"}
        await named(running, everybody, PAINTED_S)

        store = [city_server.pid]
        took["data source"] = await _stopped(store, running, dict.fromkeys(pages, ("stale", "store_silent")))
        await named(running, everybody, PAINTED_S)

        await _organisation("Main Org.", "Nobody's")
        try:
            # A dashboard that is open shows no form, but Grafana refuses what its panels ask.
            took["log-in"] = await named(running, dict.fromkeys(pages, ("logged_out", "log_in_form")), NAMED_WITHIN_S)
        finally:
            await _organisation("Nobody's", "Main Org.")
        await named(running, everybody, PAINTED_S)

        processes = set(psutil.Process().children(recursive=True)) - before
        chromiums = [process.pid for process in processes if process.name().startswith("chrom")]
        took["browser"] = await _stopped(chromiums, running, dict.fromkeys(pages, ("gone", "silent")))
        await named(running, everybody, PAINTED_S)
    for what, seconds in took.items():
        record_property("told", f"{what}: " + ", ".join(f"screen {n} {s:.1f} s" for n, s in sorted(seconds.items())))


async def _stopped(pids: list[int], running: Walls, expected: Mapping[int, tuple[str, str]]) -> dict[int, float]:
    """Return after how many s each screen was named while processes were stopped."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        return await named(running, expected, NAMED_WITHIN_S)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _push(server: InfluxDB) -> None:
    password = server.password_file(READER).read_text().strip()
    client = Client(URL.rstrip("/") + "/", TOKEN, 30)
    store = StoreSettings.model_validate(
        {"url": server.url, "database": "walls", "username": READER, "password_file": "x"}
    )
    push(client, changes(client, wanted(store, password, folder="Siaga", token=TOKEN)))
    client.close()


async def _organisation(name: str, new: str) -> None:
    async with httpx.AsyncClient(base_url=URL, auth=tuple(ADMIN.split(":", 1)), trust_env=False) as client:  # type: ignore[arg-type]
        found = (await client.get("api/orgs")).raise_for_status().json()
        number = next(each["id"] for each in found if each["name"] == name)
        (await client.put(f"api/orgs/{number}", json={"name": new})).raise_for_status()
