"""What a dashboard is: panels of a few kinds, each with the questions it asks the store. Pure.

One definition serves twice: `grafana.py` makes Grafana's JSON of it, and the wall server's own board draws it. So a
panel says what it shows and never how a particular program draws it.

A question is InfluxQL with placeholders, and nothing else from outside ever reaches the store:

| placeholder | stands for |
|---|---|
| `{policy}` | the retention policy for the range shown: readings, values of a minute, values of an hour |
| `{time}` | the range shown, as a condition |
| `{step}` | the width of a group for the range shown |
| `{device}` | the chosen box, a name of the inventory |
| `{sensor}` | the chosen sensor, a name of the inventory |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["good", "watch", "bad", "critical"]
"""How grave a value is. Each has a colour, a mark and a word, so that colour is never the only sign."""
LEVELS: tuple[Level, ...] = ("good", "watch", "bad", "critical")

PanelKind = Literal["stat", "bars", "lines", "states", "table", "map", "text"]
"""stat: one large value a series; bars: the latest values side by side; lines: values over time; states: words over
time; table: rows; map: places; text: words that do not change."""
Choice = Literal["device", "sensor"]

GRID_COLUMNS = 24
"""Grafana's grid: 24 columns; a row is 30 px and 8 px of gap."""
GRID_ROWS = 27
"""Rows that fill a screen of 1080 lines; more are cut off."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text in Indonesian and English."""

    id: str
    en: str

    def of(self, language: str) -> str:
        """Return it in a language, `id` or `en`."""
        return self.en if language == "en" else self.id


@dataclass(frozen=True, slots=True)
class Threshold:
    """From `value` on, a value is of this level."""

    value: float
    level: Level


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a panel to the store.

    `ref`: its letter within the panel. `label`: what its series are called; `{device}`, `{sensor}` and names of its
    columns stand for their values. `instant`: it asks for the newest values of a bounded time, not for a range.
    """

    ref: str
    influxql: str
    label: Words | None = None
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the field of the answer, its heading, unit (UCUM) and thresholds."""

    field: str
    heading: Words
    unit: str = ""
    decimals: int | None = None
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a panel stands on the grid: columns 0 to 23, rows from 0 on."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Args:
        key: Its name within the dashboard, stable; letters, digits and hyphens.
        stale_s: From this age of its newest value on the panel is stale: drawn grey, never in a level's colour.
        minimum, maximum: The range of its axis, in `unit`, or None.
        expected: The inventory's boxes or sensors of this kind that must be named even when the store has nothing of
            them; None where nothing is expected.
    """

    key: str
    kind: PanelKind
    title: Words
    cell: Cell
    questions: tuple[Question, ...] = ()
    unit: str = ""
    decimals: int | None = None
    thresholds: tuple[Threshold, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    columns: tuple[Column, ...] = ()
    stale_s: float | None = None
    expected: str | None = None
    words: Words | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard.

    Args:
        uid: Stable, at most 40 of `a-z0-9_` (a hyphen breaks Grafana 9.3's proxy for data sources; none here either).
        range_s: The range it shows at first, in s.
        refresh_s: How often it asks again.
        choices: What a person chooses on it: a box, a sensor.
    """

    uid: str
    title: Words
    panels: tuple[Panel, ...]
    range_s: int = 6 * 3_600
    refresh_s: int = 10
    choices: tuple[Choice, ...] = ()
    about: Words | None = None
