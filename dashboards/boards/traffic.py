"""Traffic: how fast the official vehicles move on each street, from their own positions."""

from __future__ import annotations

from dashboards.model import Cell, Column, Dashboard, Panel, Question, Threshold, Words
from store.layout import RAW

SPEED = (Threshold(0, "bad"), Threshold(3, "watch"), Threshold(7, "good"))
"""In m/s: below 11 km/h it stands, from 25 km/h on it flows."""

BOARD = Dashboard(
    "siaga_traffic",
    Words("Lalu lintas", "Traffic"),
    (
        Panel(
            "slowest",
            "bars",
            Words("Jalan paling lambat, 15 menit", "Slowest streets, 15 minutes"),
            Cell(0, 0, 14, 17),
            (
                Question(
                    "A",
                    'SELECT bottom("speed_mps", "street", 15) AS "speed_mps" FROM (SELECT mean("speed_mps") AS'
                    f' "speed_mps" FROM "{RAW}"."street_speed" WHERE time > now() - 15m GROUP BY "street")',
                    Words("{street}", "{street}"),
                    instant=True,
                ),
            ),
            unit="m/s",
            decimals=1,
            thresholds=SPEED,
            minimum=0,
            maximum=20,
            stale_s=900,
        ),
        Panel(
            "mean",
            "lines",
            Words("Kecepatan rata-rata di jalan", "Mean speed on the streets"),
            Cell(0, 17, 14, 10),
            (
                Question(
                    "A",
                    'SELECT mean("speed_mps") AS "speed_mps" FROM "{policy}"."street_speed"'
                    " WHERE {time} GROUP BY time({step}) fill(none)",
                    Words("semua jalan", "all streets"),
                ),
            ),
            unit="m/s",
            minimum=0,
            stale_s=900,
        ),
        Panel(
            "streets",
            "table",
            Words("Jalan", "Streets"),
            Cell(14, 0, 10, 27),
            (
                Question(
                    "A",
                    f'SELECT last("speed_mps") AS "speed_mps", "vehicles" FROM "{RAW}"."street_speed"'
                    ' WHERE time > now() - 15m GROUP BY "street"',
                    Words("{street}", "{street}"),
                    instant=True,
                ),
            ),
            columns=(
                Column("street", Words("Jalan", "Street")),
                Column("speed_mps", Words("Kecepatan", "Speed"), "m/s", 1, SPEED),
                Column("vehicles", Words("Kendaraan", "Vehicles")),
            ),
            stale_s=900,
        ),
    ),
    range_s=6 * 3_600,
    refresh_s=15,
)
