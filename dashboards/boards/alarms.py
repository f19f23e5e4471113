"""Alarms and response times. Real ones only: drills and tests are counted apart."""

from __future__ import annotations

from dashboards.model import Cell, Column, Dashboard, Panel, Question, Threshold, Words
from dashboards.parts import graded, stat

ACCEPT = (Threshold(0, "good"), Threshold(15, "watch"), Threshold(30, "bad"), Threshold(60, "critical"))
"""In s from the press to an officer's word: all consoles ring after 15, a supervisor after 30, the siren after 60."""
REAL = "\"status\" = 'Actual'"
INCIDENT = '"hour"."incident"'

BOARD = Dashboard(
    "siaga_alarms",
    Words("Alarm dan waktu tanggap", "Alarms and response times"),
    (
        stat(
            "count",
            Words("Kejadian", "Incidents"),
            Cell(0, 0, 6, 6),
            f'SELECT count("presses") AS "incidents" FROM {INCIDENT} WHERE {{time}} AND {REAL}',
        ),
        graded(
            stat(
                "accept-p50",
                Words("Diterima: separuh dalam", "Accepted: half within"),
                Cell(6, 0, 6, 6),
                f'SELECT percentile("accept_s", 50) AS "accept_s" FROM {INCIDENT} WHERE {{time}} AND {REAL}',
                unit="s",
            ),
            *ACCEPT,
        ),
        graded(
            stat(
                "accept-p95",
                Words("Diterima: 95 % dalam", "Accepted: 95 % within"),
                Cell(12, 0, 6, 6),
                f'SELECT percentile("accept_s", 95) AS "accept_s" FROM {INCIDENT} WHERE {{time}} AND {REAL}',
                unit="s",
            ),
            *ACCEPT,
        ),
        stat(
            "drills",
            Words("Latihan dan uji coba", "Drills and tests"),
            Cell(18, 0, 6, 6),
            # None is 0 and not nothing, as long as there was an incident.
            f'SELECT sum("n") AS "drills" FROM (SELECT count("presses") AS "n" FROM {INCIDENT}'
            f" WHERE {{time}} AND \"status\" != 'Actual'),"
            f' (SELECT count("presses") * 0 AS "n" FROM {INCIDENT} WHERE {{time}})',
        ),
        Panel(
            "latest",
            "table",
            Words("Kejadian terbaru", "Latest incidents"),
            Cell(0, 6, 14, 21),
            (
                Question(
                    "A",
                    'SELECT "device", "button", "origin", "state", "presses", "accept_s", "depart_s", "resolve_s"'
                    f" FROM {INCIDENT} WHERE {{time}} AND {REAL} ORDER BY time DESC LIMIT 20",
                ),
            ),
            columns=(
                Column("device", Words("Boks", "Box")),
                Column("origin", Words("Asal", "Origin")),
                Column("state", Words("Keadaan", "State")),
                Column("presses", Words("Tekanan", "Presses")),
                Column("accept_s", Words("Diterima", "Accepted"), "s", 0, ACCEPT),
                Column("depart_s", Words("Berangkat", "On the way"), "s", 0),
                Column("resolve_s", Words("Tertangani", "Resolved"), "s", 0),
            ),
        ),
        Panel(
            "by-time",
            "lines",
            Words("Kejadian menurut waktu", "Incidents over time"),
            Cell(14, 6, 10, 11),
            (
                Question(
                    "A",
                    f'SELECT count("presses") AS "incidents" FROM {INCIDENT} WHERE {{time}} AND {REAL}'
                    ' GROUP BY time({step}), "origin" fill(0)',
                    Words("{origin}", "{origin}"),
                ),
            ),
            minimum=0,
        ),
        Panel(
            "by-box",
            "bars",
            Words("Menurut boks", "By box"),
            Cell(14, 17, 10, 10),
            (
                Question(
                    "A",
                    f'SELECT top("incidents", "device", 9) AS "incidents" FROM (SELECT count("presses") AS "incidents"'
                    f' FROM {INCIDENT} WHERE {{time}} AND {REAL} GROUP BY "device")',
                    Words("{device}", "{device}"),
                ),
            ),
            minimum=0,
        ),
    ),
    range_s=7 * 86_400,
    refresh_s=10,
)
