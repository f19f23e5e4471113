"""One sensor: whichever of these kinds it is, its panel has values and the others say so."""

from __future__ import annotations

from dashboards.model import Cell, Dashboard, Words
from dashboards.parts import lines

_ONLY = "\"device\" = '{device}' AND \"sensor\" = '{sensor}'"
_SHOWN = (
    ("water_level", "level_m"),
    ("air_quality", "pm2_5_ugm3"),
    ("air_quality", "pm10_ugm3"),
    ("weather", "temperature_c"),
    ("weather", "rain_mm"),
    ("weather", "wind_gust_mps"),
    ("noise", "level_db"),
    ("gas", "co_ppm"),
    ("electrical", "voltage_v"),
    ("soil", "moisture_pct"),
    ("enclosure", "temperature_c"),
    ("pulses", "rate_hz"),
)

BOARD = Dashboard(
    "siaga_sensor",
    Words("Satu sensor", "One sensor"),
    tuple(
        lines(
            f"{kind}-{field}".replace("_", "-"),
            kind,
            field,
            Cell(8 * (number % 3), 7 * (number // 3), 8, 7 if number < 9 else 6),
            where=_ONLY,
        )
        for number, (kind, field) in enumerate(_SHOWN)
    ),
    range_s=86_400,
    refresh_s=15,
    choices=("device", "sensor"),
)
