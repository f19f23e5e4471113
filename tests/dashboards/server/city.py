"""A small city for the wall server's tests: who is in its inventory, and what the store has of them. Its end is now."""

from __future__ import annotations

import json
import math
import random

from simulator.streets import load_city
from store.lines import FieldValue, line

BOXES = 8
VEHICLES = 7
SILENT_VEHICLE = "patrol-7"
SILENT_GAUGE = ("gauge-4", "river")
NEVER_BOX = "box-8"
"""Who is in the inventory and has fallen silent, and who never spoke."""
GAUGES = ("Cikapundung, Braga", "Cikapundung, Dago", "Cidurian, Antapani", "Citepus, Pasirkaliki")
STATIONS = ("Alun-Alun", "Dago", "Gedebage", "Tegallega", "Cicaheum", "Ujungberung")
PLACES = (
    ("alun-alun", "Jl. Asia Afrika, Alun-Alun", -6.9214, 107.6068),
    ("braga", "Jl. Braga, sudut Jl. Asia Afrika", -6.9208, 107.6099),
    ("gedung-sate", "Jl. Diponegoro No. 22", -6.9014, 107.6187),
    ("simpang-dago", "Jl. Ir. H. Juanda, Simpang Dago", -6.8852, 107.6138),
)
_S = 10**9


def inventory_toml() -> str:
    """Return the city's inventory."""
    tables = ["version = 1"]
    for name, address, latitude, longitude in PLACES:
        tables.append(_table("sites", id=name, address=address, latitude=latitude, longitude=longitude))
        tables.append(
            _table("cameras", id=f"cam-{name}", site=name, label=f"Kamera {name}", link=f"https://cctv.example/{name}")
        )
    for number in range(1, BOXES + 1):
        place = PLACES[number % len(PLACES)]
        tables.append(_table("devices", name=f"box-{number}", label=f"Tiang {number}", site=place[0]))
        tables.append(
            _table(
                "buttons",
                device=f"box-{number}",
                id="sos",
                address=place[1],
                latitude=place[2] + number / 9e3,
                longitude=place[3],
            )
        )
    tables += [
        _table("devices", name=f"patrol-{number}", label=f"Patroli {number}", vehicle="patrol")
        for number in range(1, VEHICLES + 1)
    ]
    for number, label in enumerate(GAUGES, 1):
        site = PLACES[number % len(PLACES)][0]
        tables.append(_table("devices", name=f"gauge-{number}", label=f"Duga {number}", site=site))
        bounds = ", ".join(
            f'{{ field = "level_m", value = {value}, level = "{level}" }}'
            for value, level in ((2.0, "watch"), (3.0, "bad"), (3.8, "critical"))
        )
        sensor = _table("sensors", device=f"gauge-{number}", id="river", kind="water_level", label=label)
        tables.append(f"{sensor}\nthresholds = [{bounds}]")
    for number, label in enumerate(STATIONS, 1):
        site = PLACES[number % len(PLACES)][0]
        tables.append(_table("devices", name=f"air-{number}", label=f"Stasiun {label}", site=site))
        tables.append(_table("sensors", device=f"air-{number}", id="pm", kind="air_quality", label=label))
        tables.append(_table("sensors", device=f"air-{number}", id="wx", kind="weather", label=label))
    return "\n\n".join(tables) + "\n"


def lines(now_ns: int, *, hours: int = 24, seed: int = 1) -> bytes:
    """Return what the store has by `now_ns` in its default policy, as line protocol."""
    rng = random.Random(seed)
    made = [*_sensors(now_ns, hours, rng), *_boxes(now_ns, hours, rng), *_vehicles(now_ns, rng)]
    for name in ("Jalan Braga", "Jalan Asia Afrika", "Jalan Ir. H. Juanda", "Jalan Soekarno-Hatta"):
        for minute in range(0, 360, 2):
            speed = max(0.5, rng.gauss(4 + len(name) / 5, 1.2))
            fields: dict[str, FieldValue] = {"speed_mps": speed, "vehicles": rng.randint(1, 4)}
            made.append(line("street_speed", {"street": name}, fields, now_ns - (minute * 60 + 40) * _S))
    return "\n".join(made).encode()


def signs_of_life(now_ns: int) -> bytes:
    """Return what comes in all the time, as of now: beat, reports, readings, and vehicles where they were last."""
    made = _boxes(now_ns, 0, random.Random(1), minutes=1) + _sensors(now_ns, 0, random.Random(1), minutes=1)
    # The last of each vehicle's positions, which are 10 s apart.
    places = _vehicles(now_ns, random.Random(1))[59::60]
    made += [place for place in places if f"={SILENT_VEHICLE}," not in place]
    made.append(line("desk_beat", {"desk": "desk"}, _beat(), now_ns - 2 * _S))
    return "\n".join(made).encode()


def incident_lines(now_ns: int, *, count: int = 20, seed: int = 2) -> bytes:
    """Return incidents of a week, for the policy `hour`; one of them is open."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        place = PLACES[number % len(PLACES)]
        age_s = 140.0 if number == 0 else rng.uniform(3_600, 6 * 86_400)
        fields: dict[str, FieldValue] = {
            "incident_id": f"incident-{number}",
            "state": "open" if number == 0 else "closed",
            "presses": rng.randint(1, 3),
            "step": 0,
            "incomplete": False,
            "button": "sos",
            "latitude": place[2],
            "longitude": place[3],
            "ring_s": rng.uniform(0.2, 0.9),
        }
        if number > 0:
            fields |= {"accept_s": rng.uniform(4, 26), "depart_s": rng.uniform(40, 110), "resolve_s": 900.0 + number}
        tags = {"device": f"box-{number % BOXES + 1}", "origin": "press" if number % 5 else "call", "status": "Actual"}
        made.append(line("incident", tags, fields, now_ns - int(age_s * 1e9)))
    return "\n".join(made).encode()


def _sensors(now_ns: int, hours: int, rng: random.Random, *, minutes: int = 0) -> list[str]:
    made = []
    for minute in range(0, hours * 60 + minutes, 5):
        at = now_ns - (minute * 60 + 20) * _S
        storm = math.exp(-(((minute - 70) / 90) ** 2))
        for number in range(1, len(GAUGES) + 1):
            if (f"gauge-{number}", "river") == SILENT_GAUGE and minute < 190:
                continue
            level = 0.7 + 0.2 * number + storm * (3.0 if number == 1 else 0.8) + rng.gauss(0, 0.02)
            tags = {"device": f"gauge-{number}", "sensor": "river"}
            made.append(line("water_level", tags, {"level_m": level, "clock": "ntp"}, at))
        for number in range(1, len(STATIONS) + 1):
            dust = max(3.0, 14 + 9 * number * abs(math.sin(minute / 240 + number)) + rng.gauss(0, 2))
            air: dict[str, FieldValue] = {"pm2_5_ugm3": dust, "pm10_ugm3": dust * 1.7, "clock": "ntp"}
            made.append(line("air_quality", {"device": f"air-{number}", "sensor": "pm"}, air, at))
            rain = max(0.0, storm * (number % 3) * 2.2 + rng.gauss(0, 0.05))
            weather: dict[str, FieldValue] = {
                "temperature_c": 24 - 3 * storm + number / 3,
                "humidity_pct": 70 + 20 * storm,
                "wind_speed_mps": 2 + 5 * storm + rng.random(),
                "wind_gust_mps": 4 + 9 * storm + rng.random(),
                "rain_mm": rain,
                "clock": "ntp",
            }
            made.append(line("weather", {"device": f"air-{number}", "sensor": "wx"}, weather, at))
    return made


def _boxes(now_ns: int, hours: int, rng: random.Random, *, minutes: int = 0) -> list[str]:
    made = []
    for minute in range(0, hours * 60 + minutes, 3):
        at = now_ns - (minute * 60 + 15) * _S
        for number in range(1, BOXES):
            report: dict[str, FieldValue] = {
                "produced": 1_000_000 - minute * 60,
                "waiting": 2_400 if number == 3 and minute < 30 else rng.randint(0, 20),
                "dropped": 0,
                "faults": int(number == 5),
                "faulty": int(number == 5),
                "clock": "none" if number == 3 and minute < 60 else "ntp",
                "clock_trusted": 0 if number == 3 and minute < 60 else 1,
                "software": "0.1.0",
            }
            if number == 5:
                report["fault"] = "disk: 91 % full"
            made.append(line("box_report", {"device": f"box-{number}"}, report, at))
            health: dict[str, FieldValue] = {
                "disk_free_bytes": 62_000_000_000 - number * 10**9,
                "cpu_temperature_c": 47 + rng.gauss(0, 2),
                "load_1min": abs(rng.gauss(0.4, 0.1)),
                "supply_v": 12.1 + rng.gauss(0, 0.05),
                "link_signal_dbm": -70 + rng.gauss(0, 3),
            }
            made.append(line("box_health", {"device": f"box-{number}", "sensor": "box"}, health, at))
        for name in (*_others(), *((SILENT_VEHICLE,) if minute > 40 else ())):
            report = {"produced": 500_000 - minute * 30, "waiting": 0, "dropped": 0, "faults": 0, "clock": "gnss"}
            report |= {"faulty": 0, "clock_trusted": 1, "software": "0.1.0"}
            made.append(line("box_report", {"device": name}, report, at))
    beats = range(2, hours * 3_600, 30)
    return made + [line("desk_beat", {"desk": "desk"}, _beat(), now_ns - second * _S) for second in beats]


def _beat() -> dict[str, FieldValue]:
    hops = {"command": 0.4, "alarm": 0.5, "store": 0.5, "telemetry": 3.4, "receipt": 3.5}
    tests: dict[str, FieldValue] = {f"tests_{hop}_s": seconds for hop, seconds in hops.items()}
    return {"open_incidents": 1, "recording": 1, "tests_share_pct": 99.95, "tests_budget_pct": 58.0, **tests}


def _others() -> list[str]:
    """Return the boxes in vehicles and at stations that are heard; a silent sensor's box still reports."""
    vehicles = [f"patrol-{number}" for number in range(1, VEHICLES + 1) if f"patrol-{number}" != SILENT_VEHICLE]
    gauges = [f"gauge-{number}" for number in range(1, len(GAUGES) + 1)]
    return [*vehicles, *gauges, *(f"air-{number}" for number in range(1, len(STATIONS) + 1))]


def _vehicles(now_ns: int, rng: random.Random) -> list[str]:
    streets = list(load_city().streets)
    made = []
    for number in range(1, VEHICLES + 1):
        street = streets[number % len(streets)].points
        silent_s = 2_400 if f"patrol-{number}" == SILENT_VEHICLE else 0
        for step in range(60):
            share = (step / 60) * (len(street) - 1)
            start, end = street[int(share)], street[min(int(share) + 1, len(street) - 1)]
            part = share - int(share)
            latitude = start.latitude + (end.latitude - start.latitude) * part
            longitude = start.longitude + (end.longitude - start.longitude) * part
            course = math.degrees(math.atan2(end.longitude - start.longitude, end.latitude - start.latitude)) % 360
            fields: dict[str, FieldValue] = {
                "latitude": latitude,
                "longitude": longitude,
                "speed_mps": 0.0 if number == 2 else 6 + rng.random() * 4,
                "course_deg": course,
                "satellites": 9,
                "hdop": 0.9,
            }
            at = now_ns - int((silent_s + (60 - step) * 10 - 5) * 1e9)
            made.append(line("position", {"device": f"patrol-{number}", "sensor": "gps"}, fields, at))
    return made


def _table(table: str, **values: str | float) -> str:
    return "\n".join([f"[[{table}]]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())])
