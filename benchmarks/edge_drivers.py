"""What an agent with six drivers costs a box, ten readings a second in all: `make bench-edge` judges the figures.

All is as in `edge_cost.py`, with six sensors:
    gps    nmea        4 a second   the simulator's receiver on a pty
    dust   plantower   1 a second   frames of real sensors on a pty, from the driver's test case
    haze   sds011      1 a second   the same
    river  pattern     2 a second   an ultrasonic gauge on a pty
    mains  modbus      1 a second   a slave of pymodbus's simulator on a pty, a process of its own
    air    hwmon       1 a second   a made tree of sysfs

A start is timed to the first reading of any, and in starts of their own to that of the last: a sensor that speaks once
a second takes up to that second. Each must have readings of the minute in the store, and all that was produced its
receipt: a driver that said nothing would cost nothing.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final

from benchmarks import edge_cost
from benchmarks.edge_cost import START_S
from benchmarks.edge_status import report
from benchmarks.figures import Figure, keep_samples
from siaga.demo.stack import DemoStack, Size
from simulator.layout import sensor_name
from simulator.pty_line import PtyLine

_FIXES_HZ: Final = 4
_TICK_S: Final = 0.5
_RECEIPT_TIMEOUT_S: Final = 30.0
_CASES: Final = Path("edge_agent/drivers")
_STORED: Final = {
    sensor_name(1): "position.latitude",
    "dust": "air_quality.pm2_5_ugm3",
    "haze": "air_quality.pm10_ugm3",
    "river": "water_level.level_m",
    "mains": "electrical.voltage_v",
    "air": "weather.temperature_c",
}
"""What the store is asked for, by sensor."""
_SENSORS: Final = """
[[sensors]]
id = "dust"
driver = "plantower"
uri = "serial://{folder}/dust.tty?baudrate=9600"

[[sensors]]
id = "haze"
driver = "sds011"
uri = "serial://{folder}/haze.tty?baudrate=9600"

[[sensors]]
id = "river"
driver = "pattern"
uri = "serial://{folder}/river.tty?baudrate=9600"
begins = "R"

[[sensors.readings]]
kind = "water_level"
pattern = '^R(?P<level_m>[0-9]{{4}})$'
fields = {{ level_m = {{ scale = 0.001 }} }}

[[sensors]]
id = "air"
driver = "hwmon"
uri = "hwmon://sht3x"
kind = "weather"
sysfs = "{folder}/sys"
poll_s = 1.0
channels = [{{ channel = "temp1", field = "temperature_c" }}, {{ channel = "humidity1", field = "humidity_pct" }}]

[[sensors]]
id = "bus"
driver = "modbus"
uri = "{bus}"
poll_s = 1.0

[[sensors.slaves]]
id = "mains"
address = 1
kind = "electrical"
registers = [
    {{ field = "current_a", table = "input", address = 1 }},
    {{ field = "voltage_v", table = "input", address = 2, type = "float32" }},
]
"""


def run() -> list[Figure]:
    """Measure, keep the samples and return the figures."""
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    stack = DemoStack(folder, Size(boxes=1, trackers_per_box=1, rate_hz=_FIXES_HZ), probes=True)
    try:
        agent = edge_cost.only_agent(stack)
        with _hardware(folder) as bus:
            try:
                stack.start(lambda part, what: print(f"{part}: {what}", flush=True))
                config, data = stack.config / f"{stack.boxes[0]}.toml", stack.folder / stack.boxes[0]
                config.write_text(config.read_text() + _SENSORS.format(folder=folder, bus=bus))
                cost = edge_cost.measure(stack, agent, lambda status: bool(_heard(status)))
                stored = _stored(stack, data, cost)
                everyone = [edge_cost.start_to_count(agent, data, [], _all_heard)[0] for _ in range(edge_cost.STARTS)]
            finally:
                stack.stop()
    finally:
        shutil.rmtree(folder)
    edge_cost.keep("edge-drivers", cost)
    keep_samples("edge-drivers-stored", ("sensor", "points"), stored.items())
    heard, read = sum(points > 0 for points in stored.values()), cost.read_at_broker
    figures = [
        Figure("with receipted readings", heard, len(_STORED), "drivers", at_least=True, digits=0),
        *edge_cost.figures(cost, "reading"),
        Figure(f"start to first reading at the broker, most of {len(read)}", max(read), START_S, "s", digits=2),
        Figure(f"start until each had one, most of {len(everyone)}", max(everyone), None, "s", digits=2),
        Figure("start until each had one, median", statistics.median(everyone), None, "s", digits=2),
    ]
    return [replace(figure, name=f"six drivers: {figure.name}") for figure in figures]


def _heard(status: dict[str, Any]) -> set[str]:
    return {reading["sensor"] for sensor in status["sensors"] for reading in sensor["readings"]} & _STORED.keys()


def _all_heard(status: dict[str, Any]) -> bool:
    return _heard(status) == _STORED.keys()


def _stored(stack: DemoStack, data: Path, cost: edge_cost.Cost) -> dict[str, int]:
    """Wait until all that the minute produced has its receipt; return each sensor's points of it in the store.

    Raises:
        SystemExit: Something has none.
    """
    ended_s, until_ns = time.monotonic(), time.time_ns()
    since_ns = until_ns - round(cost.seconds[-1].at_s * 1e9)
    while report(data)["readings"]["receipted"] + sum(cost.after["dropped"].values()) < cost.after["produced"]:
        if time.monotonic() > ended_s + _RECEIPT_TIMEOUT_S:
            raise SystemExit(f"without receipt after {_RECEIPT_TIMEOUT_S:g} s: {report(data)['readings']}")
        time.sleep(0.2)
    stored = {}
    for sensor, quantity in _STORED.items():
        kind, field = quantity.split(".")
        where = f"sensor = '{sensor}' AND time > {since_ns} AND time <= {until_ns}"
        series = stack.influxdb.query(f"SELECT count({field}) FROM {kind} WHERE {where}")
        stored[sensor] = int(series[0]["values"][0][1]) if series else 0
    print(f"of the minute in the store: {', '.join(f'{name} {points}' for name, points in stored.items())}", flush=True)
    return stored


# --- the hardware


@contextmanager
def _hardware(folder: Path) -> Iterator[str]:
    """Serve what the simulator does not have; yield the bus's address."""
    chip = folder / "sys/class/hwmon/hwmon0"
    chip.mkdir(parents=True)
    for name, text in (("name", "sht3x"), ("temp1_input", "27340"), ("humidity1_input", "61250")):
        (chip / name).write_text(f"{text}\n")
    ended = threading.Event()
    slave = [sys.executable, "-m", "tests.edge_agent.drivers.modbus_slaves", "serial"]
    with ExitStack() as kept:
        dust, haze, river = (kept.enter_context(PtyLine(folder / f"{name}.tty")) for name in ("dust", "haze", "river"))
        bus = kept.enter_context(subprocess.Popen(slave, stdout=subprocess.PIPE, text=True))
        kept.callback(bus.kill)
        speaker = threading.Thread(target=_speak, args=(dust, haze, river, ended), name="speaker")
        speaker.start()
        kept.callback(speaker.join)
        kept.callback(ended.set)
        assert bus.stdout is not None
        yield bus.stdout.readline().strip()


def _speak(dust: PtyLine, haze: PtyLine, river: PtyLine, ended: threading.Event) -> None:
    dusts, hazes = cycle(_frames("plantower")), cycle(_frames("sds011"))
    due_s = time.monotonic()
    for tick in count():
        river.send(b"R%04d\r" % (2_300 + tick % 97))
        line, frames = ((dust, dusts), (haze, hazes))[tick % 2]
        line.send(next(frames))
        due_s = max(due_s + _TICK_S, time.monotonic())
        if ended.wait(due_s - time.monotonic()):
            return


def _frames(driver: str) -> list[bytes]:
    lines = (_CASES / driver / "testcases/captured/input.hex").read_text().splitlines()
    return [bytes.fromhex(line) for line in lines if not line.startswith("#")]
