"""`siaga edge probe` on real ttys: receivers, captured frames, text, garbage, silence, and ports that are held."""

from __future__ import annotations

import asyncio
import fcntl
import io
import itertools
import json
import os
import sys
import termios
import threading
import tomllib
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import serialx

from contract.settings import check_table
from edge_agent.drivers.registry import find_driver
from edge_agent.port_holder import find_holder
from edge_agent.probe import BAUDRATES, probe_ports
from edge_agent.probe_command import each_once, in_words, run_probe
from simulator.nmea import epoch_sentences
from simulator.tracker import Fix
from tests.edge_agent.drivers.nmea_text import SECOND_NS, THREE_NS, gga, rmc
from tests.edge_agent.drivers.package import package

DRIVERS = Path(__file__).parents[2] / "edge_agent" / "drivers"
LISTEN_S = 0.4
_PACE_S = 0.01
_SPEEDS = {9_600: termios.B9600, 38_400: termios.B38400, 19_200: termios.B19200}


@contextmanager
def speaking(*told: bytes, baudrate: int | None = None) -> Iterator[str]:
    """Yield a tty on which a device tells its messages again and again.

    A pty knows a baud rate and does nothing with it: to a reader at another rate than the device's, it sends garbage.
    """
    device, line = os.openpty()
    tty.setraw(line)
    # At first at no rate that is tried: what the device says at this moment would be right at the next one.
    attributes = termios.tcgetattr(line)
    attributes[4:6] = [termios.B50, termios.B50]
    termios.tcsetattr(line, termios.TCSANOW, attributes)
    name = os.ttyname(line)
    os.close(line)  # else this process holds the port
    os.set_blocking(device, False)
    over = threading.Event()

    def speak() -> None:
        for message in itertools.cycle(told):
            right = baudrate is None or termios.tcgetattr(device)[5] == _SPEEDS[baudrate]
            with suppress(OSError):  # nobody has it open, or does not read
                os.write(device, message if right else bytes(byte ^ 0xA5 for byte in message))
            if over.wait(_PACE_S):
                return

    thread = threading.Thread(target=speak)
    if told:
        thread.start()
    try:
        yield name
    finally:
        over.set()
        if told:
            thread.join()
        os.close(device)


def receiver() -> tuple[bytes, ...]:
    """Return ten seconds of the simulator's receiver."""
    street = [Fix(-6.9 + step / 10_000, 107.6, 715.0, 10.0, 0.0, 8, 1.1) for step in range(10)]
    return tuple(epoch_sentences(fix, THREE_NS + at * SECOND_NS) for at, fix in enumerate(street))


def captured(driver: str) -> bytes:
    lines = (DRIVERS / driver / "testcases/captured/input.hex").read_text().splitlines()
    return bytes.fromhex(" ".join(line.partition("#")[0] for line in lines))


@pytest.mark.slow
async def test_each_port_is_told_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "no-tty").touch()
    with ExitStack() as stack:
        ports = [
            stack.enter_context(each)
            for each in (
                speaking(*receiver()),
                speaking(rmc("030000.00", status="V"), gga("030000.00", quality=0)),
                speaking(captured("plantower"), baudrate=38_400),
                speaking(captured("sds011"), baudrate=9_600),
                speaking(b"level 1.37 m\r\n"),
                speaking(bytes(range(0x80, 0xD0)) + b"no text\n"),
                speaking(),
            )
        ]
        tried: list[tuple[str, int]] = []
        found = await probe_ports(
            [*ports, str(tmp_path / "no-tty"), "/dev/none"], listen_s=LISTEN_S, progress=lambda *now: tried.append(now)
        )
    known = [(finding.driver, finding.baudrate) for finding in found]
    assert known[:4] == [("nmea", 9_600), ("nmea", 9_600), ("plantower", 38_400), ("sds011", 9_600)]
    assert [finding.what for finding in found[4:]] == ["text", "bytes", "silence", "error", "error"]
    words = [in_words(finding) for finding in found]
    assert "sentences" in words[0]
    assert words[0].endswith(", ada posisi / fix")
    assert "belum ada posisi / no fix" in words[1]
    assert "'level 1.37 m'" in words[4]
    assert "pattern" in words[4]
    assert "no known frame: " in words[5]
    assert "senyap / silence" in words[6]
    assert [rate for port, rate in tried if port == ports[6]] == list(BAUDRATES[:2]), "silence does not last long"
    assert [rate for port, rate in tried if port == ports[5]] == list(BAUDRATES)
    assert {port for port, _ in tried[: len(ports)]} == {*ports}, "all ports at once"
    for finding in found[:4]:
        (table,) = tomllib.loads(finding.table or "")["sensors"]
        assert check_table(table, find_driver(table["driver"]).settings).uri.startswith(f"serial://{finding.port}")


@pytest.mark.slow
async def test_a_wrong_rate_is_given_up_for_the_right_one_and_noise_is_no_driver() -> None:
    with speaking(*receiver(), baudrate=19_200) as port:
        (found,) = await probe_ports([port], listen_s=LISTEN_S)
    assert (found.driver, found.baudrate) == ("nmea", BAUDRATES[-1])
    assert found.readings


@pytest.mark.slow
async def test_what_a_port_takes_to_open_is_not_taken_from_the_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    opens = serialx.AsyncSerial.open

    async def slowly(self: serialx.AsyncSerial) -> None:
        await asyncio.sleep(2 * LISTEN_S)
        await opens(self)

    monkeypatch.setattr(serialx.AsyncSerial, "open", slowly)
    with speaking(captured("sds011"), baudrate=9_600) as port:
        (found,) = await probe_ports([port], listen_s=LISTEN_S)
    assert (found.driver, found.baudrate) == ("sds011", 9_600)


async def test_a_port_that_is_held_is_told_and_not_opened() -> None:
    with speaking() as port:
        opened = os.open(port, os.O_RDWR | os.O_NOCTTY)
        (found,) = await probe_ports([port])
        assert found.holder is not None
        assert found.holder.pid == os.getpid()
        told = in_words(found)
        assert f"(pid {os.getpid()})" in told
        assert "not opened" in told
        os.close(opened)


def test_who_locks_a_port_is_found_without_a_right_to_see_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.port_holder._having_open", lambda path: iter(()))
    with speaking() as port:
        opened = os.open(port, os.O_RDWR | os.O_NOCTTY)
        assert find_holder(port) is None, "open, and not locked"
        fcntl.flock(opened, fcntl.LOCK_EX)
        holder = find_holder(port)
        assert holder is not None
        assert holder.pid == os.getpid()
        os.close(opened)


GAUGE = """
from collections import Counter
from edge_agent.drivers.base import DriverType, Sample
from edge_agent.drivers.line import LineDriver, LineSettings

class Decoder:
    def __init__(self):
        self.counters = Counter()
    def feed(self, data, monotonic_ns):
        return [Sample("water_level", {"level_m": 1.0}, monotonic_ns, None)] * data.count(b"LEVEL")
    def flush(self):
        return []
    def fault(self):
        return None

DRIVER = DriverType("gauge", LineSettings, lambda settings: LineDriver(Decoder(), settings.uri),
                    '[[sensors]]\\nid = "river"\\ndriver = "gauge"\\nuri = "serial:///dev/ttyUSB0"')
"""


def test_a_citys_own_driver_is_tried_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gauge_driver", raising=False)
    find_driver.cache_clear()
    package(tmp_path, GAUGE)
    out, progress = io.StringIO(), io.StringIO()
    with speaking(b"LEVEL 1\n") as port:
        assert run_probe([port], as_json=False, out=out, progress=progress, listen_s=LISTEN_S) == 0
    assert f"{port}: 9600 …" in progress.getvalue()
    first, _, _, *table = out.getvalue().splitlines()
    assert "gauge pada / at 9600" in first
    assert tomllib.loads("\n".join(table))["sensors"][0]["id"] == "river"


@pytest.mark.slow
def test_two_of_a_kind_get_two_names_and_json_says_the_same() -> None:
    with speaking(captured("sds011")) as one, speaking(captured("sds011")) as two:
        out = io.StringIO()
        assert run_probe([one, two], as_json=False, out=out, progress=io.StringIO(), listen_s=LISTEN_S) == 0
        ids = [table["id"] for table in tomllib.loads(out.getvalue().partition("# ")[2].partition("\n")[2])["sensors"]]
        assert len(set(ids)) == 2
        out = io.StringIO()
        assert run_probe([one], as_json=True, out=out, progress=io.StringIO(), listen_s=LISTEN_S) == 0
        (told,) = json.loads(out.getvalue())["ports"]
    assert (told["driver"], told["what"], told["held_by"]) == ("sds011", "known", None)
    assert told["table"].startswith("[[sensors]]")


def test_nothing_known_exits_1() -> None:
    out = io.StringIO()
    assert run_probe(["/dev/none"], as_json=False, out=out, progress=io.StringIO()) == 1
    assert "/dev/none: tidak dapat dibuka / cannot be opened" in out.getvalue()


def test_a_port_may_be_named_as_it_stands_in_dev_and_a_name_that_is_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    assert run_probe(["null", "ttyNone"], as_json=False, out=out, progress=io.StringIO(), listen_s=0.5) == 1
    told = out.getvalue()
    assert told.startswith("/dev/null: "), "open everywhere, or no tty"
    assert f"{tmp_path}/ttyNone: tidak dapat dibuka / cannot be opened: No such file" in told


async def test_a_path_that_no_uri_can_name_is_an_error_of_its_own() -> None:
    relative, there = await probe_ports(["ttyUSB0", "/dev/none"], listen_s=0.01)
    assert (relative.what, there.what) == ("error", "error")
    assert "three slashes" in relative.problem


def test_a_port_with_two_names_is_tried_once(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").symlink_to("ttyUSB0")
    names = [str(tmp_path / name) for name in ("by-id", "ttyUSB0", "ttyS0")]
    assert each_once(names) == [names[0], names[2]]
