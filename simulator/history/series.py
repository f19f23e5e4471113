"""One series of the store as columns: a day of the city is millions of points, and a dict each would not fit."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from store.lines import head, value_of

Value = str | int | float | None
if TYPE_CHECKING:
    Column = list[str | None] | array[float] | array[int]
_TEXT, _FLOAT, _INT = "s", "d", "q"
Shape = dict[str, str]
"""Each field and its type: `s`, `d` or `q`. A missing number is NaN, so only floats and texts may be missing."""

_CLOCK: Final = "clock"


class Series:
    """The points of one measurement with the same tags, by time.

    Args:
        measurement: Its name.
        tags: Its tags.
        shape: Its fields.
        policy: The retention policy, empty for the default.
    """

    __slots__ = ("columns", "late", "measurement", "policy", "shape", "tags", "times")

    def __init__(self, measurement: str, tags: dict[str, str], shape: Shape, *, policy: str = "") -> None:
        self.measurement = measurement
        self.tags = tags
        self.shape = shape
        self.policy = policy
        self.times: array[int] = array("q")
        self.columns: dict[str, Column] = {name: [] if kind == _TEXT else array(kind) for name, kind in shape.items()}
        self.late: tuple[int, int] | None = None
        """Points of this time came after all others, when a link was back."""

    def __len__(self) -> int:
        return len(self.times)

    def add(self, time_ns: int, *values: Value) -> None:
        """Add a point, with a value for each field in the shape's order; later than the one before."""
        self.times.append(time_ns)
        for (name, kind), value in zip(self.shape.items(), values, strict=True):
            self.columns[name].append(math.nan if value is None and kind == _FLOAT else value)  # type: ignore[arg-type]

    def value(self, name: str, place: int) -> Value:
        """Return a field of a point, None when it has none."""
        column = self.columns.get(name)
        value: Value = None if column is None else column[place]
        return None if isinstance(value, float) and math.isnan(value) else value

    def kept(self, keep: Callable[[int], bool]) -> Series:
        """Return the points whose time passes."""
        places = [place for place, at in enumerate(self.times) if keep(at)]
        other = Series(self.measurement, self.tags, self.shape, policy=self.policy)
        other.late = self.late
        other.times = array("q", (self.times[place] for place in places))
        for name, column in self.columns.items():
            some = [column[place] for place in places]
            other.columns[name] = some if self.shape[name] == _TEXT else array(self.shape[name], some)  # type: ignore
        return other

    def lines(self, *, late: bool) -> Iterator[str]:
        """Yield the points that came in time, or those that came late, as line protocol."""
        start = head(self.measurement, self.tags)
        names = tuple(self.columns)
        first, last = self.late if self.late is not None else (0, 0)
        for at, *values in zip(self.times, *self.columns.values(), strict=True):
            if (first <= at < last) is not late:
                continue
            # A NaN is not equal to itself.
            fields = [f"{name}={value_of(one)}" for name, one in zip(names, values, strict=True) if _is_there(one)]
            yield f"{start} {','.join(fields)} {at}"


def reading(kind: str, device: str, sensor: str, fields: Iterable[str], whole: Sequence[str] = ()) -> Series:
    """Return an empty series of readings: floats, but the fields in `whole`, and the clock's word."""
    shape = {name: _INT if name in whole else _FLOAT for name in fields}
    return Series(kind, {"device": device, "sensor": sensor}, {**shape, _CLOCK: _TEXT})


def _is_there(value: Value) -> bool:
    return value is not None and value == value
