"""`make faults-desk`: faults 45 and 49 of the ledger at their real times, the full disk a real one. Four minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk
from tests.duty_desk.ledger.outage import full, locked, no_room, rings_and_is_recorded_after, small_disk
from tests.duty_desk.ledger.test_faults import stalled

Tell = Callable[[str, object], None]
_MINUTE = 60.0
_PRESSES = 120


async def test_fault_45_locked_for_a_minute(desk: Desk, record_property: Tell) -> None:
    _tell(record_property, await rings_and_is_recorded_after(desk, locked(desk), _MINUTE, _PRESSES))


async def test_fault_45_no_file_can_be_written_for_a_minute(desk: Desk, record_property: Tell) -> None:
    _tell(record_property, await rings_and_is_recorded_after(desk, no_room(desk), _MINUTE, _PRESSES))


async def test_fault_45_a_disk_full_for_a_minute(
    tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, record_property: Tell
) -> None:
    with small_disk(tmp_path / "data", "2m"):
        desk = Desk(tmp_path, alarm_broker, telemetry_broker)
        desk.start()
        try:
            outage = full(tmp_path / "data")
            _tell(record_property, await rings_and_is_recorded_after(desk, outage, _MINUTE, _PRESSES))
        finally:
            desk.process.stop()


async def test_fault_49_each_sync_takes_ten_seconds(desk: Desk, record_property: Tell) -> None:
    _tell(record_property, await rings_and_is_recorded_after(desk, stalled(desk, 10), 8.0, _PRESSES))


def _tell(record_property: Tell, waited_s: float) -> None:
    record_property(
        "told", f"{_PRESSES} presses rang; the last was recorded {waited_s:.2f} s after the ledger was back"
    )
