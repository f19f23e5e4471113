"""Figures against their targets, and the files that keep the raw samples."""

from __future__ import annotations

import csv
import math
import os
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RESULTS: Final = Path("var/bench")


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. `target` is an upper bound in the same unit, or a lower one with `at_least`; None: told for comparison,
    judged by nobody. `digits`: how many are shown after the point.
    """

    name: str
    measured: float
    target: float | None
    unit: str
    at_least: bool = False
    digits: int = 1

    @property
    def holds(self) -> bool:
        """Whether the target is met."""
        if self.target is None:
            return True
        return self.measured >= self.target if self.at_least else self.measured <= self.target

    def row(self) -> str:
        """Return `figure | measured | target | holds or short`."""
        measured = f"{self.measured:.{self.digits}f} {self.unit}"
        if self.target is None:
            return f"{self.name} | {measured} | - | for comparison"
        verdict = "holds" if self.holds else "short"
        return f"{self.name} | {measured} | {'≥' if self.at_least else '≤'} {self.target:g} {self.unit} | {verdict}"


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of some samples, `share` from 0 to 1.

    Raises:
        ValueError: There are no samples.
    """
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def keep_samples(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Write raw samples to `var/bench/NAME.csv` and return the path."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def conclude(figures: Sequence[Figure], samples: Path) -> int:
    """Print the table and where the samples are; return the exit status: 1 when any figure is short."""
    print("figure | measured | target | holds or short")
    for figure in figures:
        print(figure.row())
    cores = len(os.sched_getaffinity(0))
    print(f"raw samples: {samples}; {time.strftime('%Y-%m-%d')}, {cores} cores, Python {platform.python_version()}")
    return 0 if all(figure.holds for figure in figures) else 1
