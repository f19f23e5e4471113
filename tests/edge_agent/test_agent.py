"""The agent as a whole: what fails in one part stays there, and a stop takes at most 2 s whatever stands still."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.batch import decode_batch
from contract.identity import new_event_id, new_stream_id
from contract.messages import MAX_ALARM_BYTES, Press, Report, decode, encode
from edge_agent import agent as agent_module
from edge_agent import last_run
from edge_agent.agent import Agent
from edge_agent.alarm_lane import KeptPress
from edge_agent.alarm_uplink import AlarmUplink
from edge_agent.books import KILLED, POWER_CUT, Books
from edge_agent.clock import EARLIEST_NS
from edge_agent.clock_floor import LifeRecord
from edge_agent.config import Box, BoxSettings
from edge_agent.drivers.base import Sample
from edge_agent.health import HealthReader, boot_id
from edge_agent.life_file import LifeFile
from edge_agent.outbox.alarms import AlarmOutbox
from edge_agent.status import AgentStatus
from edge_agent.status_socket import MAX_BYTES, ask, places
from edge_agent.telemetry_uplink import TelemetryUplink
from link import Endpoint, ntp


@pytest.fixture
def frozen_broker() -> Iterator[int]:
    """Yield the port of a broker that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


def box(tmp_path: Path, port: int, sensors: int = 0) -> Box:
    """Return a box without buttons, whose two brokers are at `port`."""
    broker = {"host": "127.0.0.1", "port": port, "ca": "-", "certificate": "-", "key": "-"}
    settings = {
        "device": "box-1",
        "data_dir": tmp_path / "data",
        "alarm_broker": broker,
        "telemetry_broker": broker,
        "sensors": [
            {"id": f"gps-{number}-{'x' * 50}", "driver": "nmea", "uri": f"replay://{tmp_path}/none-{number}"}
            for number in range(sensors)
        ],
    }
    endpoint = Endpoint("127.0.0.1", port)
    return Box(BoxSettings.model_validate(settings, strict=False), {"alarm": endpoint, "telemetry": endpoint})


_PROCESS = """
import asyncio, logging, sys
from pathlib import Path
from edge_agent.agent import Agent
from tests.edge_agent.test_agent import box
logging.basicConfig()
asyncio.run(Agent(box(Path(sys.argv[1]), int(sys.argv[2])), lambda: print("ready", flush=True)).run())
"""


def run_agent(tmp_path: Path, port: int) -> subprocess.Popen[bytes]:
    """Return an agent that told it is ready, in a process of its own."""
    command = [sys.executable, "-c", _PROCESS, str(tmp_path), str(port)]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def stop(process: subprocess.Popen[bytes]) -> str:
    """Stop an agent and return what it told. It takes 2 s by design; one that waits for what never comes fails here."""
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=10)
    return told.decode()


def has_a_reading(tmp_path: Path) -> None:
    """Return once an agent has its first health reading, which a thread reads after the agent told it is ready."""
    until_s = time.monotonic() + 10
    while True:
        told = ask(places(tmp_path / "data", None, os.environ))
        if told is not None and decode(AgentStatus, told, max_bytes=MAX_BYTES).report.readings.waiting:
            return
        assert time.monotonic() < until_s, told
        time.sleep(0.01)  # its socket is made, and its reading comes, when nobody tells


@pytest.mark.slow
def test_a_stop_does_not_wait_for_a_frozen_broker(tmp_path: Path, frozen_broker: int) -> None:
    process = run_agent(tmp_path, frozen_broker)
    has_a_reading(tmp_path)
    told = stop(process)
    assert process.returncode == 0, told
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700, "where a box was is nobody else's to read"
    # The health reading at the start was only in memory: the stop kept it.
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "telemetry.db")) as outbox:
        assert outbox.execute("SELECT count(*) FROM kept").fetchone()[0] > 0


@pytest.mark.slow
def test_starts_and_stops_without_waiting_for_a_card_that_stands_still(tmp_path: Path, frozen_broker: int) -> None:
    (tmp_path / "data").mkdir()
    with contextlib.ExitStack() as stack:
        for name in ("alarms.db", "telemetry.db"):
            held = stack.enter_context(contextlib.closing(sqlite3.connect(tmp_path / "data" / name)))
            held.execute("BEGIN EXCLUSIVE")
        # Each takes 2 s by design; the card stands still for as long as this block lasts.
        process = run_agent(tmp_path, frozen_broker)
        has_a_reading(tmp_path)
        told = stop(process)
    assert process.returncode == 0, told
    assert "the card stands still" in told
    left = LifeFile(tmp_path / "data").read()
    assert left is not None
    assert not left.clean, "what the card did not take is lost, and the next life says so"


@pytest.mark.slow
def test_fault_5_a_data_folder_that_cannot_be_made_stops_nobody(tmp_path: Path, frozen_broker: int) -> None:
    (tmp_path / "data").write_text("a file where the folder should be: unlike a mode bit, it stops root as well")
    process = run_agent(tmp_path, frozen_broker)
    told = stop(process)
    assert process.returncode == 0, told
    assert "the data folder cannot be made" in told


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stop wait for the card of a busy machine; how long it may take is tried elsewhere."""
    for name in ("_KEEP_S", "_END_S", "_CLOSE_S"):
        monkeypatch.setattr(agent_module, name, 10.0)


async def running(agent: Agent) -> asyncio.Task[None]:
    task = asyncio.create_task(agent.run())
    await asyncio.sleep(0.05)
    return task


async def comes(look: Callable[[], bool]) -> None:
    """Wait until the agent's books show something; they are all it shows."""
    async with asyncio.timeout(10):
        while not look():  # noqa: ASYNC110 - its books are all it shows
            await asyncio.sleep(0.01)


async def stopped(task: asyncio.Task[None]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await task


@pytest.mark.slow
async def test_presses_on_a_card_that_is_slow_at_the_start_are_taken_up_later(
    tmp_path: Path, frozen_broker: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_run, "_AGAIN_S", 0.05)
    (tmp_path / "data").mkdir()
    outbox = AlarmOutbox(tmp_path / "data")
    outbox.writer.start()
    press = Press(
        event_id=new_event_id(),
        device="box-1",
        button="sos",
        cause="press",
        status="Actual",
        pressed_at_ns=1,
        clock="none",
        age_ms=0,
        stream=new_stream_id(),
        sequence=0,
    )
    await outbox.add(KeptPress(press, "boot-1", 1))
    outbox.writer.stop()
    (tmp_path / "data").rename(tmp_path / "away")
    (tmp_path / "data").write_text("the card is not there")
    agent = Agent(box(tmp_path, frozen_broker), lambda: None)
    task = await running(agent)
    await comes(lambda: agent.report().faults.get("card", 0) > 0)
    assert agent.report().presses.produced == 0
    (tmp_path / "data").unlink()
    (tmp_path / "away").rename(tmp_path / "data")
    await comes(lambda: agent.report().presses.waiting > 0)
    await stopped(task)


@pytest.mark.slow
async def test_a_health_reader_that_fails_ends_nothing_else(
    tmp_path: Path, frozen_broker: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: HealthReader, waiting_readings: int) -> Sample:
        raise ValueError("unforeseen")

    monkeypatch.setattr(HealthReader, "read", fail)
    agent = Agent(box(tmp_path, frozen_broker), lambda: None)
    task = await running(agent)
    await comes(lambda: agent.report().faults.get("health: failed", 0) >= 1)
    assert not task.done()
    await stopped(task)


@pytest.mark.slow
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("fails", [AlarmUplink, TelemetryUplink, Books])
async def test_whatever_fails_in_a_stop_the_outboxes_are_closed(
    tmp_path: Path, frozen_broker: int, monkeypatch: pytest.MonkeyPatch, fails: type
) -> None:
    """What closes a file last takes its log away."""

    def fail(self: object, **_: object) -> None:
        raise KeyError("unforeseen")

    monkeypatch.setattr(fails, "end" if fails is Books else "keep_all", fail)
    agent = Agent(box(tmp_path, frozen_broker), lambda: None)
    task = await running(agent)
    await comes(lambda: agent.report().readings.waiting > 0)
    with contextlib.suppress(KeyError):
        await stopped(task)
    assert not [path.name for path in (tmp_path / "data").glob("*.db-wal")]
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "telemetry.db")) as outbox:
        kept = outbox.execute("SELECT count(*) FROM kept").fetchone()[0]
    assert (kept > 0) == (fails is not TelemetryUplink), "what fails in one lane costs the other nothing"


@pytest.mark.slow
async def test_a_report_of_many_faults_with_long_names_is_a_report(tmp_path: Path, frozen_broker: int) -> None:
    agent = Agent(box(tmp_path, frozen_broker, sensors=80), lambda: None)
    task = await running(agent)
    await comes(lambda: sum(agent.report().faults.values()) >= 80)
    report = agent.report()
    assert len(report.faults) == 64
    assert decode(Report, encode(report), max_bytes=2 * MAX_ALARM_BYTES) == report
    await stopped(task)


def left_by_another_boot(folder: Path, *, clean: bool) -> LifeRecord:
    """Leave the record of a life in a data folder; tmpfs knows nothing of it."""
    record = LifeRecord(EARLIEST_NS + 400 * 86_400 * 10**9, 0, new_stream_id(), "another boot", clean)
    folder.mkdir()
    LifeFile(folder).write(record)
    return record


@pytest.mark.slow
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("clean", [True, False])
async def test_after_a_power_cut_the_report_names_the_life_before_and_says_that_the_loss_is_not_known(
    tmp_path: Path, frozen_broker: int, clean: bool
) -> None:
    record = left_by_another_boot(tmp_path / "data", clean=clean)
    agent = Agent(box(tmp_path, frozen_broker), lambda: None)
    task = await running(agent)
    await comes(lambda: agent.report().previous_stream is not None)
    report = agent.report()
    assert report.previous_stream == record.stream
    assert report.stream not in (None, record.stream)
    assert (POWER_CUT in report.faults) == (not clean)
    await stopped(task)
    left = LifeFile(tmp_path / "data").read()
    assert left is not None
    assert (left.stream, left.clean) == (report.stream, True)


@pytest.mark.slow
@pytest.mark.usefixtures("patient")
async def test_fault_27_a_wall_clock_at_1970_counts_from_where_the_last_life_ended(
    tmp_path: Path, frozen_broker: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody() -> bool:
        return False

    record = left_by_another_boot(tmp_path / "data", clean=True)
    monkeypatch.setattr(time, "time_ns", lambda: 17 * 10**9)
    monkeypatch.setattr(ntp, "is_synchronised", nobody)
    agent = Agent(box(tmp_path, frozen_broker), lambda: None)
    task = await running(agent)
    await comes(lambda: agent.report().timestamp_ns >= record.floor_ns)
    assert agent.report().clock == "none"
    await comes(lambda: agent.report().readings.produced > 0)
    ended_ns = agent.report().timestamp_ns
    await stopped(task)
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "telemetry.db")) as outbox:
        (body,) = outbox.execute("SELECT body FROM kept").fetchone()
    batch = decode_batch(zlib.decompress(body))
    assert {reading["clock"] for reading in batch["readings"]} == {"none"}
    assert all(reading["timestamp_ns"] >= record.floor_ns for reading in batch["readings"])
    left = LifeFile(tmp_path / "data").read()
    assert left is not None
    assert left.floor_ns >= ended_ns, "the next life goes on from there"


@pytest.mark.slow
async def test_without_a_folder_on_tmpfs_a_kill_is_told_as_a_loss_that_is_not_known(
    tmp_path: Path, frozen_broker: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "missing"))
    (tmp_path / "data").mkdir()
    LifeFile(tmp_path / "data").write(LifeRecord(0, 0, new_stream_id(), boot_id(), clean=False))
    agent = Agent(box(tmp_path, frozen_broker), lambda: None)
    task = await running(agent)
    await comes(lambda: KILLED in agent.report().faults)
    assert agent.report().faults["books not on tmpfs"] == 1
    await stopped(task)


@pytest.mark.slow
async def test_a_second_agent_on_the_folder_takes_nothing_from_the_first(tmp_path: Path, frozen_broker: int) -> None:
    first = run_agent(tmp_path, frozen_broker)
    agent = Agent(box(tmp_path, frozen_broker), lambda: None)
    task = await running(agent)
    await comes(lambda: agent.report().faults.get("books not on tmpfs", 0) == 1)
    assert agent.report().readings.dropped == {}
    await stopped(task)
    stop(first)
