"""The compiled functions against the plain ones of the catalogue and of the line protocol."""

from __future__ import annotations

from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest

from collector import shapes
from collector.line_protocol import line
from collector.shapes import SHAPES, learn
from contract.batch import Reading
from contract.catalogue import KINDS, Kind

T_NS = 1_700_000_000 * 10**9
HEADS = {"s-1": ",device=box-1,sensor=s-1 "}


def _reading(kind: str, fields: dict[str, Any]) -> Reading:
    return {"timestamp_ns": T_NS, "sensor": "s-1", "kind": kind, "fields": fields, "clock": "ntp"}


def _run(*readings: Any) -> tuple[list[str], Any]:
    lines: list[str] = []
    first, *others = [SimpleNamespace(**one) for one in readings]
    left = SHAPES[first.kind, *first.fields](first, iter(others), HEADS, T_NS, lines)
    return lines, None if left is None else vars(left)


def _good(kind: Kind) -> dict[str, Any]:
    return {
        quantity.name: 1 if quantity.type == "int" else (quantity.maximum or 0.0) / 3 for quantity in kind.quantities
    }


@pytest.fixture(autouse=True)
def _forget() -> None:
    SHAPES.clear()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_of_the_catalogue_has_one_and_it_writes_what_the_plain_way_writes(kind: Kind) -> None:
    fields = _good(kind)
    learn(kind.name, fields)
    reading = _reading(kind.name, fields)
    assert _run(reading, reading) == ([line("box-1", reading)] * 2, None)


def test_whole_numbers_for_floats_are_written_as_floats() -> None:
    learn("water_level", ["level_m"])
    lines, _ = _run(_reading("water_level", {"level_m": 2}), _reading("water_level", {"level_m": -0.0}))
    assert [one.split(" ")[1].split(",")[0] for one in lines] == ["level_m=2.0", "level_m=-0.0"]


@pytest.mark.parametrize(
    "bad",
    [
        {"fields": {"active": True}},
        {"fields": {"active": 1.0}},
        {"fields": {"active": 2}},
        {"fields": {"active": None}},
        {"fields": {"active": "1"}},
        {"timestamp_ns": T_NS + 1},
        {"timestamp_ns": 0},
        {"sensor": "s-2"},
        {"sensor": ["s-1"]},
        {"clock": "sundial"},
        {"clock": None},
    ],
    ids=repr,
)
def test_what_is_not_plainly_good_is_given_up(bad: dict[str, Any]) -> None:
    learn("contact", ["active"])
    assert _run(_reading("contact", {"active": 1}))[1] is None
    with pytest.raises((ValueError, LookupError, TypeError)):
        _run({**_reading("contact", {"active": 1}), **bad})


def test_it_stops_at_what_is_another_shape_and_hands_that_back() -> None:
    learn("noise", ["level_db"])
    one = _reading("noise", {"level_db": 1.0})
    for other in (
        _reading("water_level", {"level_m": 1.0}),
        _reading("noise", {"level_db": 1.0, "more": 1.0}),
        _reading("noise", {"loudness": 1.0}),
        _reading("noise", {}),
    ):
        lines, left = _run(one, one, other, one)
        assert (len(lines), left) == (2, other)


def test_the_order_of_fields_is_a_shape_of_its_own_and_the_number_of_shapes_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shapes, "MAX_SHAPES", 5)
    names = [quantity.name for quantity in KINDS["air_quality"].quantities]
    for order in permutations(names):
        learn("air_quality", order)
        learn("air_quality", order)
    assert len(SHAPES) == 5
