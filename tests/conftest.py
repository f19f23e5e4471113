"""Real brokers and databases for every test, each on a free port, and a check that nothing is left running."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from siaga.stack.influxdb import ADMIN, InfluxDB
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process, live_processes
from siaga.stack.trust import Trust
from store import Account, InfluxDB1
from tests.order import arranged
from tests.warm import Warm, warm_programs

_database_numbers = itertools.count(1)
# Each worker imports everything and collects thousands of tests: to look for garbage among them, again and again, is a
# third of that time. The collector works again once all is there (`pytest_collection_finish`).
gc.disable()
# A busy machine holds up an example now and then, or how it is drawn, for longer than Hypothesis bears.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
# What tests share asserts too, and says then what it has seen.
pytest.register_assert_rewrite(*(f"tests.{each.name}" for each in Path(__file__).parent.iterdir() if each.is_dir()))


@dataclass(frozen=True)
class Database:
    """A fresh, empty database on the worker's InfluxDB server."""

    url: str
    database: str
    server: InfluxDB

    def store(self, username: str = ADMIN, *, database: str | None = None) -> InfluxDB1:
        """Return it as one of its accounts sees it, or another database of the server."""
        account = Account(username, self.server.password_file(username))
        return InfluxDB1(self.url, database or self.database, account)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let some of several workers begin with what waits."""
    worker: dict[str, int] = getattr(config, "workerinput", {})
    items[:] = arranged(items, worker.get("workercount", 1))


def pytest_collection_finish() -> None:
    """Let the garbage collector work again, on what comes from here on."""
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests told with `record_property("told", …)`; a worker of xdist cannot print it itself."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name == "told" and report.when == "call":
                    terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def session_processes() -> set[Process]:
    """Return the set of processes that may outlive a test, because a session fixture stops them."""
    return set()


@pytest.fixture(scope="session", autouse=True)
def no_process_left_at_the_end() -> Iterator[None]:
    """Kill and report every child that is left when all tests of this worker are done."""
    before = set(psutil.Process().children(recursive=True))
    yield
    # What was told to end may be ending.
    _, left = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - before, timeout=5)
    told = [_command_line(child) for child in left]
    for child in left:
        child.kill()
    psutil.wait_procs(left, timeout=5)
    assert not told, f"left running after the last test: {told}"


@pytest.fixture(scope="session", autouse=True)
def warm(no_process_left_at_the_end: None) -> Iterator[Warm]:
    """Yield what forks this worker's programs, with the first of them."""
    with warm_programs() as made:
        yield made


@pytest.fixture(autouse=True)
def no_process_left(session_processes: set[Process]) -> Iterator[None]:
    """Kill and report every process of the stack that a test started and left running."""
    before = live_processes()
    yield
    left = live_processes() - before - session_processes
    for process in left:
        process.kill()
    assert not left, f"left running by this test: {sorted(process.name for process in left)}"


@pytest.fixture(scope="session", autouse=True)
def runtime_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let agents note their books in a folder of this run, so that nothing is left in /dev/shm."""
    before = os.environ.get("RUNTIME_DIRECTORY")
    os.environ["RUNTIME_DIRECTORY"] = str(tmp_path_factory.mktemp("runtime"))
    yield
    if before is None:
        del os.environ["RUNTIME_DIRECTORY"]
    else:
        os.environ["RUNTIME_DIRECTORY"] = before


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    """Return an authority of this test's own."""
    return Trust(tmp_path / "authority")


@pytest.fixture
def alarm_broker(tmp_path: Path, trust: Trust) -> Iterator[Mosquitto]:
    """Yield a running broker for the alarm lane."""
    yield from _running(Mosquitto(tmp_path, "alarm-broker", trust, "alarm", probes=True))


@pytest.fixture
def telemetry_broker(tmp_path: Path, trust: Trust) -> Iterator[Mosquitto]:
    """Yield a running broker for the telemetry lane."""
    yield from _running(Mosquitto(tmp_path, "telemetry-broker", trust, "telemetry", probes=True))


@pytest.fixture(scope="session")
def influxdb_server(
    tmp_path_factory: pytest.TempPathFactory, session_processes: set[Process], no_process_left_at_the_end: None
) -> Iterator[InfluxDB]:
    """Yield this worker's InfluxDB server. A test that kills a server starts an `InfluxDB` of its own."""
    server = InfluxDB(tmp_path_factory.mktemp("influxdb"))
    session_processes.add(server)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def influxdb(influxdb_server: InfluxDB) -> Iterator[Database]:
    """Yield a fresh database; it is dropped after the test."""
    database = f"test_{next(_database_numbers)}"
    influxdb_server.create_database(database)
    yield Database(influxdb_server.url, database, influxdb_server)
    influxdb_server.drop_database(database)


def _running(broker: Mosquitto) -> Iterator[Mosquitto]:
    broker.start()
    yield broker
    broker.stop()


def _command_line(child: psutil.Process) -> str:
    try:
        return " ".join(child.cmdline())
    except psutil.NoSuchProcess:
        return f"pid {child.pid}, already gone"
