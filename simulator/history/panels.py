"""What each question of each panel must be answered with, by the dashboard's uid, the panel's key and the letter."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from simulator.history.plan import S
from simulator.history.series import Series
from simulator.history.truth import Asked, Row, Truth, nearest_rank

Answer = Callable[[Truth, Asked], list[Row]]
DEVICE, SENSOR, BOTH = ("device",), ("sensor",), ("device", "sensor")
_TARGET_S = 15.0


def _newest(kind: str, fields: tuple[str, ...], within_s: float, by: tuple[str, ...] = BOTH) -> Answer:
    return lambda truth, asked: truth.newest(kind, fields, within_s, asked, by=by)


def _only_newest(kind: str, fields: tuple[str, ...], within_s: float, by: tuple[str, ...]) -> Answer:
    return lambda truth, asked: truth.newest(kind, fields, within_s, asked, by=by, only=asked.device)


def _lines(
    kind: str, field: str, how: str = "mean", by: tuple[str, ...] = BOTH, chosen: tuple[str, ...] = ()
) -> Answer:
    return lambda truth, asked: truth.over_time(kind, (field,), how, asked, by=by, keep=_keep(asked, chosen))


def _reports(field: str, how: str = "max", by: tuple[str, ...] = (), chosen: tuple[str, ...] = DEVICE) -> Answer:
    return _lines("box_report", field, how, by, chosen)


def _keep(asked: Asked, chosen: tuple[str, ...]) -> Callable[[Series], bool]:
    wanted = {name: getattr(asked, name) for name in chosen}
    return lambda series: all(series.tags[name] == value for name, value in wanted.items())


def _rain(by: tuple[str, ...]) -> Answer:
    def answer(truth: Truth, asked: Asked) -> list[Row]:
        found = truth.since("weather", "rain_mm", asked.now_ns - 3_600 * S, 2**63 - 1, by=by)
        return [
            {**dict(zip(by, key, strict=True)), "rain_mm": sum(float(one) for _, one in values)}
            for key, values in found.items()
        ]

    return answer


def _rise(truth: Truth, asked: Asked) -> list[Row]:
    found = truth.since("water_level", "level_m", asked.now_ns - 3_600 * S, 2**63 - 1, by=BOTH)
    return [
        {**dict(zip(BOTH, key, strict=True)), "rise_m": float(values[-1][1]) - float(values[0][1])}
        for key, values in found.items()
    ]


def _heard(name: str, kind: str, field: str, within_s: float) -> Answer:
    return lambda truth, asked: _count(name, len(truth.newest(kind, (field,), within_s, asked, by=DEVICE)))


def _faulty(truth: Truth, asked: Asked) -> list[Row]:
    heard = truth.newest("box_report", ("faults",), 180, asked, by=DEVICE)
    return [{"boxes": sum(int(row["faults"] or 0) > 0 for row in heard)}] if heard else []


def _count(name: str, number: int) -> list[Row]:
    return [{name: number}] if number else []


def _incidents(name: str) -> Answer:
    return lambda truth, asked: _count(name, len(truth.incidents(asked.begin_ns, asked.end_ns)))


def _drills(truth: Truth, asked: Asked) -> list[Row]:
    every = truth.incidents(asked.begin_ns, asked.end_ns, real=None)
    return [{"drills": sum(row["status"] != "Actual" for row in every)}] if every else []


def _late(truth: Truth, asked: Asked) -> list[Row]:
    every = truth.incidents(asked.begin_ns, asked.end_ns, real=None)
    late = [row for row in every if row["status"] == "Actual" and float(row["accept_s"] or 0) > _TARGET_S]
    return [{"late": len(late)}] if every else []


def _rank(field: str, percent: float, *, within_s: float | None = None) -> Answer:
    def answer(truth: Truth, asked: Asked) -> list[Row]:
        begin_ns, end_ns = asked.begin_ns, asked.end_ns
        if within_s is not None:
            begin_ns, end_ns = asked.now_ns - round(within_s * S) + 1, 2**63 - 1
        values = [float(row[field] or 0) for row in truth.incidents(begin_ns, end_ns) if row[field] is not None]
        found = nearest_rank(values, percent)
        return [] if found is None else [{field: found}]

    return answer


def _latest(truth: Truth, asked: Asked) -> list[Row]:
    fields = ("time", "device", "button", "origin", "state", "presses", "accept_s", "depart_s", "resolve_s")
    return [{name: row[name] for name in fields} for row in truth.incidents(asked.begin_ns, asked.end_ns)[:20]]


def _slowest(field: str) -> Answer:
    return lambda truth, asked: truth.over_time(
        "incident", (field,), "max", asked, policy="autogen", keep=lambda series: series.tags["status"] == "Actual"
    )


def _by_origin(truth: Truth, asked: Asked) -> list[Row]:
    return truth.over_time(
        "incident", ("presses",), "count", asked, by=("origin",), policy="autogen", fill=0,
        keep=lambda series: series.tags["status"] == "Actual", names=("incidents",),
    )  # fmt: skip


def _by_box(truth: Truth, asked: Asked) -> list[Row]:
    counted: dict[str, int] = {}
    for row in truth.incidents(asked.begin_ns, asked.end_ns):
        counted[str(row["device"])] = counted.get(str(row["device"]), 0) + 1
    return [{"device": device, "incidents": number} for device, number in counted.items()]


def _open_places(truth: Truth, asked: Asked) -> list[Row]:
    fields = ("time", "device", "origin", "state", "latitude", "longitude", "incident_id", "presses")
    found = truth.incidents(asked.now_ns - 12 * 3_600 * S + 1, 2**63 - 1)
    return [{name: row[name] for name in fields} for row in found if row["state"] not in ("closed", "cancelled")]


def _beats(truth: Truth, asked: Asked) -> list[Row]:
    """Signs of life a minute; there are 0 of a minute or hour without one, as far back as values were made."""
    if asked.policy == "autogen":
        minutes = truth.over_time("desk_beat", ("recording",), "count", asked, by=("desk",), step_s=60, fill=0)
        counted = [(int(row["time"] or 0), float(row["recording"] or 0)) for row in minutes]
    else:
        width_ns = (60 if asked.policy == "minute" else 3_600) * S
        # A value stands where its minute or hour begins, and none is made of a part.
        first_ns = -(-max(asked.begin_ns, asked.made_ns[0]) // width_ns) * width_ns
        last_ns = min(asked.end_ns, asked.made_ns[1] // width_ns * width_ns)
        times = sorted(at for one in truth.of("desk_beat") for at in one.times)
        counted = [
            (at, (bisect_left(times, at + width_ns) - bisect_left(times, at)) * 60 * S / width_ns)
            for at in range(first_ns, last_ns, width_ns)
        ]
    step_ns = asked.step_s * S
    steps: dict[int, list[float]] = {}
    for at, beats in counted:
        steps.setdefault(at // step_ns * step_ns, []).append(beats)
    return [{"time": at, "desk": "desk", "beats": sum(some) / len(some)} for at, some in steps.items()]


def _slow_streets(truth: Truth, asked: Asked) -> list[Row]:
    found = truth.since("street_speed", "speed_mps", asked.now_ns - 900 * S, 2**63 - 1, by=("street",))
    return [
        {"street": street, "speed_mps": sum(float(one) for _, one in values) / len(values)}
        for (street,), values in found.items()
    ]


def _trail(truth: Truth, asked: Asked) -> list[Row]:
    begin_ns = asked.now_ns - 600 * S + 1
    window = Asked(begin_ns, 2**63 - 1, "autogen", 20, asked.now_ns)
    return truth.over_time("position", ("latitude", "longitude"), "first", window, by=DEVICE)


def _one_trail(truth: Truth, asked: Asked) -> list[Row]:
    return truth.over_time("position", ("latitude", "longitude"), "first", asked, by=DEVICE, keep=_keep(asked, DEVICE))


_WHERE = ("latitude", "longitude", "speed_mps", "course_deg")
_BOX = ("waiting", "dropped", "faults", "fault", "clock", "clock_trusted", "software")
_AIR_NOW, _LEVEL_NOW = _newest("air_quality", ("pm2_5_ugm3",), 900), _newest("water_level", ("level_m",), 900)
_OPEN = _newest("desk_beat", ("open_incidents",), 30, ())

ANSWERS: dict[tuple[str, str, str], Answer] = {
    ("siaga_city", "open", "A"): _OPEN,
    ("siaga_city", "accept", "A"): _rank("accept_s", 95, within_s=86_400),
    ("siaga_city", "boxes", "A"): _heard("boxes", "box_report", "produced", 180),
    ("siaga_city", "map", "A"): _newest("position", _WHERE, 300, DEVICE),
    ("siaga_city", "map", "C"): _open_places,
    ("siaga_city", "level", "A"): _LEVEL_NOW,
    ("siaga_city", "air", "A"): _AIR_NOW,
    ("siaga_city", "rain", "A"): _rain(DEVICE),
    ("siaga_alarms", "count", "A"): _incidents("incidents"),
    ("siaga_alarms", "accept-p50", "A"): _rank("accept_s", 50),
    ("siaga_alarms", "accept-p95", "A"): _rank("accept_s", 95),
    ("siaga_alarms", "drills", "A"): _drills,
    ("siaga_alarms", "latest", "A"): _latest,
    ("siaga_alarms", "by-time", "A"): _by_origin,
    ("siaga_alarms", "by-box", "A"): _by_box,
    ("siaga_vehicles", "map", "A"): _newest("position", _WHERE, 300, DEVICE),
    ("siaga_vehicles", "map", "B"): _trail,
    ("siaga_vehicles", "moving", "A"): _heard("vehicles", "position", "latitude", 300),
    ("siaga_vehicles", "heard", "A"): _newest("position", _WHERE[:3], 7 * 86_400, DEVICE),
    ("siaga_traffic", "slowest", "A"): _slow_streets,
    ("siaga_traffic", "mean", "A"): _lines("street_speed", "speed_mps", by=()),
    ("siaga_traffic", "streets", "A"): _newest("street_speed", ("speed_mps", "vehicles"), 900, ("street",)),
    ("siaga_air", "pm25-now", "A"): _AIR_NOW,
    ("siaga_air", "pm10-now", "A"): _newest("air_quality", ("pm10_ugm3",), 900),
    ("siaga_air", "pm25", "A"): _lines("air_quality", "pm2_5_ugm3"),
    ("siaga_air", "stations", "A"): _newest("air_quality", ("pm2_5_ugm3", "pm10_ugm3"), 3_600),
    ("siaga_water", "level-now", "A"): _LEVEL_NOW,
    ("siaga_water", "rise", "A"): _rise,
    ("siaga_water", "level", "A"): _lines("water_level", "level_m"),
    ("siaga_water", "gauges", "A"): _newest("water_level", ("level_m",), 6 * 3_600),
    ("siaga_weather", "rain-1h", "A"): _rain(BOTH),
    ("siaga_weather", "stations", "A"): _newest(
        "weather", ("temperature_c", "humidity_pct", "wind_speed_mps", "wind_gust_mps"), 3_600
    ),
    ("siaga_weather", "rain", "A"): _lines("weather", "rain_mm", "sum"),
    ("siaga_weather", "temperature", "A"): _lines("weather", "temperature_c"),
    ("siaga_weather", "gust", "A"): _lines("weather", "wind_gust_mps", "max"),
    ("siaga_fleet", "heard", "A"): _heard("boxes", "box_report", "produced", 180),
    ("siaga_fleet", "with-faults", "A"): _faulty,
    ("siaga_fleet", "waiting", "A"): _reports("waiting", chosen=()),
    ("siaga_fleet", "boxes", "A"): _newest("box_report", ("produced",), 7 * 86_400, DEVICE),
    ("siaga_fleet", "boxes", "B"): _newest("box_report", _BOX, 6 * 3_600, DEVICE),
    ("siaga_fleet", "boxes", "C"): _newest("box_health", ("disk_free_bytes", "cpu_temperature_c"), 3_600, DEVICE),
    ("siaga_alarm_path", "recording", "A"): _newest("desk_beat", ("recording",), 30, ()),
    ("siaga_alarm_path", "open", "A"): _OPEN,
    ("siaga_alarm_path", "ring-p99", "A"): _rank("ring_s", 99),
    ("siaga_alarm_path", "late", "A"): _late,
    ("siaga_alarm_path", "tests-share", "A"): _newest("desk_beat", ("tests_share_pct",), 300, ()),
    ("siaga_alarm_path", "tests-budget", "A"): _newest("desk_beat", ("tests_budget_pct",), 300, ()),
    ("siaga_alarm_path", "tests-hops", "A"): _newest(
        "desk_beat", tuple(f"tests_{hop}_s" for hop in ("command", "alarm", "store", "telemetry", "receipt")), 300, ()
    ),
    ("siaga_alarm_path", "ring", "A"): _slowest("ring_s"),
    ("siaga_alarm_path", "accept", "A"): _slowest("accept_s"),
    ("siaga_alarm_path", "beats", "A"): _beats,
    ("siaga_box", "clock", "A"): _reports("clock", "last", DEVICE),
    **{("siaga_box", field, "A"): _reports(field) for field in ("waiting", "dropped", "faults")},
    **{
        ("siaga_box", key, "A"): _lines(kind, field, by=DEVICE, chosen=DEVICE)
        for key, kind, field in (
            ("cpu", "box_health", "cpu_temperature_c"),
            ("disk", "box_health", "disk_free_bytes"),
            ("load", "box_health", "load_1min"),
            ("supply", "box_health", "supply_v"),
            ("signal", "box_health", "link_signal_dbm"),
            ("inside", "enclosure", "temperature_c"),
        )
    },
    ("siaga_vehicle", "map", "A"): _only_newest("position", _WHERE, 300, DEVICE),
    ("siaga_vehicle", "map", "B"): _one_trail,
    ("siaga_vehicle", "speed", "A"): _lines("position", "speed_mps", by=DEVICE, chosen=DEVICE),
    ("siaga_vehicle", "satellites", "A"): _lines("position", "satellites", by=DEVICE, chosen=DEVICE),
    ("siaga_vehicle", "heard", "A"): _only_newest(
        "position", ("latitude", "longitude", "speed_mps", "satellites", "hdop"), 30 * 86_400, BOTH
    ),
    **{
        ("siaga_sensor", f"{kind}-{field}".replace("_", "-"), "A"): _lines(kind, field, how, chosen=BOTH)
        for kind, field, how in (
            ("water_level", "level_m", "mean"),
            ("air_quality", "pm2_5_ugm3", "mean"),
            ("air_quality", "pm10_ugm3", "mean"),
            ("weather", "temperature_c", "mean"),
            ("weather", "rain_mm", "sum"),
            ("weather", "wind_gust_mps", "max"),
            ("noise", "level_db", "mean"),
            ("gas", "co_ppm", "mean"),
            ("electrical", "voltage_v", "mean"),
            ("soil", "moisture_pct", "mean"),
            ("enclosure", "temperature_c", "mean"),
            ("pulses", "rate_hz", "mean"),
        )
    },
}
