"""Values of a minute or hour of a series, as the store's own means are defined (`store.layout`). Pure."""

from __future__ import annotations

import math
from typing import Final

from simulator.history.series import Series, Value

_HOW: Final = {"rain_mm": "sum", "course_deg": "last", "wind_direction_deg": "last", "uptime_s": "last"} | {
    "wind_gust_mps": "max",
    **dict.fromkeys(("waiting", "dropped", "faults", "vehicles"), "max"),
}
"""What is not a mean; written down here once more, so that a change there is seen."""


def rolled(series: Series, step_ns: int) -> Series:
    """Return one value for each step that has readings; its time is where the step begins."""
    # A sensor's readings have no word of a clock among their values, a box's reports have.
    names = [name for name in series.columns if name != "clock" or "sensor" not in series.tags]
    shape = {name: "s" if series.shape[name] == "s" else "d" for name in names}
    made = Series(series.measurement, series.tags, {**shape, "readings": "q"}, policy="rolled")
    begin = 0
    times = series.times
    while begin < len(times):
        start_ns = times[begin] // step_ns * step_ns
        end = begin
        while end < len(times) and times[end] < start_ns + step_ns:
            end += 1
        made.add(start_ns, *(_value(series, name, begin, end) for name in names), end - begin)
        begin = end
    return made


def _value(series: Series, name: str, begin: int, end: int) -> Value:
    found = [value for place in range(begin, end) if (value := series.value(name, place)) is not None]
    how = _HOW.get(name, "mean")
    if not found:
        return None
    if how == "last" or series.shape[name] == "s":
        return found[-1]
    values = [float(value) for value in found]
    if how == "max":
        return max(values)
    total = math.fsum(values)
    return total if how == "sum" else total / len(values)
