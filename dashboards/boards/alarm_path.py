"""The way of an alarm: whether each press came in time, whether the desk lives and records, and what was promised.

What was promised is judged by the desk's test presses: 99.9 % of them in time, and the error budget of 30 days.
"""

from __future__ import annotations

from dataclasses import replace

from dashboards.boards.alarms import INCIDENT, REAL
from dashboards.model import Cell, Column, Dashboard, Panel, Question, Threshold, Words
from dashboards.parts import graded, stat
from store.layout import RAW

RING_TARGET_S = 1.0
ACCEPT_TARGET_S = 15.0
TESTED_S = 300
"""Test presses are told with each sign of life; older ones say nothing of now. A city that makes none has no data here,
which is no fault of a screen: so these panels are never stale."""
SHARE = (Threshold(0, "bad"), Threshold(99, "watch"), Threshold(99.9, "good"))
BUDGET = (Threshold(-1_000_000, "critical"), Threshold(0, "watch"), Threshold(25, "good"))
QUICK = (Threshold(0, "good"), Threshold(2, "watch"), Threshold(5, "bad"))
HELD = (Threshold(0, "good"), Threshold(5, "watch"), Threshold(8, "bad"))
"""The desk holds its receipt of a test back for 3 to 6 s, until the press came by the second lane too."""
HOPS = (
    ("command", Words("Perintah", "Command"), QUICK),
    ("alarm", Words("Alarm", "Alarm"), QUICK),
    ("store", Words("Tercatat", "On disk"), QUICK),
    ("telemetry", Words("Data", "Data"), HELD),
    ("receipt", Words("Tanda terima", "Receipt"), HELD),
)
RING = (Threshold(0, "good"), Threshold(RING_TARGET_S, "watch"), Threshold(3, "bad"), Threshold(10, "critical"))


_FIELDS = ", ".join(f'"tests_{hop}_s"' for hop, _, _ in HOPS)


def _promised(what: str, title: Words, cell: Cell, thresholds: tuple[Threshold, ...], decimals: int) -> Panel:
    """Return a panel of what the desk last told of its test presses, in percent."""
    field = f"tests_{what}_pct"
    told = f'SELECT last("{field}") AS "{field}" FROM "{RAW}"."desk_beat" WHERE time > now() - {TESTED_S}s'
    shown = stat(f"tests-{what}", title, cell, told, unit="%")
    return replace(shown, thresholds=thresholds, decimals=decimals)


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
        _promised("share", Words("Uji tepat waktu, 24 jam", "Tests in time, 24 hours"), Cell(0, 6, 6, 6), SHARE, 2),
        _promised(
            "budget", Words("Sisa anggaran gagal, 30 hari", "Error budget left, 30 days"), Cell(6, 6, 6, 6), BUDGET, 0
        ),
        Panel(
            "tests-hops",
            "table",
            Words("Uji: 99 % dalam", "Tests: 99 % within"),
            Cell(12, 6, 12, 6),
            (
                Question(
                    "A",
                    f'SELECT {_FIELDS} FROM "{RAW}"."desk_beat"'
                    f" WHERE time > now() - {TESTED_S}s ORDER BY time DESC LIMIT 1",
                    instant=True,
                ),
            ),
            columns=tuple(Column(f"tests_{hop}_s", words, "s", 1, bounds) for hop, words, bounds in HOPS),
        ),
        Panel(
            "ring",
            "lines",
            Words("Tekan sampai berdering", "Press to ringing"),
            Cell(0, 12, 12, 8),
            (_longest("ring_s"),),
            unit="s",
            thresholds=RING,
            minimum=0,
        ),
        Panel(
            "accept",
            "lines",
            Words("Tekan sampai diterima", "Press to accepted"),
            Cell(12, 12, 12, 8),
            (_longest("accept_s"),),
            unit="s",
            minimum=0,
        ),
        Panel(
            "beats",
            "lines",
            Words("Tanda hidup meja piket per menit", "The desk's signs of life a minute"),
            Cell(0, 20, 24, 7),
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
