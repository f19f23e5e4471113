"""The way of an alarm: whether each press came in time, and whether the desk lives and records."""

from __future__ import annotations

from dashboards.boards.alarms import INCIDENT, REAL
from dashboards.model import Cell, Dashboard, Panel, Question, Threshold, Words
from dashboards.parts import graded, stat
from store.layout import RAW

RING_TARGET_S = 1.0
ACCEPT_TARGET_S = 15.0
RING = (Threshold(0, "good"), Threshold(RING_TARGET_S, "watch"), Threshold(3, "bad"), Threshold(10, "critical"))


def _longest(field: str) -> Question:
    """Return the question for the slowest of each step: a store cuts a series of more than 10,000 rows short."""
    return Question(
        "A",
        f'SELECT max("{field}") AS "{field}" FROM {INCIDENT} WHERE {{time}} AND {REAL}'
        " GROUP BY time({step}) fill(none)",
        Words("terlama", "slowest"),
    )


BOARD = Dashboard(
    "siaga_alarm_path",
    Words("Jalur alarm", "The alarm's way"),
    (
        graded(
            stat(
                "recording",
                Words("Meja piket mencatat", "The desk records"),
                Cell(0, 0, 6, 6),
                f'SELECT last("recording") AS "recording" FROM "{RAW}"."desk_beat" WHERE time > now() - 30s',
                stale_s=30,
            ),
            Threshold(0, "critical"),
            Threshold(1, "good"),
        ),
        stat(
            "open",
            Words("Kejadian terbuka", "Open incidents"),
            Cell(6, 0, 6, 6),
            f'SELECT last("open_incidents") AS "open_incidents" FROM "{RAW}"."desk_beat" WHERE time > now() - 30s',
            stale_s=30,
        ),
        graded(
            stat(
                "ring-p99",
                Words("Berdering: 99 % dalam", "Ringing: 99 % within"),
                Cell(12, 0, 6, 6),
                f'SELECT percentile("ring_s", 99) AS "ring_s" FROM {INCIDENT} WHERE {{time}} AND {REAL}',
                unit="s",
            ),
            *RING,
        ),
        stat(
            "late",
            Words("Diterima lewat 15 s", "Accepted after 15 s"),
            Cell(18, 0, 6, 6),
            # None late is 0 and not nothing, as long as there was an incident.
            f'SELECT sum("n") AS "late" FROM (SELECT count("accept_s") AS "n" FROM {INCIDENT}'
            f' WHERE {{time}} AND {REAL} AND "accept_s" > {ACCEPT_TARGET_S:g}),'
            f' (SELECT count("presses") * 0 AS "n" FROM {INCIDENT} WHERE {{time}})',
        ),
        Panel(
            "ring",
            "lines",
            Words("Tekan sampai berdering", "Press to ringing"),
            Cell(0, 6, 12, 11),
            (_longest("ring_s"),),
            unit="s",
            thresholds=RING,
            minimum=0,
        ),
        Panel(
            "accept",
            "lines",
            Words("Tekan sampai diterima", "Press to accepted"),
            Cell(12, 6, 12, 11),
            (_longest("accept_s"),),
            unit="s",
            minimum=0,
        ),
        Panel(
            "beats",
            "lines",
            Words("Tanda hidup meja piket per menit", "The desk's signs of life a minute"),
            Cell(0, 17, 24, 10),
            (
                Question(
                    "A",
                    # Readings are counted; values of a minute or hour are counts already.
                    'SELECT mean("beats") AS "beats" FROM (SELECT count("recording") AS "beats" FROM'
                    ' "{policy}"."desk_beat" WHERE {time} GROUP BY time(1m), "desk" fill(0)),'
                    ' (SELECT "beats" FROM "{policy}"."desk_history" WHERE {time})'
                    ' WHERE {time} GROUP BY time({step}), "desk" fill(none)',
                    Words("{desk}", "{desk}"),
                ),
            ),
            minimum=0,
            stale_s=90,
        ),
    ),
    range_s=86_400,
    refresh_s=10,
)
