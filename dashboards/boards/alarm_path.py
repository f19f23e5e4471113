"""The way of an alarm: whether each press came in time, and whether the desk lives and records."""

from __future__ import annotations

from dashboards.boards.alarms import INCIDENT, REAL
from dashboards.model import Cell, Dashboard, Panel, Question, Threshold, Words
from dashboards.parts import graded, stat
from store.layout import RAW

RING_TARGET_S = 1.0
ACCEPT_TARGET_S = 15.0
RING = (Threshold(0, "good"), Threshold(RING_TARGET_S, "watch"), Threshold(3, "bad"), Threshold(10, "critical"))

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
            f'SELECT count("accept_s") AS "late" FROM {INCIDENT}'
            f' WHERE {{time}} AND {REAL} AND "accept_s" > {ACCEPT_TARGET_S:g}',
        ),
        Panel(
            "ring",
            "lines",
            Words("Tekan sampai berdering", "Press to ringing"),
            Cell(0, 6, 12, 11),
            (Question("A", f'SELECT "ring_s" FROM {INCIDENT} WHERE {{time}} AND {REAL}'),),
            unit="s",
            thresholds=RING,
            minimum=0,
        ),
        Panel(
            "accept",
            "lines",
            Words("Tekan sampai diterima", "Press to accepted"),
            Cell(12, 6, 12, 11),
            (Question("A", f'SELECT "accept_s" FROM {INCIDENT} WHERE {{time}} AND {REAL}'),),
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
                    f'SELECT count("recording") AS "beats" FROM "{RAW}"."desk_beat"'
                    ' WHERE {time} GROUP BY time(1m), "desk" fill(0)',
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
