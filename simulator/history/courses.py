"""How the city's values go through a day: rain, the rivers that follow it, air, warmth, traffic. Pure, no chance in it.

Not a forecast: shapes and sizes are those of a wet season's day in Bandung, so that each panel has something to show.
"""

from __future__ import annotations

from math import cos, exp, pi, tau

from simulator.history.plan import HOUR, MINUTE, S, hour_of

STORM_PEAK_MMPH = 68.0


def flow(time_ns: int) -> float:
    """Return how fast traffic is against an empty road, 0 to 1: it crawls about half past seven and five."""
    hour = hour_of(time_ns)
    jam = 0.55 * _bell(hour, 7.5, 1.1) + 0.6 * _bell(hour, 17.0, 1.5) + 0.2 * _bell(hour, 12.5, 2.5)
    return max(0.25, 1.0 - jam)


def rain_mmph(time_ns: int, storm_ns: int, *, after_ns: int = 0, part: float = 1.0) -> float:
    """Return the rain at a station that the storm reaches `after_ns` later, with `part` of its strength."""
    minutes = (time_ns - storm_ns - after_ns) / MINUTE
    if not 0 < minutes < 150:
        return 0.0
    rise = 1 - exp(-minutes / 12)
    return STORM_PEAK_MMPH * part * rise * exp(-minutes / 45) if minutes < 140 else 0.0


def river_m(time_ns: int, storm_ns: int, *, dry_m: float, rise_m: float, lag_ns: int) -> float:
    """Return a river's level: it rises with a lag after the storm, and falls slowly."""
    hours = (time_ns - storm_ns - lag_ns) / HOUR
    swell = 0.0 if hours <= 0 else (1 - exp(-hours / 0.5)) * exp(-hours / 5)
    return dry_m + 0.03 * cos(tau * (hour_of(time_ns) - 6) / 24) + rise_m * swell


def pm2_5(time_ns: int, storm_ns: int, *, part: float) -> float:
    """Return fine dust in µg/m³: most in the morning and evening jams, washed out by rain."""
    hour = hour_of(time_ns)
    dust = 22 + 48 * _bell(hour, 7.5, 1.6) + 40 * _bell(hour, 19.0, 2.2) + 8 * _bell(hour, 23.5, 2.0)
    hours = (time_ns - storm_ns) / HOUR
    washed = 0.65 * exp(-hours / 2.5) if hours > 0 else 0.0
    return dust * part * (1 - washed)


def warmth_c(time_ns: int, storm_ns: int) -> float:
    """Return the air's temperature: warmest at two, and five degrees less in the storm."""
    hours = (time_ns - storm_ns) / HOUR
    cooled = 5.0 * (1 - exp(-hours / 0.2)) * exp(-hours / 3) if hours > 0 else 0.0
    return 23.5 + 4.5 * cos(tau * (hour_of(time_ns) - 14) / 24) - cooled


def sun_wpm2(time_ns: int, storm_ns: int) -> float:
    """Return the sun's power: none at night, and little under the storm's cloud."""
    height = -cos(tau * hour_of(time_ns) / 24)
    cloud = 0.15 if -HOUR < time_ns - storm_ns < 3 * HOUR else 0.85
    return max(0.0, 950 * height * cloud)


def ripple(time_ns: int, period_s: float, phase: float) -> float:
    """Return a small movement from -1 to 1 that never stands still."""
    turn = time_ns / S / period_s + phase
    return 0.6 * cos(tau * turn) + 0.4 * cos(2 * pi * turn * 3.7 + phase * 11)


def _bell(hour: float, at: float, width: float) -> float:
    apart = min(abs(hour - at), 24 - abs(hour - at))
    return exp(-((apart / width) ** 2))
