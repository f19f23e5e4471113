"""The dashboards, one a file."""

from __future__ import annotations

from dashboards.boards import (
    air,
    alarm_path,
    alarms,
    box,
    city,
    fleet,
    sensor,
    traffic,
    vehicle,
    vehicles,
    water,
    weather,
)
from dashboards.model import Dashboard

DASHBOARDS: dict[str, Dashboard] = {
    board.uid: board
    for board in (
        city.BOARD,
        alarms.BOARD,
        vehicles.BOARD,
        traffic.BOARD,
        air.BOARD,
        water.BOARD,
        weather.BOARD,
        fleet.BOARD,
        alarm_path.BOARD,
        box.BOARD,
        vehicle.BOARD,
        sensor.BOARD,
    )
}
