"""The inventory of the simulated city: boxes on its streets and at its landmarks, stations, thresholds. Pure."""

from __future__ import annotations

from typing import Final

from contract.inventory import Button, Device, Inventory, Sensor, Site, Threshold, VehicleUse
from simulator.history.plan import Plan
from simulator.history.stations import AIR, GAUGE, WEATHER
from simulator.history.vehicles import GPS
from simulator.streets import City, Place

_RIVERS: Final = ("Cikapundung", "Cidurian", "Citepus", "Cibeunying", "Cicadas", "Cinambo")
_USES: Final[tuple[VehicleUse, ...]] = ("patrol", "patrol", "patrol", "patrol", "ambulance", "fire")
_CALLED: Final = {"patrol": "Patroli", "ambulance": "Ambulans", "fire": "Damkar", "service": "Dinas"}
_LEVELS: Final = (
    Threshold(field="level_m", value=1.5, level="watch"),
    Threshold(field="level_m", value=2.5, level="bad"),
    Threshold(field="level_m", value=3.5, level="critical"),
)


def places(plan: Plan, city: City) -> dict[str, tuple[str, Place]]:
    """Return the address and place of each box that stands somewhere: landmarks first, then along the streets."""
    found: dict[str, tuple[str, Place]] = {}
    spots = list(city.landmarks.items())
    streets = city.streets
    for number, box in enumerate(plan.fixed):
        if number < len(spots):
            found[box] = spots[number]
            continue
        turn, which = divmod(number - len(spots), len(streets))
        points = streets[which].points
        leg = turn % (len(points) - 1)
        part = ((turn // (len(points) - 1)) * 0.37 + 0.21) % 1
        start, end = points[leg], points[leg + 1]
        place = Place(
            round(start.latitude + part * (end.latitude - start.latitude), 6),
            round(start.longitude + part * (end.longitude - start.longitude), 6),
        )
        found[box] = (f"{streets[which].name}, titik {turn + 1}", place)
    return found


def inventory(plan: Plan, city: City) -> Inventory:
    """Return who and what is where."""
    where = places(plan, city)
    sites = [
        Site(id=f"site-{box}", address=address, latitude=place.latitude, longitude=place.longitude)
        for box, (address, place) in where.items()
    ]
    devices = [Device(name=box, label=address, site=f"site-{box}") for box, (address, _) in where.items()]
    sensors = []
    for number, vehicle in enumerate(plan.moving):
        use = _USES[number % len(_USES)]
        devices.append(Device(name=vehicle, label=f"{_CALLED[use]} {number + 1}", vehicle=use))
        sensors.append(Sensor(device=vehicle, id=GPS, kind="position", label="GPS"))
    sensors += [
        Sensor(device=box, id=AIR, kind="air_quality", label=f"Udara {where[box][0]}") for box in plan.air_boxes
    ]
    for number, box in enumerate(plan.water_boxes):
        river = f"{_RIVERS[number % len(_RIVERS)]} {number // len(_RIVERS) + 1}"
        sensors.append(Sensor(device=box, id=GAUGE, kind="water_level", label=river, thresholds=list(_LEVELS)))
    sensors += [
        Sensor(device=box, id=WEATHER, kind="weather", label=f"Cuaca {where[box][0]}") for box in plan.weather_boxes
    ]
    buttons = [
        Button(device=box, id="sos", address=address, latitude=place.latitude, longitude=place.longitude)
        for box, (address, place) in where.items()
    ]
    return Inventory(version=1, sites=sites, devices=devices, buttons=buttons, sensors=sensors)


def to_toml(known: Inventory) -> str:
    """Return an inventory as the TOML that `contract.inventory.parse_inventory` reads."""
    import json

    parts = [f"version = {known.version}\n"]
    for table, rows in known.model_dump(exclude_none=True, exclude_defaults=True).items():
        if table == "version":
            continue
        for row in rows:
            nested = {key: value for key, value in row.items() if isinstance(value, list)}
            plain = [f"{key} = {json.dumps(value)}" for key, value in row.items() if key not in nested]
            parts.append("\n".join([f"[[{table}]]", *plain]) + "\n")
            for key, more in nested.items():
                for one in more:
                    words = [f"{name} = {json.dumps(value)}" for name, value in one.items()]
                    parts.append("\n".join([f"[[{table}.{key}]]", *words]) + "\n")
    return "\n".join(parts)
