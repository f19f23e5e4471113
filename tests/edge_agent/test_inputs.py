"""A press, or a button that is still held: told apart over lost lines and restarts. Sensors: read, lost, read again."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from edge_agent.clock import Clock
from edge_agent.config import ButtonSettings
from edge_agent.drivers.base import Sample
from edge_agent.drivers.button.driver import Edge
from edge_agent.drivers.registry import find_driver
from edge_agent.inputs import SAME_PRESS_NS, ButtonState, SensorReader, watch
from edge_agent.outbox.alarms import HeldButton
from link.supervise import keep_running
from simulator.board import Board
from tests.edge_agent.drivers.nmea_text import rmc
from tests.edge_agent.drivers.package import package

S = 10**9


def edge(active: bool, timestamp_ns: int = 0, *, initial: bool = False) -> Edge:
    return Edge(active=active, timestamp_ns=timestamp_ns, sequence=0, initial=initial)


def test_each_rising_edge_is_a_press_and_a_held_button_is_one() -> None:
    state = ButtonState("boot-1", None)
    levels = [
        edge(False, initial=True),
        edge(True),
        edge(True),
        edge(False),
        edge(True),
    ]
    assert [state.edge(each) for each in levels] == [False, True, False, False, True]


def test_fault_1_a_button_found_pressed_at_the_start_is_a_press() -> None:
    assert ButtonState("boot-1", None).edge(edge(True, initial=True))


def test_fault_2_a_press_already_in_the_outbox_is_not_taken_again_while_the_button_is_held() -> None:
    state = ButtonState("boot-1", HeldButton("boot-1", 10 * S))
    assert not state.edge(edge(True, 12 * S, initial=True))
    assert not state.edge(edge(False, 13 * S))
    assert state.edge(edge(True, 14 * S)), "the next edge is a new press"


@pytest.mark.parametrize(
    ("boot", "at_ns"), [("boot-2", 12 * S), ("boot-1", 10 * S + SAME_PRESS_NS)], ids=["after a reboot", "long ago"]
)
def test_when_it_may_be_another_press_it_counts_as_one(boot: str, at_ns: int) -> None:
    assert ButtonState(boot, HeldButton("boot-1", 10 * S)).edge(edge(True, at_ns, initial=True))


def test_fault_40_a_line_lost_and_found_under_a_held_button_is_one_press() -> None:
    state = ButtonState("boot-1", None)
    assert state.edge(edge(False, initial=True)) is False
    assert state.edge(edge(True, 1 * S))
    assert not state.edge(edge(True, 2 * S, initial=True)), "reopened, still held"


def test_pressed_while_the_line_was_lost_is_found_at_reopening() -> None:
    state = ButtonState("boot-1", None)
    state.edge(edge(False, initial=True))
    assert state.edge(edge(True, 2 * S, initial=True))


class Desk:
    """What a watched button told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.changed = asyncio.Event()
        self.faults: Counter[str] = Counter()

    def note(self, what: str) -> None:
        self.told.append(what)
        self.changed.set()

    async def until(self, what: str, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.told.count(what) < times:
                self.changed.clear()
                await self.changed.wait()

    def watch(self, button: ButtonSettings, state: ButtonState) -> asyncio.Task[None]:
        return asyncio.create_task(
            watch(
                button,
                state,
                self.faults,
                lambda _: self.note("press"),
                lambda: self.note("release"),
                lambda: self.note("opened"),
                lambda _: self.note("stuck"),
            )
        )


def _button(path: Path, **more: Any) -> ButtonSettings:
    # Shorter than the settings allow, so that nobody waits.
    defaults = {"id": "sos", "uri": f"sim://{path}?line=sos", "lamp": None, "hold_ms": 0, "stuck_s": 60.0}
    return ButtonSettings.model_construct(**{**defaults, **more})


async def test_fault_41_a_stuck_button_is_one_press_and_a_fault_told_once(tmp_path: Path) -> None:
    desk, state = Desk(), ButtonState("boot-1", None)
    async with Board(tmp_path / "b") as board:
        task = desk.watch(_button(board.path, stuck_s=0.05), state)
        await desk.until("opened")
        board.press("sos", hold_ms=60_000)
        await desk.until("stuck")
        assert str(state.wrong).startswith("stuck: held all the time; check the button")
        board._release("sos")
        await desk.until("release", 2)
        assert state.wrong is None
        task.cancel()
    # The level at opening is up: what an earlier run held ends.
    assert desk.told == ["release", "opened", "press", "stuck", "release"]
    assert desk.faults == {"button sos: stuck": 1}


async def test_a_hold_time_lets_only_long_presses_through(tmp_path: Path) -> None:
    desk, state = Desk(), ButtonState("boot-1", None)
    async with Board(tmp_path / "b") as board:
        # The board lets go by the same loop, which a busy machine may hold up.
        task = desk.watch(_button(board.path, hold_ms=500), state)
        await desk.until("opened")
        board.press("sos", hold_ms=1)
        async with asyncio.timeout(10):
            while not desk.faults["button sos: pressed too shortly"]:  # noqa: ASYNC110  # a counter has nothing to await
                await asyncio.sleep(0)
        board.press("sos", hold_ms=600)
        await desk.until("release", 2)
        task.cancel()
    assert desk.told == ["release", "opened", "press", "release"]


async def test_fault_40_a_button_held_while_its_line_is_lost_is_one_press(tmp_path: Path) -> None:
    desk, state = Desk(), ButtonState("boot-1", None)
    async with Board(tmp_path / "b") as board:
        task = desk.watch(_button(board.path, hold_ms=5_000), state)
        await desk.until("opened")
        board.press("sos", hold_ms=60_000)
        async with asyncio.timeout(10):
            while not state.pressed:  # noqa: ASYNC110  # a state has nothing to await
                await asyncio.sleep(0)
        assert state.undecided, "a restart now could cost it"
    await desk.until("press")
    assert not state.undecided
    assert str(state.wrong).startswith("line lost: ")
    async with Board(tmp_path / "b") as board:
        board.press("sos", hold_ms=60_000)
        await desk.until("opened", 2)
        assert state.wrong is None
        task.cancel()
    assert desk.told.count("press") == 1
    assert desk.faults["button sos: line lost"] >= 1


OWN_DRIVER = """
from collections import Counter
from edge_agent.drivers.base import DriverSettings, DriverType, Sample
from edge_agent.errors import LineError

class Settings(DriverSettings):
    def parts(self):
        return ("pump",)

OPENED = []

class Own:
    def __init__(self, settings):
        OPENED.append(self)
        self.counters = Counter()
        self.openings = 0
        self.silent = {}

    async def samples(self):
        self.openings += 1
        self.counters["openings"] += 1
        if self.openings == 2:
            raise LineError("own://", "the cable is out", "put it back")
        if len(OPENED) == 1 and self.openings == 3:
            raise RuntimeError("a bug")
        level = lambda value, sensor=None: Sample("water_level", {"level_m": value}, 1, None, sensor)
        self.silent = {"pump": "silent: switch it on"}
        yield [level(1.0), level(float("nan")), Sample("tide", {"level_m": 1.0}, 1, None)]
        self.silent = {}
        yield [level(2.0, "pump"), level(3.0, "another")]

    def fault(self):
        return None

    def faults_of_parts(self):
        return self.silent

DRIVER = DriverType(name="gauge", settings=Settings, open=Own, example="")
"""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that a task of this loop does."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(reader: SensorReader, faults: Counter[str]) -> AsyncIterator[None]:
    """Keep a reader running, as the agent does."""
    task = asyncio.create_task(keep_running("sensor", reader.run, faults))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.slow
async def test_a_citys_own_driver_costs_the_box_nothing_but_its_own_readings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gauge_driver", raising=False)
    find_driver.cache_clear()
    package(tmp_path, OWN_DRIVER)
    settings = find_driver("gauge").settings(id="river", driver="gauge", uri="own://")
    taken: list[tuple[str, object]] = []
    faults: Counter[str] = Counter()
    reader = SensorReader(settings, Clock(0, 0), faults, lambda name, sample: taken.append((name, sample.fields)))
    async with running(reader, faults):
        # Opened, lost, failed in a way it did not foresee, and made anew.
        await until(lambda: len(taken) >= 4)
    assert taken[:4] == [("river", {"level_m": 1.0}), ("pump", {"level_m": 2.0})] * 2
    assert faults["sensor river: line lost"] == 1
    assert faults["sensor pump: silent"] == 2
    assert faults["sensor: failed"] == 1
    assert reader.counters["refused: out of range: level_m"] == 2
    assert reader.counters["refused: unknown kind: tide"] == 2
    assert reader.counters["refused: unknown part: another"] == 2
    assert reader.counters["openings"] == 4, "what a driver counted stays when it is made anew"


@pytest.mark.slow
async def test_fault_39_a_line_lost_is_a_fault_once_and_over_when_it_is_heard_again() -> None:
    faults: Counter[str] = Counter()
    taken: list[Sample] = []
    writers: list[asyncio.StreamWriter] = []

    async def served(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(rmc(f"03000{2 * len(writers)}.00") + rmc(f"03000{2 * len(writers) + 1}.00"))
        await writer.drain()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = find_driver("nmea").settings(id="gps", driver="nmea", uri=f"tcp://127.0.0.1:{port}")
    clock = Clock(0, 0)
    reader = SensorReader(settings, clock, faults, lambda _, sample: taken.append(sample))
    async with running(reader, faults):
        await until(lambda: len(taken) == 1)
        assert (clock.source, reader.wrong) == ("gnss", {})
        server.close()
        writers[0].transport.abort()
        await until(lambda: bool(reader.wrong))
        assert re.match(r"line lost: tcp://.*; check that the device server is on", reader.wrong["gps"])
        assert len(taken) == 2, "what was pending is taken"
        server = await asyncio.start_server(served, "127.0.0.1", port)
        await until(lambda: len(taken) == 4)
        assert reader.wrong == {}
        assert faults == {"sensor gps: line lost": 1}, "tried again and again, it stays one fault"
        assert reader.counters["sentences"] == 4
        server.close()
        writers[1].transport.abort()
        await until(lambda: bool(reader.wrong))


async def test_a_replayed_log_ends_and_tells_no_time(tmp_path: Path) -> None:
    log = tmp_path / "gps.log"
    log.write_bytes(rmc("030000.00") + b"\xf8" * 4_000)
    settings = find_driver("nmea").settings(id="gps", driver="nmea", uri=f"replay://{log}")
    clock, faults, taken = Clock(0, 0), Counter[str](), list[Sample]()
    reader = SensorReader(settings, clock, faults, lambda _, sample: taken.append(sample))
    async with asyncio.timeout(10):
        await reader.run()
    assert (len(taken), clock.source) == (1, "none")
    assert reader.position is not None
    assert faults == {"sensor gps: garbled": 1}
    assert reader.wrong == {"gps": "garbled: check the baud rate, the cable and the driver"}


async def test_what_is_not_told_is_still_the_freshest_position_and_tells_the_time(tmp_path: Path) -> None:
    log = tmp_path / "gps.log"
    log.write_bytes(b"".join(rmc(f"0300{at // 10:02}.{at % 10}0") for at in range(95)))
    settings = find_driver("nmea").settings(id="gps", driver="nmea", uri=f"replay://{log}", min_interval_s=1.0)
    taken: list[int | None] = []
    measured: list[str] = []
    reader = SensorReader(
        settings,
        Clock(0, 0),
        Counter(),
        lambda _, sample: taken.append(sample.time_ns),
        lambda name, _: measured.append(name),
    )
    async with asyncio.timeout(10):
        await reader.run()
    assert len(taken) == 10
    assert measured == ["gps"] * 95, "thresholds see every one"
    assert reader.position is not None
    assert reader.position.timestamp_ns == (taken[0] or 0) + 94 * 10**8
