"""Values of a minute and an hour of what is kept beside readings: `contract.chronicle`, and street speeds. Pure.

| of | into | by | what |
|---|---|---|---|
| `box_report` | `box_history` | device | the most that waited, were dropped, and faults; the last `clock` |
| `box_report` | `fleet` | | the most that waited in any box |
| `street_speed` | `street_speed` | street | the mean speed, the most vehicles |
| `desk_beat` | `desk_history` | desk | `beats`: so many a minute, 0 where there was none |

A year of 500 boxes by hour is four million values, ten seconds for a store: so what all boxes have is made apart. Names
other than the source's let one question ask for both, `FROM "{policy}"."box_report", "{policy}"."fleet"`: readings have
the one, values the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contract.chronicle import BOX_REPORT, DESK_BEAT

BOX_HISTORY: Final = "box_history"
FLEET: Final = "fleet"
DESK_HISTORY: Final = "desk_history"
STREET_SPEED: Final = "street_speed"


@dataclass(frozen=True, slots=True)
class Beside:
    """One measurement of values.

    Args:
        source: Of which measurement it is made.
        into: What it is called.
        by: The tags it keeps.
        fields: The function and name of each field.
        beats: Instead of `fields`: the source's field whose points are counted, as `beats` a minute.
    """

    source: str
    into: str
    by: tuple[str, ...]
    fields: tuple[tuple[str, str], ...] = ()
    beats: str = ""

    def select_into(self, database: str, raw: str, policy: str, step_s: int, condition: str = "") -> str:
        """Return the InfluxQL that makes the values; see `store.layout.select_into`."""
        made = ", ".join(f'{function}("{name}") AS "{name}"' for function, name in self.fields)
        if self.beats:
            made = f'count("{self.beats}") / {step_s / 60:g} AS "beats"'
        groups = ", ".join((f"time({step_s}s)", *(f'"{tag}"' for tag in self.by)))
        return (
            f'SELECT {made} INTO "{database}"."{policy}"."{self.into}" FROM "{database}"."{raw}"."{self.source}" '
            f"{condition}GROUP BY {groups}{' fill(0)' if self.beats else ''}"
        )

    def flux(self, bucket: str, step_s: int, within: str, to: str) -> list[str]:
        """Return the Flux that makes the values, a statement each.

        Args:
            bucket: The readings' bucket.
            step_s: How long each is, in seconds.
            within: `range(…)`; it ends at a whole step where points are counted.
            to: What is done with them, from `|> to(` on; `{name}` stands for a name of the statement's own.
        """
        kept = ", ".join(f'"{name}"' for name in ("_measurement", "_field", *self.by))
        times = '"_time", "_start", "_stop", "_value"'
        found = []
        names = {function: [name for one, name in self.fields if one == function] for function, _ in self.fields}
        for function, fields in (names or {"count": [self.beats]}).items():
            parts = [
                f'from(bucket: "{bucket}")',
                f"    |> {within}",
                f'    |> filter(fn: (r) => r._measurement == "{self.source}" and r._field =~ /^({"|".join(fields)})$/)',
                # A selector such as max would keep the tag of the point that it took.
                f"    |> group(columns: [{kept}])\n    |> keep(columns: [{times}, {kept}])",
                f"    |> aggregateWindow(every: {step_s}s, fn: {function},"
                f' createEmpty: {"true" if self.beats else "false"}, timeSrc: "_start")',
            ]
            if self.beats:
                parts.append(f"    |> map(fn: (r) => ({{r with _value: float(v: r._value) / {step_s / 60:.1f}}}))")
                parts.append('    |> set(key: "_field", value: "beats")')
            parts.append(f'    |> set(key: "_measurement", value: "{self.into}")')
            found.append("\n".join(parts) + "\n" + to.replace("{name}", f"{self.into} {function}"))
        return found


BESIDE: Final = (
    Beside(
        BOX_REPORT,
        BOX_HISTORY,
        ("device",),
        (("max", "waiting"), ("max", "dropped"), ("max", "faults"), ("last", "clock")),
    ),
    Beside(BOX_REPORT, FLEET, (), (("max", "waiting"),)),
    Beside(STREET_SPEED, STREET_SPEED, ("street",), (("mean", "speed_mps"), ("max", "vehicles"))),
    Beside(DESK_BEAT, DESK_HISTORY, ("desk",), beats="recording"),
)
