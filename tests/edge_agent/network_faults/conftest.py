"""Both brokers of one authority, running, and where it is needed a desk between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.topics import Lane
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk


@pytest.fixture
def brokers(alarm_broker: Mosquitto, telemetry_broker: Mosquitto) -> dict[Lane, Mosquitto]:
    """Return both brokers, running."""
    return {"alarm": alarm_broker, "telemetry": telemetry_broker}


@pytest.fixture
def desk(tmp_path: Path, brokers: dict[Lane, Mosquitto]) -> Iterator[Desk]:
    """Yield a desk, started."""
    running = Desk(tmp_path, brokers["alarm"], brokers["telemetry"])
    running.start()
    yield running
    running.process.stop()
