"""Everything the demo runs, started in the order the parts need each other and as much at once as that allows.

brokers, database, simulated hardware   at once
duty desk, then collector and walls     when brokers answer, then the database, which makes the collector's account
boxes                                   when the hardware is there
the bell, the rest of the city          at last, and nobody waits for them
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from provisioning.brokers.model import account
from siaga.demo.accounts import DemoAccounts
from siaga.demo.files import (
    WALL_TOML,
    CollectorIdentities,
    Identity,
    Ports,
    StoreAccount,
    bell_toml,
    box_toml,
    collector_toml,
    desk_toml,
    wall_server_toml,
)
from siaga.demo.places import inventory_toml
from siaga.demo.state import DemoState
from siaga.stack.influxdb import COLLECTOR, READER, InfluxDB
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from siaga.stack.trust import Trust
from simulator.firmware import FirmwareError, built_firmware
from simulator.layout import box_name
from simulator.live.city import members

_READY_TIMEOUT_S: Final = 60.0
_PAGE_PORT: Final = "page.port"
_WALL_PORT: Final = "wall.port"
_SCREENS: Final = (1, 2, 3)
_SIAGA: Final = [sys.executable, "-P", "-m", "siaga.main"]

Tell = Callable[[str, str], None]
"""Called with a part's name and what is to know of it, once it is ready."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much hardware to simulate: boxes 1 to 200, each with GPS receivers of `rate_hz` fixes a second."""

    boxes: int = 3
    trackers_per_box: int = 1
    rate_hz: float = 1.0


class DemoStack:
    """The demo's processes.

    Args:
        folder: Where all data, configuration and logs go.
        size: How much hardware to simulate.
        probes: Whether the brokers have a listener for a test's own clients.
        city: Whether more of the city lives than its boxes: stations and vehicles for the walls, made in the store, and
            the desk's test presses.
        board: The folder of a board's firmware, if the last box is to have such a board; it is built when needed.
    """

    def __init__(
        self, folder: Path, size: Size, *, probes: bool = False, city: bool = False, board: Path | None = None
    ) -> None:
        self.folder = folder.resolve()
        self.size = size
        self._lives = city
        self._firmware = board
        self.chip: str | None = None
        """The box that has a microcontroller board; known once it starts."""
        self.hardware = self.folder / "hardware"
        self.boxes = [box_name(number) for number in range(1, size.boxes + 1)]
        self.sirens = tuple(self.boxes[:1])
        """The boxes that have a siren."""
        logs = self.folder / "log"
        self.trust = Trust(self.folder / "authority")
        self.alarm_broker = Mosquitto(logs, "alarm-broker", self.trust, "alarm", probes=probes)
        self.telemetry_broker = Mosquitto(logs, "telemetry-broker", self.trust, "telemetry", probes=probes)
        self.influxdb = InfluxDB(self.folder / "influxdb")
        self.accounts = DemoAccounts(self.folder / "accounts")
        self.page_port = free_port(self._last_port(_PAGE_PORT))
        self.wall_port = free_port(self._last_port(_WALL_PORT))
        self.metrics_port = free_port()
        config = self.folder / "config"
        self.config = config
        self.simulator = self._siaga("simulator", "simulator", "run", *self._hardware_options())
        self.collector = self._siaga("collector", "collector", "run", "--config", str(config / "collector.toml"))
        self.desk = self._siaga("desk", "desk", "run", "--config", str(config / "desk.toml"))
        self.wall = self._siaga("wall", "wall", "serve", "--config", str(config / "wall-server.toml"))
        self.bell = self._siaga("bell", "bell", "run", "--config", str(config / "bell.toml"))
        self.city = self._siaga("city", "simulate", "live", *self._city_options())
        self.agents = {
            box: self._siaga(box, "edge", "run", "--config", str(config / f"{box}.toml")) for box in self.boxes
        }

    @property
    def page(self) -> str:
        """The address of the duty desk's page."""
        return f"http://127.0.0.1:{self.page_port}/"

    @property
    def screens(self) -> list[str]:
        """The addresses of the walls' screens."""
        return [f"http://127.0.0.1:{self.wall_port}/wall/{number}" for number in _SCREENS]

    @property
    def processes(self) -> list[Process]:
        """Every process, in the order they start."""
        servers: list[Process] = [self.alarm_broker, self.telemetry_broker, self.influxdb, self.simulator]
        city = [self.bell, self.city] if self._lives else []
        return [*servers, self.collector, self.desk, self.wall, *self.agents.values(), *city]

    def start(self, tell: Tell) -> float:
        """Start everything and wait until all of it works; return how many seconds that took.

        Raises:
            ProcessError: A part is not installed, ended, or was not ready in time; it is named with its last log lines.
        """
        began = time.monotonic()
        self.trust.issue_devices(self.boxes)
        no_board = self.prepare_board()
        self._write_files()
        self.alarm_broker.launch()
        self.telemetry_broker.launch()
        self.influxdb.launch()
        self.simulator.start()
        for broker in (self.alarm_broker, self.telemetry_broker):
            broker.wait_ready()
        ports = self.alarm_broker.device_port, self.telemetry_broker.device_port
        tell("brokers", f"TLS; boxes dial port {ports[0]} for alarms and {ports[1]} for readings")
        # The desk is the slowest to start, so it starts first; its start hides the database's.
        self.desk.start()
        self.influxdb.wait_ready()
        self.influxdb.set_up()
        tell("database", f"InfluxDB at {self.influxdb.url}; accounts, retention, means of minutes and hours")
        self.collector.start()
        self.wall.start()
        self.simulator.wait_ready()
        receivers = "one GPS receiver" if self.size.trackers_per_box == 1 else f"{self.size.trackers_per_box} receivers"
        tell("hardware", f"simulated: {self.size.boxes} boxes, each a button, a lamp and {receivers}")
        if self.chip is not None:
            tell("board", f"{self.chip}'s button and lamp hang on one, whose real firmware runs in simavr")
        elif no_board is not None:
            tell("board", f"none: {no_board}")
        for agent in self.agents.values():
            agent.start()
        self.collector.wait_ready(_READY_TIMEOUT_S)
        tell("collector", "writes readings")
        self.desk.wait_ready(_READY_TIMEOUT_S)
        tell("duty desk", self.page)
        self.wall.wait_ready(_READY_TIMEOUT_S)
        tell("walls", f"{self.screens[0]} … {_SCREENS[-1]}; all of them: http://127.0.0.1:{self.wall_port}/")
        for agent in self.agents.values():
            agent.wait_ready(_READY_TIMEOUT_S)
        tell("boxes", f"{self.boxes[0]} … {self.boxes[-1]}" if len(self.boxes) > 4 else ", ".join(self.boxes))
        if self._lives:
            self.bell.start()
            tell("bell", "in the duty room, simulated: sounds within 10 s when the desk is dead")
            # Its past takes some seconds of processor time, and a press does not wait for it.
            self.city.start()
            tell("city", "stations, gauges, vehicles, simulated in the store; its last six hours follow in seconds")
        return time.monotonic() - began

    def stop(self) -> None:
        """Stop everything: boxes first, so that what they hold is on disk before the brokers go."""
        first = [*self.agents.values(), self.bell, self.city]
        for tier in (first, [self.desk, self.wall, self.collector, self.simulator]):
            for process in tier:
                process.request_stop()
            for process in tier:
                process.stop()
        servers: list[Process] = [self.alarm_broker, self.telemetry_broker, self.influxdb]
        for process in servers:
            process.request_stop()
        for process in servers:
            process.stop()

    def prepare_board(self) -> str | None:
        """Give the last box a microcontroller board if one is wanted; return why there can be none."""
        if self._firmware is None:
            return None
        try:
            firmware = built_firmware(self._firmware)
        except FirmwareError as error:
            return str(error)
        self.chip = self.boxes[-1]
        chip = ["--board", self.chip, "--firmware", str(firmware)]
        self.simulator.argv = [*_SIAGA, "simulator", "run", *self._hardware_options(), *chip]
        return None

    def restart(self, process: Process) -> None:
        """Start a part again that ended, and wait until it works.

        Raises:
            ProcessError: It ended again, or was not ready in time.
        """
        process.start()
        process.wait_ready(_READY_TIMEOUT_S)

    def state(self) -> DemoState:
        """Return where everything is, for the other commands."""
        return DemoState(
            pid=os.getpid(),
            page=self.page,
            alarm_broker=self.alarm_broker.device_port,
            telemetry_broker=self.telemetry_broker.device_port,
            influxdb=self.influxdb.url,
            database=self.influxdb.database,
            reader_password_file=str(self.influxdb.password_file(READER)),
            hardware=str(self.hardware),
            accounts=str(self.accounts.folder),
            boxes=self.boxes,
            processes={process.name: process.pid for process in self.processes},
        )

    def _siaga(self, name: str, *arguments: str) -> Process:
        return Process([*_SIAGA, *arguments], name=name, folder=self.folder / "log")

    def _last_port(self, file: str) -> int | None:
        """Return a port of the last start, so that a page left open finds its server again."""
        try:
            return int((self.folder / file).read_text())
        except (OSError, ValueError):
            return None

    def _device(self, name: str) -> Identity:
        authority = self.trust.authority
        certificate, key = authority.device_certificate(name), authority.device_key(name)
        return Identity(authority.trust, (("certificate", str(certificate)), ("key", str(key))))

    def _service(self, name: str) -> Identity:
        authority = self.trust.authority
        password_file = authority.accounts / f"{name}.password"
        return Identity(authority.trust, (("username", account(name).username), ("password_file", str(password_file))))

    def _store_account(self, name: str) -> StoreAccount:
        return StoreAccount(name, self.influxdb.password_file(name))

    def _hardware_options(self) -> list[str]:
        size = self.size
        counts = ["--boxes", str(size.boxes), "--trackers-per-box", str(size.trackers_per_box)]
        stand = ["--inventory", str(self.config / "inventory.toml")]
        return ["--folder", str(self.hardware), *counts, "--rate-hz", f"{size.rate_hz:g}", *stand]

    def _city_options(self) -> list[str]:
        account = ["--username", COLLECTOR, "--password-file", str(self.influxdb.password_file(COLLECTOR))]
        return ["--store", self.influxdb.url, *account, "--kept", str(self.folder / "city.json")]

    def _write_files(self) -> None:
        files = self._box_files() | self._centre_files()
        for folder in (self.config, *(self.folder / name for name in ("collector", "desk", *self.boxes))):
            folder.mkdir(parents=True, exist_ok=True)
        self.accounts.prepare(self.folder / "desk" / "accounts.db")
        (self.folder / _PAGE_PORT).write_text(f"{self.page_port}\n")
        (self.folder / _WALL_PORT).write_text(f"{self.wall_port}\n")
        for name, text in files.items():
            (self.config / name).write_text(text, encoding="utf-8")
        for process in self.processes:
            process.log.unlink(missing_ok=True)

    def _ports(self) -> Ports:
        alarm, telemetry = self.alarm_broker, self.telemetry_broker
        return Ports(
            alarm.device_port,
            alarm.centre_port,
            telemetry.device_port,
            telemetry.centre_port,
            self.influxdb.port,
            self.page_port,
            self.wall_port,
        )

    def _box_files(self) -> dict[str, str]:
        trackers = self.size.trackers_per_box
        _, command_keys = self.trust.command_keys()
        return {
            f"{box}.toml": box_toml(
                self.folder,
                self.hardware,
                box,
                trackers,
                self._ports(),
                self._device(box),
                command_keys,
                siren=box in self.sirens,
                chip=box == self.chip,
            )
            for box in self.boxes
        }

    def _centre_files(self) -> dict[str, str]:
        ports = self._ports()
        command_key, _ = self.trust.command_keys()
        files: dict[str, str] = {}
        files["collector.toml"] = collector_toml(
            self.folder,
            ports,
            CollectorIdentities(
                broker=self._service("collector-1"),
                books=self._service("books"),
                store=self._store_account(COLLECTOR),
                reader=self._store_account(READER),
            ),
            self.metrics_port,
        )
        files["desk.toml"] = desk_toml(
            self.folder,
            ports,
            self._service("desk"),
            self._store_account(READER),
            command_key,
            self.sirens,
            tests=self._lives,
        )
        files["bell.toml"] = bell_toml(self.folder, self.hardware, ports, self._service("bell"))
        files["wall-server.toml"] = wall_server_toml(
            ports, self._service("wall"), self._store_account(READER), self._store_account(COLLECTOR)
        )
        files["wall.toml"] = WALL_TOML
        files["inventory.toml"] = inventory_toml(self.size.boxes, members() if self._lives else None, chip=self.chip)
        files["streets.geojson"] = resources.files("simulator").joinpath("bandung.geojson").read_text(encoding="utf-8")
        return files
