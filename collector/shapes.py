"""One compiled function for each kind of the catalogue and each set of its fields: it checks readings and writes them.

A function takes a reading, its keys as attributes of the contract's types, and an iterator over those that follow it in
the batch. It appends a line of line protocol
for each, as `collector.line_protocol` writes it but for the order of the fields, and returns the first reading that is
of another kind or has other fields, or None at the end. It raises LookupError, TypeError or ValueError when anything
about a reading is not plainly good; `collector.decode` then looks carefully and finds the reason. The source is made of
the catalogue's names and ranges only, never of what came in.

The functions are made when a set of fields is first seen to be good, and their number is bounded: each order in which a
device may write its fields is a set of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, get_args

from contract.catalogue import KINDS, Quantity
from contract.time_quality import ClockSource

Shape = Callable[[Any, Iterator[Any], Mapping[str, str], int, list[str]], Any]
"""Called with a reading, those that follow, the device's heads by sensor, the latest good timestamp, and the lines."""

MAX_SHAPES: Final = 4_096
EARLIEST_NS: Final = 946_684_800 * 10**9
"""2000-01-01T00:00:00Z in ns since 1970: a reading before that is of a clock that was never set."""

_CLOCKS: Final = {clock: f',clock="{clock}" ' for clock in get_args(ClockSource)}

SHAPES: Final[dict[tuple[str, ...], Shape]] = {}
"""By kind and names of fields, in their order."""


def learn(kind: str, names: Iterable[str]) -> None:
    """Make the function for a kind and names, unless it is known, there are too many, or one is not to be had.

    Args:
        kind: The kind.
        names: The names of the fields of a reading that the catalogue accepts, in their order.
    """
    key = (kind, *names)
    if key in SHAPES or len(SHAPES) >= MAX_SHAPES:
        return
    quantities = {quantity.name: quantity for quantity in KINDS[kind].quantities}
    chosen = [quantities[name] for name in key[1:]]
    if all(quantity.type in ("float", "int") for quantity in chosen):
        SHAPES[key] = _compile(kind, chosen)


def _compile(kind: str, quantities: list[Quantity]) -> Shape:
    values = [f"v{number}" for number in range(len(quantities))]
    named = list(zip(values, quantities, strict=True))
    take = "; ".join(f"{value} = fields[{quantity.name!r}]" for value, quantity in named)
    convert = [
        f"        if type({value}) is not float: {value} = as_float({value})"
        for value, quantity in named
        if quantity.type == "float"
    ]
    tests = [_test(value, quantity) for value, quantity in named]
    written = ",".join(
        f"{quantity.name}={{{value}}}i" if quantity.type == "int" else f"{quantity.name}={{{value}!r}}"
        for value, quantity in named
    )
    source = [
        "def shape(reading, following, heads, latest_ns, lines):",
        "    while reading is not None:",
        "        fields = reading.fields",
        f"        if reading.kind != {kind!r} or len(fields) != {len(values)}: return reading",
        f"        try: {take}",
        "        except KeyError: return reading",
        *convert,
        "        timestamp_ns = reading.timestamp_ns",
        f"        if not ({' and '.join(tests)}",
        f"                and {EARLIEST_NS} <= timestamp_ns <= latest_ns): raise ValueError",
        "        head, clock = heads[reading.sensor], clocks[reading.clock]",
        f"        lines.append(f'{kind}{{head}}{written}{{clock}}{{timestamp_ns}}')",
        "        reading = next(following, None)",
        "    return None",
    ]
    scope: dict[str, Any] = {"as_float": _as_float, "clocks": _CLOCKS, "inf": math.inf}
    exec("\n".join(source), scope)
    shape: Shape = scope["shape"]
    return shape


def _test(value: str, quantity: Quantity) -> str:
    low = "-inf" if quantity.minimum is None else repr(quantity.minimum)
    high = "inf" if quantity.maximum is None else repr(quantity.maximum)
    whole = f"type({value}) is int and " if quantity.type == "int" else ""
    return f"{whole}{low} <= {value} <= {high}"


def _as_float(value: Any) -> float:
    """Return a whole number as a float, and anything else as NaN, which is in no range."""
    if type(value) is not int:
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
