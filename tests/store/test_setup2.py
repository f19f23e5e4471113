"""The tasks of InfluxDB 2.x, without a server; with one they are tried in test_influxdb2."""

from __future__ import annotations

import re

from contract.catalogue import KINDS
from dashboards.boards import DASHBOARDS
from store.beside import BESIDE
from store.layout import Layout, is_ours
from store.setup2 import tasks


def test_there_is_a_task_for_each_span_and_one_that_does_something_else_has_another_name() -> None:
    made = tasks("siaga", "city", Layout())
    assert len(made) == 4
    assert all(is_ours(name) and f'name: "{name}", every: ' in flux for name, flux in made.items())
    assert not set(made) & set(tasks("other", "city", Layout()))
    assert len(set(made) & set(tasks("siaga", "city", Layout(late_s=7_200)))) == 2
    assert len(set(made) & set(tasks("siaga", "city", Layout(near_every_s=60)))) == 2


def test_a_value_is_never_made_of_a_part_of_its_minute_or_hour() -> None:
    for flux in tasks("siaga", "city", Layout()).values():
        [(span, step)] = set(re.findall(r"range\(start: date\.truncate\(t: -(\d+)s, unit: (\d+)s\)", flux))
        assert int(span) >= 2 * int(step)
        assert set(re.findall(r"every: (\d+)s, fn:", flux)) == {step}
        # The desk's signs of life are counted, up to a whole step, and none is 0.
        assert flux.count(f", stop: date.truncate(t: now(), unit: {step}s))") == flux.count("createEmpty: true") == 1
        assert flux.count("createEmpty: false") == flux.count("|> to(") - 1 == flux.count("|> range(start") + 3


def test_what_is_kept_beside_readings_has_values_under_the_names_that_the_walls_ask_for() -> None:
    asked = "".join(question.influxql for one in DASHBOARDS.values() for p in one.panels for question in p.questions)
    for flux in tasks("siaga", "city", Layout()).values():
        made = set(re.findall(r'set\(key: "_measurement", value: "(.*?)"\)', flux))
        assert made == {one.into for one in BESIDE}
        assert all(f'"{{policy}}"."{name}"' in asked for name in made)


def test_every_quantity_is_in_one_of_the_parts() -> None:
    flux = next(iter(tasks("siaga", "city", Layout()).values()))
    named = [name for group in re.findall(r"\(r\) => r\._field =~ /\^\((.*?)\)\$/", flux) for name in group.split("|")]
    assert sorted(named) == sorted({one.name for kind in KINDS.values() for one in kind.quantities})
