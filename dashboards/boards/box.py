"""One box."""

from __future__ import annotations

from dashboards.model import Cell, Dashboard, Panel, Question, Words
from dashboards.parts import BY_DEVICE, lines

_ONLY = "\"device\" = '{device}'"
_REPORTS = '"{policy}"."box_report", "{policy}"."box_history"'
"""Readings have the one, values of a minute or hour the other."""


def _books(key: str, title: Words, field: str, cell: Cell) -> Panel:
    question = Question(
        "A",
        f'SELECT max("{field}") AS "{field}" FROM {_REPORTS} WHERE {{time}} AND {_ONLY}'
        " GROUP BY time({step}) fill(none)",
        title,
    )
    return Panel(key, "lines", title, cell, (question,), minimum=0)


BOARD = Dashboard(
    "siaga_box",
    Words("Satu boks", "One box"),
    (
        Panel(
            "clock",
            "states",
            Words("Asal jam", "Where its clock comes from"),
            Cell(0, 0, 24, 4),
            (
                Question(
                    "A",
                    f'SELECT last("clock") AS "clock" FROM {_REPORTS} WHERE {{time}} AND {_ONLY}'
                    ' GROUP BY time({step}), "device" fill(none)',
                    Words("{device}", "{device}"),
                ),
            ),
            stale_s=180,
        ),
        _books("waiting", Words("Bacaan menunggu resi", "Readings that wait"), "waiting", Cell(0, 4, 8, 8)),
        _books("dropped", Words("Bacaan terbuang", "Readings dropped"), "dropped", Cell(8, 4, 8, 8)),
        _books("faults", Words("Gangguan", "Faults"), "faults", Cell(16, 4, 8, 8)),
        lines("cpu", "box_health", "cpu_temperature_c", Cell(0, 12, 8, 8), where=_ONLY, by=BY_DEVICE),
        lines("disk", "box_health", "disk_free_bytes", Cell(8, 12, 8, 8), where=_ONLY, by=BY_DEVICE),
        lines("load", "box_health", "load_1min", Cell(16, 12, 8, 8), where=_ONLY, by=BY_DEVICE),
        lines("supply", "box_health", "supply_v", Cell(0, 20, 8, 7), where=_ONLY, by=BY_DEVICE),
        lines("signal", "box_health", "link_signal_dbm", Cell(8, 20, 8, 7), where=_ONLY, by=BY_DEVICE),
        lines("inside", "enclosure", "temperature_c", Cell(16, 20, 8, 7), where=_ONLY, by=BY_DEVICE),
    ),
    range_s=86_400,
    refresh_s=15,
    choices=("device",),
)
