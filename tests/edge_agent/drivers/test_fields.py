from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from contract.catalogue import KINDS
from edge_agent.drivers.fields import Scaling, number, plausible, quantities, scaled

LEVEL = KINDS["water_level"].quantities[0]
ACTIVE = KINDS["contact"].quantities[0]


@pytest.mark.parametrize(
    ("text", "value"), [("0", "0"), ("-12.5", "-12.5"), ("+.5", "0.5"), ("7.", "7"), ("1.2e3", "1200")]
)
def test_numbers(text: str, value: str) -> None:
    assert number(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        ".",
        "-",
        "1,5",
        "1_000",
        "0x10",
        "nan",
        "inf",
        "١٢",
        "1e",
        "1e999",
        "1" * 19,
        "1\n",
        "--1",
        "1.2.3",
    ],
)
def test_what_is_no_number(text: str) -> None:
    assert number(text) is None


def test_scaling_is_decimal() -> None:
    assert scaled(LEVEL, Decimal(3), Scaling(scale=0.1)) == 0.3
    assert scaled(LEVEL, Decimal(2345), Scaling(scale=-0.001, offset=6.2)) == 3.855
    assert scaled(LEVEL, Decimal("0.07"), Scaling(scale=100)) == 7.0


def test_the_type_is_the_quantitys() -> None:
    value = scaled(ACTIVE, Decimal(1), Scaling())
    assert (value, type(value)) == (1, int)
    assert type(scaled(LEVEL, Decimal(1), Scaling())) is float


@pytest.mark.parametrize("raw", ["nan", "inf", "-inf", "1e99", "-1e99"])
def test_what_cannot_be_is_left_out_and_counted(raw: str) -> None:
    for kind, quantity in (("water_level", LEVEL), ("contact", ACTIVE)):
        for scaling in (Scaling(), Scaling(scale=0), Scaling(scale=1e308), Scaling(scale=-1, offset=-1e308)):
            counters: Counter[str] = Counter()
            value = scaled(quantity, Decimal(raw), scaling)
            if scaling.scale == 0 and Decimal(raw).is_finite():
                assert value == 0
                continue
            assert plausible(kind, {quantity.name: value}, counters) is None
            assert counters == {f"implausible {quantity.name}": 1, "no value": 1}


def test_a_value_out_of_range_is_left_out_alone() -> None:
    counters: Counter[str] = Counter()
    fields = {"pm1_ugm3": 1.0, "pm2_5_ugm3": 2_001.0, "pm10_ugm3": 3_000.0}
    assert plausible("air_quality", fields, counters) == {"pm1_ugm3": 1.0, "pm10_ugm3": 3_000.0}
    assert counters == {"implausible pm2_5_ugm3": 1}


def test_nothing_is_no_value() -> None:
    counters: Counter[str] = Counter()
    assert plausible("air_quality", {}, counters) is None
    assert plausible("position", {"latitude": 1.0}, counters) is None
    assert counters == {"no value": 2}


def test_fields_are_checked_against_the_catalogue() -> None:
    assert list(quantities("air_quality", ["pm10_ugm3"])) == ["pm10_ugm3"]
    with pytest.raises(ValueError, match="water_level has no field 'level'; it has: level_m"):
        quantities("water_level", ["level"])
    with pytest.raises(ValueError, match="position needs the field 'longitude'"):
        quantities("position", ["latitude"])
