"""Readings of air stations, river gauges and weather stations, each minute. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simulator.history import courses
from simulator.history.fates import FINE, Fate
from simulator.history.plan import MINUTE, Plan
from simulator.history.series import Series, reading

GAUGE, AIR, WEATHER = "river", "air", "weather"
Make = Callable[[int], tuple[float, ...]]


def stations(plan: Plan, known: dict[str, Fate]) -> Iterator[Series]:
    """Yield the readings of each station, those that were never heard of left out."""
    for box in plan.air_boxes:
        yield from _readings(plan, known.get(box, FINE), _air(plan, box), "air_quality", box, AIR)
    for box in plan.water_boxes:
        yield from _readings(plan, known.get(box, FINE), _water(plan, box), "water_level", box, GAUGE)
    for box in plan.weather_boxes:
        yield from _readings(plan, known.get(box, FINE), _weather(plan, box), "weather", box, WEATHER)


_FIELDS = {
    "air_quality": ("pm1_ugm3", "pm2_5_ugm3", "pm10_ugm3"),
    "water_level": ("level_m",),
    "weather": (
        "temperature_c",
        "humidity_pct",
        "pressure_hpa",
        "rain_mm",
        "rain_rate_mmph",
        "wind_speed_mps",
        "wind_gust_mps",
        "wind_direction_deg",
        "solar_wpm2",
    ),
}


def _readings(plan: Plan, fate: Fate, make: Make, kind: str, box: str, sensor: str) -> Iterator[Series]:
    series = reading(kind, box, sensor, _FIELDS[kind])
    series.late = fate.late
    # Each measures at a second of its own.
    at_ns = plan.begin_ns + plan.random(kind, box, "second").randrange(MINUTE)
    while at_ns < plan.end_ns:
        if fate.hears(at_ns):
            series.add(at_ns - fate.behind_ns, *make(at_ns), "none" if fate.behind_ns else "ntp")
        at_ns += MINUTE
    if len(series):
        yield series


def _air(plan: Plan, box: str) -> Make:
    chance = plan.random("air", box)
    part, phase = chance.uniform(0.6, 1.7), chance.random()

    def make(at_ns: int) -> tuple[float, ...]:
        dust = courses.pm2_5(at_ns, plan.storm_ns, part=part) * (1 + 0.08 * courses.ripple(at_ns, 1_700, phase))
        return round(dust * 0.62, 1), round(dust, 1), round(dust * 1.7 + 4, 1)

    return make


def _water(plan: Plan, box: str) -> Make:
    chance = plan.random("water", box)
    dry_m, rise_m = chance.uniform(0.4, 0.9), chance.uniform(0.6, 3.4)
    lag_ns, phase = round(chance.uniform(15, 70) * MINUTE), chance.random()

    def make(at_ns: int) -> tuple[float, ...]:
        level_m = courses.river_m(at_ns, plan.storm_ns, dry_m=dry_m, rise_m=rise_m, lag_ns=lag_ns)
        return (round(level_m + 0.008 * courses.ripple(at_ns, 240, phase), 3),)

    return make


def _weather(plan: Plan, box: str) -> Make:
    chance = plan.random("weather", box)
    after_ns, part = round(chance.uniform(0, 25) * MINUTE), chance.uniform(0.4, 1.1)
    phase, from_deg = chance.random(), chance.uniform(0, 360)

    def make(at_ns: int) -> tuple[float, ...]:
        rate = courses.rain_mmph(at_ns, plan.storm_ns, after_ns=after_ns, part=part)
        warm = courses.warmth_c(at_ns, plan.storm_ns) + 0.3 * courses.ripple(at_ns, 3_100, phase)
        wind = max(0.0, 2.2 + rate / 9 + 1.2 * courses.ripple(at_ns, 900, phase))
        return (
            round(warm, 1),
            round(min(99.0, 62 + rate / 2 + 3 * (26 - warm)), 1),
            round(928 + 1.5 * courses.ripple(at_ns, 43_200, phase), 1),
            # A bucket tips each 0.2 mm.
            round(round(rate / 60 / 0.2) * 0.2, 1) if rate < 24 else round(rate / 60, 1),
            round(rate, 1),
            round(wind, 1),
            round(wind * 1.6 + rate / 8, 1),
            round((from_deg + 40 * courses.ripple(at_ns, 5_000, phase)) % 360, 0),
            round(courses.sun_wpm2(at_ns, plan.storm_ns), 0),
        )

    return make
