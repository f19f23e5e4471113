"""The Modbus driver with pymodbus's simulator as the slaves, on a pty and on a socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import tty
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from pymodbus.framer import FramerRTU

from contract.settings import check_table
from edge_agent.drivers.base import Sample
from edge_agent.drivers.modbus.bus import Bus
from edge_agent.drivers.modbus.driver import ModbusDriver
from edge_agent.drivers.modbus.schedule import SILENT_AFTER
from edge_agent.drivers.modbus.settings import ModbusSettings
from edge_agent.drivers.modbus.wire import Request
from edge_agent.errors import LineError
from edge_agent.read import summary

SlavesAt = Callable[..., str]

MAP = [
    {"field": "energy_wh", "table": "input", "address": 0},
    {"field": "current_a", "table": "input", "address": 1},
    {"field": "voltage_v", "table": "input", "address": 2, "type": "float32"},
    {"field": "charge_pct", "table": "input", "address": 10},
]


@pytest.fixture
def slaves_at() -> Iterator[SlavesAt]:
    """Start slaves of the simulator; return the URI of their line."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.edge_agent.drivers.modbus_slaves", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def bus(uri: str, numbers: list[int], **more: Any) -> ModbusDriver:
    table = {
        "id": "bus",
        "driver": "modbus",
        "uri": uri,
        "slaves": [{"id": f"s{n}", "address": n, "kind": "electrical", "registers": MAP} for n in numbers],
        **more,
    }
    return ModbusDriver(check_table(table, ModbusSettings))


async def _until(driver: ModbusDriver, enough: Callable[[list[Sample]], bool], within_s: float = 20.0) -> list[Sample]:
    """Run a driver until it has said enough."""
    told: list[Sample] = []
    async with asyncio.timeout(within_s), aclosing(driver.samples()) as source:
        async for samples in source:
            told += samples
            if enough(told):
                break
    return told


@pytest.mark.slow
async def test_32_slaves_8_dead_the_living_keep_their_polls(slaves_at: SlavesAt) -> None:
    """Of one poll each 2.5 s, harder than the 5 s that `make bench-modbus` runs for two minutes."""
    dead = {3, 7, 8, 9, 20, 21, 30, 31}
    uri = slaves_at("serial", "--slaves=32", f"--dead={','.join(map(str, dead))}", "--junk=0.2", "--split-ms=1")
    driver = bus(uri, list(range(1, 33)), poll_s=2.5, timeout_ms=200)
    living = {f"s{number}" for number in range(1, 33)} - {f"s{number}" for number in dead}
    polls: dict[str | None, list[Sample]] = defaultdict(list)
    begun_ns = time.monotonic_ns()
    two_polls = begun_ns + 5 * 10**9
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5), aclosing(driver.samples()) as source:
            async for samples in source:
                for sample in samples:
                    polls[sample.sensor].append(sample)
                if len(polls) == len(living) and min(map(len, polls.values())) == 2:
                    break
    assert set(polls) == living
    in_time = sum(sample.monotonic_ns < two_polls for each in polls.values() for sample in each)
    assert in_time >= 0.95 * 2 * len(living), driver.counters
    for name, samples in polls.items():
        counted = [sample.fields["energy_wh"] for sample in samples]
        # The slave counts its readings: each number once, so nothing was said twice.
        assert counted == sorted(set(counted))
        number = int(str(name)[1:])
        assert {(sample.fields["current_a"], sample.fields["voltage_v"]) for sample in samples} == {
            (number, number + 0.5)
        }
        assert all(sample.time_ns is None for sample in samples)
    assert driver.faults_of_parts().keys() <= {f"s{number}" for number in dead}


@pytest.mark.slow
@pytest.mark.parametrize("line", ["serial", "tcp"])
async def test_a_dead_slave_is_a_fault_of_its_own_and_a_dead_bus_of_the_bus(slaves_at: SlavesAt, line: str) -> None:
    uri = slaves_at(line, "--slaves=3", "--dead=2")
    driver = bus(uri, [1, 2], poll_s=0.1, timeout_ms=100)
    told = await _until(driver, lambda _: bool(driver.faults_of_parts()))
    assert {sample.sensor for sample in told} == {"s1"}
    assert list(driver.faults_of_parts()) == ["s2"]
    assert driver.faults_of_parts()["s2"].startswith("silent: slave 2 gives no answer; check its power")
    assert driver.fault() is None
    assert driver.counters["no answer"] >= SILENT_AFTER
    assert "s2: Tidak menjawab" in summary(driver)
    assert "Fault: s2: silent: slave 2" in summary(driver)
    alone = bus(uri, [2], poll_s=0.1, timeout_ms=50)
    assert await _until(alone, lambda _: alone.fault() is not None) == []
    assert "check power, the wires A and B" in str(alone.fault())


@pytest.mark.slow
async def test_a_hole_that_is_refused_is_left_out_from_then_on(slaves_at: SlavesAt) -> None:
    registers = [*MAP, {"field": "power_w", "table": "input", "address": 12}]
    table = {
        "id": "bus",
        "driver": "modbus",
        "uri": slaves_at("serial"),
        "poll_s": 0.1,
        "slaves": [{"address": 1, "kind": "electrical", "registers": registers}],
    }
    driver = ModbusDriver(check_table(table, ModbusSettings))
    told = await _until(driver, lambda told: len(told) >= 3)
    assert [sample.fields["charge_pct"] for sample in told] == [100.0] * 3
    assert "power_w" not in told[0].fields
    assert str(driver.fault()).startswith("refused: slave 1, input 12 to 12, illegal address: it has no such register")
    assert driver.counters["refused: illegal address"] == 3
    assert driver.counters["polls"] == 3, "the parts are asked at once, not with the next poll"
    assert driver.faults_of_parts() == {}


@pytest.mark.slow
async def test_a_socket_that_goes_away_is_a_line_error_and_comes_back(slaves_at: SlavesAt) -> None:
    server = await asyncio.start_server(_hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    driver = bus(f"tcp://127.0.0.1:{port}", [1], timeout_ms=100)
    async with server:
        with pytest.raises(LineError, match="check that the device server is on"):
            await _until(driver, lambda _: False)
    with pytest.raises(LineError, match="check that the device server is on"):
        await _until(driver, lambda _: False)


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(12)
    writer.close()
    await writer.wait_closed()


class Scripted:
    """A tty whose far end answers as a function says; the driver opens it."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        os.set_blocking(self._far, False)
        self.uri = f"serial://{os.ttyname(self._near)}?baudrate=115200"
        self.asked: list[bytes] = []
        self._plugged = True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Scripted]:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._far, self._hear)
        try:
            yield self
        finally:
            if self._plugged:
                self.unplug()
            os.close(self._near)

    def unplug(self) -> None:
        """Let the line hang up. Its tty is gone, and its number not another's before the end."""
        self._plugged = False
        asyncio.get_running_loop().remove_reader(self._far)
        os.close(self._far)

    def say(self, data: bytes) -> None:
        os.write(self._far, data)

    def _hear(self) -> None:
        request = os.read(self._far, 256)
        self.asked.append(request)
        if answer := self._answer(request):
            os.write(self._far, answer)


def rtu(data: str) -> bytes:
    message = bytes.fromhex(data)
    return message + FramerRTU.compute_CRC(message).to_bytes(2, "big")


def _one_register(uri: str, **more: Any) -> ModbusDriver:
    registers = [{"field": "power_w", "address": 0}]
    # An answer that is sent at once may still be late on a busy machine; one that comes is not waited for any longer.
    table = {"id": "bus", "driver": "modbus", "uri": uri, "poll_s": 0.1, "timeout_ms": 3_000, **more}
    table["slaves"] = [{"address": 1, "kind": "electrical", "registers": registers}]
    return ModbusDriver(check_table(table, ModbusSettings))


async def test_an_unplugged_adapter_is_a_line_error() -> None:
    wire = Scripted(lambda _: rtu("01 03 02 00 07"))
    driver = _one_register(wire.uri)
    async with wire.running():
        async with aclosing(driver.samples()) as source:
            assert [sample.fields for sample in await anext(source)] == [{"power_w": 7.0}]
        wire.unplug()
        async with asyncio.timeout(5):
            with pytest.raises(LineError, match=r"ttys here|no serial port|no tty"):
                await anext(driver.samples())


@pytest.mark.slow
async def test_words_at_the_wrong_baud_rate_are_garbled_not_silent() -> None:
    wire = Scripted(lambda _: b"\xfe\x00\xf8\x80")
    # Time enough that no answer is late on a busy machine: that would be silence.
    driver = _one_register(wire.uri, poll_s=0.5, timeout_ms=400)
    async with wire.running():
        await _until(driver, lambda _: driver.fault() is not None)
    assert str(driver.fault()).startswith("garbled: what slave 1 says is no frame; check baud rate")
    assert driver.counters["garbled"] >= SILENT_AFTER


@pytest.mark.slow
async def test_an_answer_that_comes_too_late_is_never_taken_for_the_next() -> None:
    """Each answer comes 1.5 time-outs after its request, and tells its number: none may be believed."""
    loop = asyncio.get_running_loop()

    def late(_: bytes) -> bytes:
        loop.call_later(0.3, wire.say, rtu(f"01 03 02 {len(wire.asked):04x}"))
        return b""

    wire = Scripted(late)
    driver = _one_register(wire.uri, timeout_ms=200)
    async with wire.running():
        told = await _until(driver, lambda _: len(wire.asked) >= 4)
        await asyncio.sleep(0.1)
    assert told == []
    assert driver.counters["unasked bytes"] > 0


@pytest.mark.slow
async def test_a_slave_that_ignores_one_register_still_gives_the_others() -> None:
    def answer(request: bytes) -> bytes:
        return b"" if request[2:4] == b"\x00\x64" else rtu("01 03 02 00 07")

    wire = Scripted(answer)
    table = {"id": "bus", "driver": "modbus", "uri": wire.uri, "poll_s": 0.1, "timeout_ms": 30}
    registers = [{"field": "power_w", "address": 100}, {"field": "voltage_v", "address": 200}]
    table["slaves"] = [{"address": 1, "kind": "electrical", "registers": registers}]
    driver = ModbusDriver(check_table(table, ModbusSettings))
    async with wire.running():
        told = await _until(driver, lambda told: len(told) >= 5)
    assert {tuple(sample.fields) for sample in told} == {("voltage_v",)}
    assert str(driver.fault()).startswith("partly silent: slave 1 gives no answer for holding 100 to 100")


@pytest.mark.slow
async def test_a_device_that_never_stops_talking_does_not_stop_the_bus() -> None:
    wire = Scripted(lambda _: rtu("01 03 02 00 07"))
    driver = _one_register(wire.uri)

    async def babble() -> None:
        while True:
            with contextlib.suppress(BlockingIOError):
                wire.say(b"\x55")
            await asyncio.sleep(0)

    async with wire.running():
        babbling = asyncio.create_task(babble())
        told = await _until(driver, lambda told: len(told) >= 3)
        babbling.cancel()
    assert [sample.fields for sample in told] == [{"power_w": 7.0}] * 3


async def test_a_bus_is_asked_though_it_is_never_quiet() -> None:
    class Line(asyncio.WriteTransport):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            asked.append(bytes(data))

    async def babble() -> None:
        while True:
            line.data_received(b"\x55")
            await asyncio.sleep(0)

    asked: list[bytes] = []
    settings = _one_register("serial:///dev/ttyUSB0", timeout_ms=50)._settings
    line = Bus(settings, Counter())
    line.connection_made(Line())
    babbling = asyncio.create_task(babble())
    async with asyncio.timeout(5):
        assert await line.ask(Request(1, "holding", 0, 1)) is None
    babbling.cancel()
    assert asked == [rtu("01 03 00 00 00 01")]


async def test_nothing_is_open_once_the_driver_is_left() -> None:
    wire = Scripted(lambda _: rtu("01 03 02 00 07"))
    async with wire.running():
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            async with aclosing(_one_register(wire.uri).samples()) as source:
                await anext(source)
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("parity", ["even", "odd"])
async def test_parity_and_stop_bits_reach_the_tty(parity: str) -> None:
    wire = Scripted(lambda _: rtu("01 03 02 00 07"))
    driver = _one_register(wire.uri, parity=parity, stop_bits=2)
    async with wire.running(), aclosing(driver.samples()) as source:
        await anext(source)
        import termios

        control = termios.tcgetattr(wire._near)[2]
        assert control & termios.CSTOPB
        # A pty keeps no parity (the kernel clears PARENB for it); PARODD stays.
        assert bool(control & termios.PARODD) == (parity == "odd")
