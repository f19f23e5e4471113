"""What is wrong now, on a real agent with a real pty and a simulated board: begun, told, counted, and over again."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent import silence, watchman
from edge_agent.agent import Agent
from edge_agent.config import Box, BoxSettings
from edge_agent.status import AgentStatus
from link import Endpoint
from simulator.board import Board

NOBODY = Endpoint("127.0.0.1", 1)
_GAUGE = {
    "id": "river",
    "driver": "pattern",
    "begins": "R",
    "readings": [
        {"kind": "water_level", "pattern": "^R(?P<level_m>[0-9]{4})$", "fields": {"level_m": {"scale": 0.001}}}
    ],
}


class Line:
    """A sensor's end of a serial line."""

    def __init__(self) -> None:
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)

    def say(self, level_m: float) -> None:
        os.write(self.master, b"R%04d\n" % round(level_m * 1_000))

    def pull(self) -> None:
        """Pull the cable: the tty hangs up. Its number is not another test's, whose tty the agent would open."""
        os.close(self.master)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let silence begin, and be seen, soon."""
    monkeypatch.setattr(silence, "LEAST_NS", 300_000_000)
    monkeypatch.setattr(watchman, "ROUND_S", 0.02)


@asynccontextmanager
async def running(tmp_path: Path, line: Line, **more: Any) -> AsyncIterator[Agent]:
    broker = {"host": "127.0.0.1", "port": 1, "ca": "-", "certificate": "-", "key": "-"}
    settings = BoxSettings.model_validate(
        {
            "device": "box-1",
            "data_dir": tmp_path / "data",
            "alarm_broker": broker,
            "telemetry_broker": broker,
            "sensors": [{**_GAUGE, "uri": f"serial://{line.path}"}],
            **more,
        },
        strict=False,
    )
    # No configuration may say a time so short.
    buttons = [button.model_copy(update={"stuck_s": 0.2}) for button in settings.buttons]
    box = Box(settings.model_copy(update={"buttons": buttons}), {"alarm": NOBODY, "telemetry": NOBODY})
    ready = asyncio.Event()
    agent = Agent(box, ready.set)
    task = asyncio.create_task(agent.run())
    async with asyncio.timeout(10):
        await ready.wait()
    try:
        yield agent
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await task


async def comes(
    agent: Agent, look: Callable[[AgentStatus], bool], meanwhile: Callable[[], None] = lambda: None
) -> AgentStatus:
    """Wait until the status shows something, which is all an agent shows; `meanwhile` is done again and again."""
    async with asyncio.timeout(10):
        while not look(told := agent.status()):
            meanwhile()
            await asyncio.sleep(0.01)
    return told


def wrong(told: AgentStatus) -> dict[str, str]:
    return {fault.what: fault.words.partition(": ")[0] for fault in told.faults}


@pytest.mark.slow
@pytest.mark.usefixtures("soon")
async def test_an_open_line_that_falls_silent_is_a_fault_until_it_is_heard_again(tmp_path: Path) -> None:
    line = Line()
    async with running(tmp_path, line) as agent:
        told = await comes(
            agent,
            lambda told: bool(told.sensors[0].readings) and "sensor river" not in wrong(told),
            lambda: line.say(1.5),
        )
        assert told.sensors[0].readings[0].fields == {"level_m": 1.5}
        before = told.report.faults.get("sensor river: no reading", 0)  # a busy machine may be late with the first
        told = await comes(agent, lambda told: wrong(told).get("sensor river") == "no reading")
        assert told.report.faults["sensor river: no reading"] == before + 1
        told = await comes(agent, lambda told: "sensor river" not in wrong(told), lambda: line.say(1.6))
        assert "sensor river" in {fault.what for fault in told.cleared}
        line.pull()
        await comes(agent, lambda told: wrong(told).get("sensor river") == "line lost")


@pytest.mark.slow
async def test_fault_41_a_stuck_button_is_one_alarm_more_with_its_cause_and_a_fault_until_it_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchman, "ROUND_S", 0.02)
    async with Board(tmp_path / "b") as board:
        button = {"id": "sos", "uri": f"sim://{board.path}?line=sos", "lamp": f"sim://{board.path}?line=sos"}
        async with running(tmp_path, Line(), buttons=[button]) as agent:
            board.press("sos", hold_ms=60_000)
            told = await comes(agent, lambda told: wrong(told).get("button sos") == "stuck")
            assert [(press.button, press.cause, press.status) for press in told.presses] == [
                ("sos", "press", "Actual"),
                ("sos", "stuck", "Actual"),
            ]
            assert told.buttons[0].pressed
            board._release("sos")
            told = await comes(agent, lambda told: "button sos" not in wrong(told))
            assert not told.buttons[0].pressed
            assert told.report.presses.produced == 2


@pytest.mark.slow
async def test_a_value_beyond_its_threshold_is_an_alarm_also_when_its_reading_is_not_told(tmp_path: Path) -> None:
    line = Line()
    sensors = [{**_GAUGE, "uri": f"serial://{line.path}", "min_interval_s": 3_600}]
    thresholds = [{"id": "river-high", "sensor": "river", "field": "water_level.level_m", "above": 3.0}]
    async with running(tmp_path, line, sensors=sensors, thresholds=thresholds) as agent:
        await comes(agent, lambda told: told.thresholds[0].value == 1.5, lambda: line.say(1.5))
        # The box's own reading is a thread's.
        await comes(agent, lambda told: told.report.readings.produced >= 2)
        told = await comes(agent, lambda told: told.thresholds[0].state == "raised", lambda: line.say(3.2))
        assert [(press.button, press.cause) for press in told.presses] == [("river-high", "threshold")]
        assert told.report.readings.produced == 2, "one of the river, one of the box"


@pytest.mark.slow
async def test_lanes_that_stay_down_and_presses_that_nobody_answers_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchman, "DOWN_NS", 50_000_000)
    monkeypatch.setattr(watchman, "UNANSWERED_NS", 50_000_000)
    monkeypatch.setattr(watchman, "CLOCK_NS", 10**18)
    monkeypatch.setattr(watchman, "ROUND_S", 0.02)
    async with Board(tmp_path / "b") as board:
        button = {"id": "sos", "uri": f"sim://{board.path}?line=sos"}
        async with running(tmp_path, Line(), buttons=[button]) as agent:
            told = await comes(agent, lambda told: len(wrong(told).keys() & {"lane alarm", "lane telemetry"}) == 2)
            assert "presses" not in wrong(told)
            board.press("sos", hold_ms=20)
            await comes(agent, lambda told: wrong(told).get("presses") == "not delivered")
        # The board is still there: only the button is gone with its agent.


@pytest.mark.slow
async def test_a_part_that_fails_is_a_fault_and_a_lamp_that_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchman, "ROUND_S", 0.02)
    board = Board(tmp_path / "b")
    async with board:
        button = {"id": "sos", "uri": f"sim://{board.path}?line=sos", "lamp": f"sim://{board.path}?line=sos"}
        async with running(tmp_path, Line(), buttons=[button]) as agent:
            assert not wrong(agent.status()).keys() & {"button sos", "lamp sos"}
            await board.__aexit__(None, None, None)
            told = await comes(agent, lambda told: wrong(told).get("button sos") == "line lost")
            assert "start the simulated board" in next(f.words for f in told.faults if f.what == "button sos")
