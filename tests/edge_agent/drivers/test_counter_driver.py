"""Rain, wind and plain pulses, from a simulated board and from scripts of edges."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contract.batch import FieldValue
from contract.catalogue import fault
from contract.settings import check_table
from edge_agent.drivers.base import Sample
from edge_agent.drivers.button.edges import Edge
from edge_agent.drivers.counter.driver import DRIVER, CounterDriver, CounterSettings, measured
from edge_agent.drivers.counter.meter import PulseMeter
from edge_agent.drivers.registry import find_driver
from edge_agent.errors import LineError
from simulator.board import Board

FOLDER = Path(__file__).parents[3] / "edge_agent/drivers/counter"
CASES = sorted(path for path in (FOLDER / "testcases").iterdir() if path.is_dir())


def settings(uri: str, **more: Any) -> CounterSettings:
    table = {"id": "rain", "driver": "counter", "uri": uri, "measures": "rain", "mm_per_pulse": 0.2, **more}
    return check_table({key: value for key, value in table.items() if value is not None}, CounterSettings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path) -> None:
    (table,) = tomllib.loads((case / "sensor.toml").read_text())["sensors"]
    bus = check_table(table, CounterSettings)
    meter = PulseMeter()
    told: list[dict[str, Any]] = []
    for line in (case / "edges.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        moment, *words = line.split()
        now_ns = round(float(moment) * 1e9)
        if words in (["="], ["x"]):
            count = meter.close(now_ns) if words == ["="] else meter.lost_line(now_ns)
            if count is not None:
                told.append({"timestamp_ns": None, "kind": "weather", "fields": measured(bus, count)})
        else:
            initial = words[0] == "level"
            meter.edge(Edge(words[-2] == "up", now_ns, int(words[-1]), initial))
    assert told == [json.loads(line) for line in (case / "expected.jsonl").read_text().splitlines()]
    assert [fault(each["kind"], each["fields"]) for each in told] == [None] * len(told)


async def _rest(source: AsyncIterator[list[Sample]], told: list[dict[str, FieldValue]]) -> None:
    async for samples in source:
        told += [sample.fields for sample in samples]


@pytest.mark.slow
async def test_tips_of_a_simulated_gauge_and_what_came_before_the_line_was_lost(tmp_path: Path) -> None:
    board = Board(tmp_path / "b")
    await board.__aenter__()
    driver = CounterDriver(settings(f"sim://{board.path}?line=sos", interval_s=1.0))

    async def press() -> None:
        before = driver._meter.last_pulse_ns
        board.press("sos", hold_ms=1)
        while driver._meter.last_pulse_ns == before:  # noqa: ASYNC110  # the meter has nothing to await
            await asyncio.sleep(0)

    async with aclosing(driver.samples()) as source, asyncio.timeout(10):
        first = asyncio.ensure_future(anext(source))
        while driver._meter.last_pulse_ns is None:  # noqa: ASYNC110  # until it is open
            await asyncio.sleep(0)
        await press()
        told = [sample.fields for sample in await first]
        assert told == [{"rain_mm": 0.2}], "a second is too short for rates"
        second = asyncio.ensure_future(anext(source))
        await press()
        await board.__aexit__(None, None, None)
        told += [sample.fields for sample in await second]
        with pytest.raises(LineError, match="simulated board"):
            await _rest(source, told)
    assert sum(float(fields["rain_mm"]) for fields in told) == 0.4
    assert driver.counters["pulses"] == 2


async def test_a_line_that_cannot_be_opened_says_no_zero(tmp_path: Path) -> None:
    driver = CounterDriver(settings(f"sim://{tmp_path}/none?line=sos"))
    with pytest.raises(LineError, match="start the simulated board"):
        await anext(driver.samples())
    assert not driver.counters


async def test_a_driver_that_is_left_leaves_no_task(tmp_path: Path) -> None:
    async with Board(tmp_path / "b") as board:
        source = CounterDriver(settings(f"sim://{board.path}?line=sos")).samples()
        waiting = asyncio.ensure_future(anext(source))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await source.aclose()
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "pulses rain"]


def test_nothing_for_too_long_is_a_fault() -> None:
    driver = CounterDriver(settings("gpio://gpiochip0/6", quiet_h=0.001))
    assert driver.fault() is None, "never opened"
    driver._meter.edge(Edge(False, 0, 0, initial=True))
    assert str(driver.fault()).startswith("quiet: no pulse for 0.001 h; check that it turns")
    without = CounterDriver(settings("gpio://gpiochip0/6"))
    without._meter.edge(Edge(False, 0, 0, initial=True))
    assert without.fault() is None


def test_a_line_lost_in_the_very_moment_it_was_opened_says_nothing() -> None:
    driver = CounterDriver(settings("gpio://gpiochip0/6"))
    driver._meter.edge(Edge(False, 5, 0, initial=True))
    assert driver._samples(driver._meter.lost_line(5), 5) == []


def test_plain_pulses() -> None:
    meter = PulseMeter()
    meter.edge(Edge(False, 0, 0, initial=True))
    meter.edge(Edge(True, 1, 59, initial=False))
    count = meter.close(60 * 10**9)
    assert count is not None
    plain = settings("gpio://gpiochip0/6", measures="pulses", mm_per_pulse=None)
    assert measured(plain, count) == {"pulses": 30, "rate_hz": 0.5}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"measures": "wind"}, 'stands with measures = "rain", and only there'),
        ({"measures": "pulses"}, 'stands with measures = "rain", and only there'),
        ({"mm_per_pulse": None}, 'stands with measures = "rain"'),
        ({"mps_per_hz": 0.6}, 'stands with measures = "wind"'),
        ({"mm_per_pulse": 0.0}, "greater than 0"),
        ({"uri": "serial:///dev/ttyS0"}, "neither gpio:// nor sim://"),
        ({"interval_s": 0.5}, "greater than or equal to 1"),
    ],
)
def test_a_mistake_is_told(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**{"uri": "gpio://gpiochip0/6", **more})


def test_sample_example_and_readme_are_in_step_with_the_driver() -> None:
    for text in ((FOLDER / "sample.toml").read_text(), DRIVER.example):
        for table in tomllib.loads(text)["sensors"]:
            assert check_table(table, CounterSettings).claims()[0].startswith("gpio:gpiochip0/")
    assert find_driver("counter") is DRIVER
