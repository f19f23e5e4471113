"""The boxes: which are heard, what waits in them, what they complain of."""

from __future__ import annotations

from dashboards.model import Cell, Column, Dashboard, Panel, Question, Threshold, Words
from dashboards.parts import BY_DEVICE, newest, quantity
from store.layout import RAW

WAITING = (Threshold(0, "good"), Threshold(1_000, "watch"), Threshold(10_000, "bad"))
FAULTS = (Threshold(0, "good"), Threshold(1, "watch"), Threshold(3, "bad"))
TRUSTED = (Threshold(0, "bad"), Threshold(1, "good"))


def _newest(fields: tuple[str, ...], within: str, ref: str) -> Question:
    return newest("box_report", fields, within, by=BY_DEVICE, ref=ref)


BOARD = Dashboard(
    "siaga_fleet",
    Words("Kesehatan boks", "Health of the boxes"),
    (
        Panel(
            "heard",
            "stat",
            Words("Melapor dalam 3 menit", "Reported within 3 minutes"),
            Cell(0, 0, 6, 6),
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
            "with-faults",
            "stat",
            Words("Dengan gangguan", "With faults"),
            Cell(6, 0, 6, 6),
            (
                Question(
                    "A",
                    # A count of those with faults would be nothing, and not 0, when there is none.
                    f'SELECT sum("faulty") AS "boxes" FROM (SELECT last("faulty") AS "faulty" FROM'
                    f' "{RAW}"."box_report" WHERE time > now() - 3m GROUP BY "device")',
                    instant=True,
                ),
            ),
            thresholds=(Threshold(0, "good"), Threshold(1, "watch")),
            stale_s=180,
        ),
        Panel(
            "waiting",
            "lines",
            Words("Bacaan menunggu resi", "Readings that wait for a receipt"),
            Cell(12, 0, 12, 6),
            (
                Question(
                    "A",
                    # Readings have the one, values of a minute or hour the other.
                    'SELECT max("waiting") AS "waiting" FROM "{policy}"."box_report", "{policy}"."fleet"'
                    " WHERE {time} GROUP BY time({step}) fill(none)",
                    Words("terbanyak", "most"),
                ),
            ),
            minimum=0,
        ),
        Panel(
            "boxes",
            "table",
            Words("Boks", "Boxes"),
            Cell(0, 6, 24, 21),
            (
                # When each was last heard, in one field: a store opens every field of each box and day that it looks
                # through, and eight of a week take it seconds. What they said is of the last six hours.
                _newest(("produced",), "7d", "A"),
                _newest(("waiting", "dropped", "faults", "fault", "clock", "clock_trusted", "software"), "6h", "B"),
                newest("box_health", ("disk_free_bytes", "cpu_temperature_c"), "1h", by=BY_DEVICE, ref="C"),
            ),
            columns=(
                Column("device", Words("Boks", "Box")),
                Column("waiting", Words("Menunggu", "Waiting"), "", 0, WAITING),
                Column("dropped", Words("Terbuang", "Dropped"), "", 0),
                Column("faults", Words("Gangguan", "Faults"), "", 0, FAULTS),
                Column("fault", Words("Gangguan pertama", "First fault")),
                Column("clock", Words("Jam", "Clock")),
                Column("clock_trusted", Words("Jam dipercaya", "Clock trusted"), "", 0, TRUSTED),
                Column("software", Words("Perangkat lunak", "Software")),
                Column(
                    "disk_free_bytes",
                    Words("Ruang bebas", "Free space"),
                    quantity("box_health", "disk_free_bytes").unit,
                ),
                Column("cpu_temperature_c", Words("Suhu prosesor", "Processor"), "Cel", 0),
            ),
            stale_s=180,
            expected="box",
        ),
    ),
    range_s=6 * 3_600,
    refresh_s=15,
)
