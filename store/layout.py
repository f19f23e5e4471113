"""How long the store keeps what, and how means are made of readings. Pure.

| what | where in InfluxDB 1.x | kept |
|---|---|---|
| readings as they came | retention policy `autogen`, the default | 30 days |
| one value a minute | `minute` | 2 years |
| one value an hour | `hour` | 10 years |

A field's value of a minute or hour has the field's own name: the mean, but the sum of what counts since the reading
before, the last of counters, directions (the mean of 359 and 1 degrees is no direction) and words, the greatest gust.
`readings` says how many there were. What is kept beside readings has values of its own: `store.beside`.

Readings come late, after an outage by hours. So each value is made again: of the last 30 minutes each 5 minutes, of the
last 3 hours each hour, and everything within `late` each 6 hours or sooner. For what comes later: `siaga store rollup`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from contract.catalogue import KINDS, Kind, Quantity
from store.beside import BESIDE, Beside

RAW: Final = "autogen"
_PREFIX: Final = "siaga_"
_UNITS_S: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION: Final = re.compile(r"([0-9]{1,9})([wdhms])")
_SUMS: Final = frozenset({"rain_mm", "pulses"})
_LASTS: Final = frozenset(
    {
        "course_deg",
        "wind_direction_deg",
        "energy_wh",
        "uptime_s",
        "disk_total_bytes",
        "disk_written_bytes",
        "link_errors",
    }
)
_MAXIMA: Final = frozenset({"wind_gust_mps"})


@dataclass(frozen=True, slots=True)
class Policy:
    """A retention policy: its name, how long it keeps points, and how many seconds of them are dropped at once."""

    name: str
    keep_s: int
    shard_s: int


@dataclass(frozen=True, slots=True)
class Span:
    """Values of a policy, `step_s` long each, are made again each `every_s` seconds for the last `for_s` seconds."""

    policy: str
    name: str
    step_s: int
    every_s: int
    for_s: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What a store is set up for. Durations in seconds; `late_s`: how late a reading still reaches the means by itself.

    `near_every_s`: how often the newest minutes are made again.
    """

    raw_s: int = 30 * 86_400
    minute_s: int = 730 * 86_400
    hour_s: int = 3_650 * 86_400
    late_s: int = 86_400
    near_every_s: int = 300

    def policies(self) -> tuple[Policy, ...]:
        """Return the retention policies, the default first."""
        return (
            Policy(RAW, self.raw_s, 86_400),
            Policy("minute", self.minute_s, 7 * 86_400),
            Policy("hour", self.hour_s, 28 * 86_400),
        )

    def queries(self, database: str) -> dict[str, str]:
        """Return the statements that make the continuous queries, by name.

        The name ends in a hash of what it does: one that does something else has another name.
        """
        found: dict[str, str] = {}
        every: tuple[Kind | Beside, ...] = (*KINDS.values(), *BESIDE)
        for made in every:
            for one in self.spans():
                select = select_into(database, made, one.policy, one.step_s)
                body = f"RESAMPLE EVERY {one.every_s}s FOR {one.for_s}s BEGIN {select} END"
                digest = hashlib.sha256(body.encode()).hexdigest()[:8]
                name = made.into if isinstance(made, Beside) else made.name
                whole = f"{_PREFIX}{one.policy}_{one.name}_{name}_{digest}"
                found[whole] = f'CREATE CONTINUOUS QUERY "{whole}" ON "{database}" {body}'
        return found

    def spans(self) -> tuple[Span, ...]:
        """Return what is made again when: the newest often, and everything within `late_s` now and then."""
        often_s, late_s = self.near_every_s, min(21_600, self.late_s)
        return (
            Span("minute", "near", 60, often_s, 1_800),
            Span("minute", "late", 60, late_s, self.late_s + 120),
            Span("hour", "near", 3_600, 12 * often_s, 10_800),
            Span("hour", "late", 3_600, late_s, self.late_s + 7_200),
        )


def is_ours(query: str) -> bool:
    """Return whether a continuous query was made by us."""
    return query.startswith(_PREFIX)


def select_into(database: str, kind: Kind | Beside, policy: str, step_s: int, condition: str = "") -> str:
    """Return the statement that makes one kind's values of a minute or hour.

    Args:
        database: The database.
        kind: The kind, or what is kept beside readings.
        policy: Where they go: `minute` or `hour`.
        step_s: How long each is, in seconds.
        condition: `WHERE …` with the time; a continuous query has its own.
    """
    if isinstance(kind, Beside):
        return kind.select_into(database, RAW, policy, step_s, condition)
    fields = ", ".join(f'{function_of(one)}("{one.name}") AS "{one.name}"' for one in kind.quantities)
    return (
        f'SELECT {fields}, count("clock") AS "readings" INTO "{database}"."{policy}"."{kind.name}" '
        f'FROM "{database}"."{RAW}"."{kind.name}" {condition}GROUP BY time({step_s}s), *'
    )


def function_of(quantity: Quantity) -> str:
    """Return what makes one value of many: `mean`, `last`, `sum` or `max`."""
    if quantity.type in ("bool", "str") or quantity.name in _LASTS:
        return "last"
    if quantity.name in _SUMS:
        return "sum"
    return "max" if quantity.name in _MAXIMA else "mean"


def seconds(duration: str) -> int:
    """Return a duration such as `30d`, `720h0m0s` or `1w` in seconds; 0 is for ever.

    Raises:
        ValueError: It is no duration.
    """
    if not re.fullmatch(r"(?:[0-9]{1,9}[wdhms])+", duration):
        raise ValueError(f"{duration!r}: no duration; write it as 30d, 12h or 2w")
    return sum(int(number) * _UNITS_S[unit] for number, unit in _DURATION.findall(duration))


def words(duration_s: int) -> str:
    """Return a duration for people."""
    if not duration_s:
        return "for ever"
    for name, size_s in (("days", 86_400), ("hours", 3_600)):
        if duration_s % size_s == 0:
            return f"{duration_s // size_s} {name}"
    return f"{duration_s} s"
