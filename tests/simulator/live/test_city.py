"""The living city: points come in order, under names of their own, and a restart tells no past twice."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

import pytest

from contract.inventory import parse_inventory
from siaga.demo.places import inventory_toml
from simulator.history.plan import HOUR, MINUTE, S
from simulator.live.city import BEFORE_NS, LASTS_NS, Traffic, arrivals, city_from, fates, members
from simulator.live.kept import Kept, going_on

NOW = 1_790_000_000 * S // MINUTE * MINUTE


def _tag(line: str, name: str) -> str:
    tags = dict(pair.split("=") for pair in line.split(" ")[0].split(",")[1:])
    return tags.get(name, "")


@pytest.mark.slow
def test_a_quarter_of_an_hour_has_every_kind_in_order_of_its_coming() -> None:
    plan = city_from(NOW, NOW - 15 * MINUTE)
    found = list(takewhile(lambda one: one[0] <= NOW, arrivals(plan)))
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    kinds = {line.partition(",")[0] for _, line in found}
    assert {"air_quality", "water_level", "weather", "position", "box_report", "box_health"} <= kinds
    # Nothing is told of a box that runs, and of nobody who is not in the inventory.
    devices = {_tag(line, "device") for _, line in found}
    assert devices <= {device.name for device in members().devices}
    traffic = Traffic()
    speeds = [made for _, line in found for made in traffic.take(line)]
    assert speeds
    assert {line.partition(",")[0] for line in speeds} == {"street_speed"}


def test_the_demos_inventory_has_the_boxes_that_run_and_the_rest_of_the_city() -> None:
    known = parse_inventory(inventory_toml(3, members()), source="inventory.toml")
    assert [button.device for button in known.buttons] == ["box-1", "box-2", "box-3"], "nobody can press elsewhere"
    kinds = {sensor.kind for sensor in known.sensors}
    assert {"air_quality", "water_level", "weather", "position"} <= kinds
    assert sum(device.vehicle is not None for device in known.devices) == 8


def test_what_is_wrong_in_the_city_is_wrong_at_its_start() -> None:
    plan = city_from(NOW)
    known = fates(plan)
    silent = {name for name, fate in known.items() if not fate.hears(NOW)}
    assert silent == {plan.air_boxes[1], plan.plain_boxes[0], plan.moving[-1]}


def test_a_restart_goes_on_and_a_new_city_has_no_past_that_was_told() -> None:
    first = going_on(None, NOW)
    assert (first.plan.begin_ns, first.plan.end_ns) == (NOW - BEFORE_NS, NOW + LASTS_NS)
    later = Kept(first.started_ns, first.past_from_ns, NOW + HOUR)
    assert going_on(later, NOW + 2 * HOUR) is later
    over = going_on(later, NOW + 13 * HOUR)
    assert over.plan.begin_ns == NOW + 7 * HOUR
    soon = Kept(first.started_ns, first.past_from_ns, NOW + 12 * HOUR)
    assert going_on(soon, NOW + 13 * HOUR).plan.begin_ns == NOW + 12 * HOUR
    assert going_on(later, NOW - HOUR).started_ns == NOW - HOUR, "a clock that was set back"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"started_ns": 1}', '{"started_ns": "x"}'])
def test_a_file_that_is_none_begins_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "city.json"
    file.write_text(text)
    assert Kept.read(file) is None
    kept = Kept(1, 2, 3)
    kept.write(file)
    assert Kept.read(file) == kept
