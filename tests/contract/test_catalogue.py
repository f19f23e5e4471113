"""The catalogue: what it refuses, and that it is consistent in itself."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import TypeAdapter

from contract.batch import FieldName
from contract.catalogue import KINDS, Quantity, fault

_NAME = TypeAdapter(FieldName)
_ALL = [(kind.name, quantity) for kind in KINDS.values() for quantity in kind.quantities]


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("position", {"latitude": -6.9, "longitude": 107}, None),
        ("position", {"latitude": -6.9, "longitude": 107.6, "satellites": 9, "hdop": 0.8}, None),
        ("water_level", {"level_m": -10}, None),
        ("air_quality", {"pm10_ugm3": 0}, None),
        ("mood", {"good": 1}, "unknown kind: mood"),
        ("weather", {"rain": 1}, "unknown field: rain"),
        ("position", {"latitude": 1, "longitude": 1, "mood": 1}, "unknown field: mood"),
        ("position", {"latitude": 1}, "missing field: longitude"),
        ("position", {"latitude": 90.000001, "longitude": 0}, "out of range: latitude"),
        ("position", {"latitude": 0, "longitude": -181}, "out of range: longitude"),
        ("position", {"latitude": math.nan, "longitude": 0}, "out of range: latitude"),
        ("position", {"latitude": math.inf, "longitude": 0}, "out of range: latitude"),
        ("position", {"latitude": "1", "longitude": 0}, "wrong type: latitude"),
        ("position", {"latitude": True, "longitude": 0}, "wrong type: latitude"),
        ("position", {"latitude": 1, "longitude": 0, "satellites": 9.0}, "wrong type: satellites"),
        ("position", {"latitude": 1, "longitude": 0, "satellites": True}, "wrong type: satellites"),
        ("position", {"latitude": 10**400, "longitude": 0}, "out of range: latitude"),
    ],
)
def test_fault(kind: str, fields: dict[str, Any], expected: str | None) -> None:
    assert fault(kind, fields) == expected


def test_a_wrong_type_is_told_for_texts_and_booleans_too() -> None:
    text = Quantity("note", "str", "", None, None, "Note", "Catatan")
    flag = Quantity("open", "bool", "", None, None, "Open", "Terbuka")
    assert [text.fault("x"), text.fault(1), flag.fault(True), flag.fault(1)] == [None, "wrong type", None, "wrong type"]


@pytest.mark.parametrize(("kind", "quantity"), _ALL, ids=lambda value: getattr(value, "name", value))
def test_every_quantity_takes_its_bounds_and_nothing_beyond(kind: str, quantity: Quantity) -> None:
    assert _NAME.validate_python(quantity.name) == quantity.name
    assert quantity.label_en
    assert quantity.label_id
    assert quantity.minimum is not None
    assert quantity.maximum is not None
    whole = int if quantity.type == "int" else float
    low, high = whole(quantity.minimum), whole(quantity.maximum)
    assert [quantity.fault(low), quantity.fault(high)] == [None, None]
    step = 1 if quantity.type == "int" else abs(high - low) * 1e-9
    assert [quantity.fault(low - step), quantity.fault(high + step)] == ["out of range", "out of range"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_required_fields_exist_and_names_are_unique(kind: Any) -> None:
    names = [quantity.name for quantity in kind.quantities]
    assert len(set(names)) == len(names)
    assert set(kind.required) <= set(names)
    assert "time" not in names  # InfluxDB has a column of that name in each measurement
    assert not {"device", "sensor", "clock"} & set(names)  # tags and the field the collector adds
