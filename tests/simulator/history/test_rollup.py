"""The truth's own values of minutes say what the store's layout says, quantity by quantity."""

from __future__ import annotations

import math

from contract.catalogue import KINDS
from simulator.history.rollup import rolled
from simulator.history.series import Series, reading
from simulator.history.truth import nearest_rank
from store.beside import BESIDE
from store.layout import function_of

MINUTE = 60 * 10**9


def test_each_quantity_that_the_day_has_is_summed_up_as_the_store_does() -> None:
    values = (3.0, 9.0, 6.0)
    wanted = {"mean": 6.0, "sum": 18.0, "last": 6.0, "max": 9.0}
    known = ("position", "air_quality", "water_level", "weather", "enclosure")
    for kind in known:
        names = [quantity.name for quantity in KINDS[kind].quantities]
        series = reading(kind, "box-1", "one", names)
        for second, value in enumerate(values):
            series.add(second * 10**9, *(value for _ in names), "ntp")
        series.add(MINUTE, *(math.nan for _ in names), "ntp")
        made = rolled(series, MINUTE)
        assert list(made.times) == [0, MINUTE]
        for quantity in KINDS[kind].quantities:
            expected = wanted[function_of(quantity)]
            assert made.value(quantity.name, 0) == expected, quantity.name
            assert made.value(quantity.name, 1) is None


def test_what_is_kept_beside_readings_is_summed_up_as_the_store_does() -> None:
    values = (3.0, 9.0, 6.0)
    wanted = {"mean": 6.0, "last": 6.0, "max": 9.0}
    for one in (one for one in BESIDE if one.fields):
        names = [name for _, name in one.fields if name != "clock"]
        series = Series(one.source, dict.fromkeys(one.by, "x"), dict.fromkeys(names, "d") | {"clock": "s"})
        for second, value in enumerate(values):
            series.add(second * 10**9, *(value for _ in names), f"word {value}")
        made = rolled(series, MINUTE)
        for function, name in one.fields:
            assert made.value(name, 0) == ("word 6.0" if name == "clock" else wanted[function])


def test_a_percentile_is_a_value_that_was() -> None:
    values = [float(number) for number in range(1, 41)]
    assert [nearest_rank(values, percent) for percent in (50, 95, 99)] == [20.0, 38.0, 40.0]
    assert nearest_rank([], 95) is None
    assert nearest_rank([5.0], 50) == 5.0
