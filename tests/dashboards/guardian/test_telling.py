"""How a screen is told: retained on both brokers at once and again after a broker was away, on the page, in figures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract import topics
from contract.messages import ScreenMessage, decode
from dashboards.guardian import guardian as guardian_module
from dashboards.guardian import judge as judge_module
from dashboards.guardian.signs import Limits
from link import Session
from siaga.stack.influxdb import InfluxDB
from siaga.stack.mosquitto import Mosquitto
from tests.dashboards.guardian.beats import board
from tests.dashboards.server.conftest import Walls, walls
from tests.dashboards.server.test_incident import _brokers

BEAT = board(dashboard="siaga_city", kiosk=False).model_dump_json()
JSON = {"content-type": "application/json"}
PLAN = """
language = "id"
source = "board"
[[screens]]
number = 7
show = [{ dashboard = "siaga_city" }]
takeover = true
"""


@asynccontextmanager
async def heard(broker: Mosquitto) -> AsyncIterator[asyncio.Queue[tuple[ScreenMessage, bool]]]:
    """Yield what is told of screens on a broker, and whether it was retained."""
    queue: asyncio.Queue[tuple[ScreenMessage, bool]] = asyncio.Queue()
    session = Session(
        broker.probe(),
        "probe-screens",
        subscriptions=(topics.ALL_SCREENS,),
        on_message=lambda _, body, retained: queue.put_nowait((decode(ScreenMessage, body), retained)),
    )
    running = asyncio.create_task(session.run())
    try:
        async with asyncio.timeout(30):
            await session.wait_connected()
        yield queue
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def state_told(queue: asyncio.Queue[tuple[ScreenMessage, bool]], state: str) -> tuple[ScreenMessage, bool]:
    """Return the next message of a state."""
    async with asyncio.timeout(60):
        while True:
            message, retained = await queue.get()
            if message.state == state:
                return message, retained


async def beat(running: Walls, body: str | bytes = BEAT, number: object = 7) -> httpx.Response:
    """Send a beat."""
    async with httpx.AsyncClient() as client:
        return await client.post(f"{running.url}/api/screen/{number}/alive", content=body, headers=JSON)


@asynccontextmanager
async def beating(running: Walls) -> AsyncIterator[None]:
    """Let the screen's page live meanwhile, however long it takes."""

    async def on() -> None:
        while True:
            await beat(running)
            await asyncio.sleep(0.5)

    heart = asyncio.create_task(on())
    try:
        yield
    finally:
        heart.cancel()
        await asyncio.gather(heart, return_exceptions=True)


@pytest.mark.slow
async def test_a_screen_is_told_on_both_brokers_retained_and_again_after_one_was_away(
    tmp_path: Path,
    city_server: InfluxDB,
    alarm_broker: Mosquitto,
    telemetry_broker: Mosquitto,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guardian_module, "AGAIN_S", 4.0)
    monkeypatch.setattr(judge_module, "Limits", lambda: Limits(silent_s=5.0, hold_s=1.0, clear_s=1.0))
    more = _brokers(alarm_broker, telemetry_broker)
    async with walls(tmp_path, city_server, plan=PLAN, more=more) as running:
        async with heard(alarm_broker) as alarm, heard(telemetry_broker) as telemetry:
            for queue in (alarm, telemetry):
                message, _ = await state_told(queue, "gone")
                assert (message.screen, message.reasons) == (7, ["never_heard"])
            assert (await beat(running)).json()["reload"] is False
            async with beating(running):
                for queue in (alarm, telemetry):
                    message, _ = await state_told(queue, "good")
                    assert message.dashboard == "siaga_city"
                    assert message.data_age_s is None or message.data_age_s >= 0
                async with heard(alarm_broker) as late:
                    message, retained = await state_told(late, "good")
                    assert retained, "who comes later hears it too"
        alarm_broker.stop()
        alarm_broker.start()
        async with heard(alarm_broker) as alarm:
            message, _ = await state_told(alarm, "gone")
            assert message.reasons == ["silent"]
        found: dict[str, Any] = await running.get("/api/screens")
        assert found["7"]["since_ms"] == pytest.approx(message.since_ns / 1e6, abs=500)


@pytest.mark.slow
async def test_what_is_no_beat_is_refused_and_changes_nothing(tmp_path: Path, city_server: InfluxDB) -> None:
    async with walls(tmp_path, city_server, plan=PLAN) as running:
        for body in (b"", b"[]", b"null", b"{", b'{"page": "x"}', b"\xff", BEAT.encode() + b" " * 5_000):
            answer = await beat(running, body)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), body
        for number in (8, 0, 25, -1, "x", "7x", 10**30):
            assert (await beat(running, number=number)).status_code == 404, number
        assert (await beat(running, b"x" * 100_000)).status_code == 413
        async with httpx.AsyncClient() as client:
            foreign = JSON | {"origin": "http://elsewhere.example"}
            answer = await client.post(f"{running.url}/api/screen/7/alive", content=BEAT, headers=foreign)
            assert answer.status_code == 403
            assert 'state="good"} 1' not in (await client.get(f"{running.url}/metrics")).text
