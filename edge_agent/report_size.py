"""A report that always fits: the largest counts first, the rest under `others`. Pure.

Rules:
- Names are words of the contract: 1 to 64 characters, and what is no word is made one. Two names that become one are
  added up. At most 64 counts of a kind.
- A report larger than the bound keeps, of each kind, ever fewer counts, and then ever fewer sensors: those that counted
  most. What is left out is added up under `others`, so that totals stay true: of counts within a sensor, of whole
  sensors in a sensor named so. The books stay whole until nothing else can be cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from contract.messages import MAX_ALARM_BYTES, Books, Report, encode

OTHERS: Final = "others"
MOST_COUNTS: Final = 64
LONGEST_WORD: Final = 64

# (counts of a sensor, sensors, faults, reasons), each step smaller; the last one fits whatever the names are.
_STEPS: Final = (
    (64, 10_000, 64, 64),
    (16, 10_000, 64, 64),
    (8, 10_000, 32, 64),
    (4, 200, 32, 64),
    (3, 100, 24, 32),
    (2, 64, 16, 16),
    (2, 32, 16, 16),
    (2, 16, 8, 8),
    (1, 4, 4, 4),
)


def as_counts(counted: Mapping[str, int], most: int = MOST_COUNTS) -> dict[str, int]:
    """Return counts as a report takes them, largest first; what is beyond `most` is under `others`.

    Args:
        counted: Counts by name, of any length; those below one are left out.
        most: How many names the result has at most, 1 to 64.
    """
    short: Counter[str] = Counter()
    for name, count in counted.items():
        if count > 0:
            short[_word(name)] += count
    rest = short.pop(OTHERS, 0)
    if len(short) + (rest > 0) <= most:
        counts = dict(short.most_common())
    else:
        counts = dict(short.most_common(most - 1))
        rest += short.total() - sum(counts.values())
    return counts | ({OTHERS: rest} if rest else {})


def fit(report: Report, max_bytes: int = MAX_ALARM_BYTES) -> Report:
    """Return the report, cut where it must be so that its body has at most so many bytes.

    Args:
        report: The whole report.
        max_bytes: At least 4,096.
    """
    for of_sensor, sensors, faults, reasons in _STEPS:
        smaller = report.model_copy(
            update={
                "readings": _books(report.readings, reasons),
                "faults": as_counts(report.faults, faults),
                "sensors": _sensors(report.sensors, of_sensor, sensors),
            }
        )
        if len(encode(smaller)) <= max_bytes:
            break
    return smaller


def _books(books: Books, reasons: int) -> Books:
    return books.model_copy(update={"dropped": as_counts(books.dropped, reasons)})


def _sensors(counted: Mapping[str, Mapping[str, int]], of_sensor: int, most: int) -> dict[str, dict[str, int]]:
    whole = {sensor: as_counts(counts, of_sensor) for sensor, counts in counted.items()}
    if len(whole) <= most:
        return whole
    order = sorted(whole, key=lambda sensor: sum(whole[sensor].values()), reverse=True)
    shown = {sensor: whole[sensor] for sensor in order[: most - 1] if sensor != OTHERS}
    rest: Counter[str] = Counter()
    for sensor, counts in counted.items():
        if sensor not in shown:
            rest.update(as_counts(counts))
    return shown | {OTHERS: as_counts(rest, of_sensor)}


def _word(name: str) -> str:
    """Return a name as UTF-8 can say it, of 1 to 64 characters."""
    return name[:LONGEST_WORD].encode(errors="replace").decode() or "?"
