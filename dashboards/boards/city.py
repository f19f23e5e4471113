"""The city at one glance: what is wrong, and where."""

from __future__ import annotations

from dashboards.boards.air import PM2_5
from dashboards.boards.alarms import ACCEPT, INCIDENT, REAL
from dashboards.boards.vehicles import SILENT_S, WHERE
from dashboards.boards.weather import RAIN_1H
from dashboards.model import Cell, Dashboard, Panel, Question, Threshold, Words
from dashboards.parts import bars, graded, stat
from store.layout import RAW

BOARD = Dashboard(
    "siaga_city",
    Words("Kota sekilas", "The city at a glance"),
    (
        graded(
            stat(
                "open",
                Words("Kejadian terbuka", "Open incidents"),
                Cell(0, 0, 5, 6),
                f'SELECT last("open_incidents") AS "open_incidents" FROM "{RAW}"."desk_beat" WHERE time > now() - 30s',
                stale_s=30,
            ),
            Threshold(0, "good"),
            Threshold(1, "bad"),
        ),
        graded(
            stat(
                "accept",
                Words("Diterima hari ini: 95 % dalam", "Accepted today: 95 % within"),
                Cell(5, 0, 5, 6),
                f'SELECT percentile("accept_s", 95) AS "accept_s" FROM {INCIDENT} WHERE time > now() - 24h AND {REAL}',
                unit="s",
            ),
            *ACCEPT,
        ),
        Panel(
            "boxes",
            "stat",
            Words("Boks melapor", "Boxes reporting"),
            Cell(10, 0, 5, 6),
            (
                Question(
                    "A",
                    f'SELECT count("produced") AS "boxes" FROM (SELECT last("produced") AS "produced" FROM'
                    f' "{RAW}"."box_report" WHERE time > now() - 3m GROUP BY "device")',
                    instant=True,
                ),
            ),
            stale_s=180,
            expected="box",
        ),
        Panel(
            "map",
            "map",
            Words("Kejadian dan kendaraan", "Incidents and vehicles"),
            Cell(0, 6, 15, 21),
            (
                WHERE,
                Question(
                    "C",
                    # Each that is not over: a box or the telephone may have several.
                    'SELECT "state", "latitude", "longitude", "incident_id", "presses"'
                    f" FROM {INCIDENT} WHERE time > now() - 12h AND {REAL}"
                    " AND \"state\" != 'closed' AND \"state\" != 'cancelled'"
                    ' GROUP BY "device", "origin"',
                    Words("{device}", "{device}"),
                    instant=True,
                ),
            ),
            stale_s=SILENT_S,
            expected="vehicle",
        ),
        bars("level", "water_level", "level_m", Cell(15, 0, 9, 9), "15m", maximum=5, decimals=2),
        bars("air", "air_quality", "pm2_5_ugm3", Cell(15, 9, 9, 9), "15m", maximum=250, decimals=0, thresholds=PM2_5),
        Panel(
            "rain",
            "bars",
            Words("Hujan satu jam terakhir", "Rain in the last hour"),
            Cell(15, 18, 9, 9),
            (
                Question(
                    "A",
                    f'SELECT sum("rain_mm") AS "rain_mm" FROM "{RAW}"."weather" WHERE time > now() - 1h'
                    ' GROUP BY "device"',
                    Words("{device}", "{device}"),
                    instant=True,
                ),
            ),
            unit="mm",
            decimals=1,
            thresholds=RAIN_1H,
            minimum=0,
            maximum=80,
            stale_s=3_600,
            expected="weather",
        ),
    ),
    range_s=6 * 3_600,
    refresh_s=5,
)
