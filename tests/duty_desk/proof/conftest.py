"""One desk for all that only asks: each test leaves the incident it has as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process
from siaga.stack.trust import Trust
from tests.duty_desk.conftest import Desk
from tests.warm import Warm


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, session_processes: set[Process], warm: Warm) -> Iterator[Desk]:
    """Yield a desk of this module's with one open incident and nothing else."""
    folder = tmp_path_factory.mktemp("running")
    trust = Trust(folder / "authority")
    brokers = Mosquitto(folder, "a", trust, "alarm"), Mosquitto(folder, "b", trust, "telemetry")
    for broker in brokers:
        broker.render()
    desk = Desk(folder, *brokers, warm=warm)
    session_processes.add(desk.process)
    desk.start()
    body = {"key": "00000000-0000-4000-8000-000000000001", "category": "crime", "address": "Jl. Braga 10"}
    assert desk.post("/api/incidents", body)[0] == 200
    yield desk
    desk.process.stop()
    session_processes.discard(desk.process)
