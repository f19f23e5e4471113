"""The configuration files of the demo's processes. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulator.layout import BUTTON, DUTY_ROOM, SIREN, board_path, chip_path, sensor_name, tracker_path

LINE: Final = "tower"
"""The button at the end of a supervised line, of a box with a microcontroller board."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the demo's servers listen on 127.0.0.1; a broker has a port for devices and one for the centre."""

    alarm_broker: int
    alarm_broker_centre: int
    telemetry_broker: int
    telemetry_broker_centre: int
    influxdb: int
    page: int
    wall: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a process is to the brokers, as lines of its table: a certificate and key, or an account."""

    ca: Path
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class StoreAccount:
    """An account of the store."""

    username: str
    password_file: Path


@dataclass(frozen=True, slots=True)
class CollectorIdentities:
    """Who the collector is: to the broker for readings and for the books, and to the store to write and to look."""

    broker: Identity
    books: Identity
    store: StoreAccount
    reader: StoreAccount


def box_toml(
    folder: Path,
    hardware: Path,
    box: str,
    trackers: int,
    ports: Ports,
    identity: Identity,
    command_keys: Path | None = None,
    *,
    siren: bool = False,
    chip: bool = False,
) -> str:
    """Return a box's configuration: one button with its lamp, its GPS receivers, and a siren if it has one.

    With `chip` they are a microcontroller board's, and a button at the end of a supervised line with them.
    """
    port = f"board://{chip_path(hardware, box)}"
    button = lamp = f"sim://{board_path(hardware, box)}?line={BUTTON}"
    sounds = f"sim://{board_path(hardware, box)}?line={SIREN}"
    if chip:
        button, lamp, sounds = f"{port}?button=0", f"{port}?lamp=0", f"{port}?siren=0"
    keys = "" if command_keys is None else f"\ncommand_keys = {_text(command_keys)}"
    tables = [
        f"device = {_text(box)}\ndata_dir = {_text(folder / box)}{keys}",
        _broker("alarm_broker", ports.alarm_broker, identity),
        _broker("telemetry_broker", ports.telemetry_broker, identity),
        f"[[buttons]]\nid = {_text(BUTTON)}\nuri = {_text(button)}\nlamp = {_text(lamp)}",
    ]
    if chip:
        tables.append(f"[[buttons]]\nid = {_text(LINE)}\nuri = {_text(f'{port}?line=0')}")
    if siren:
        tables.append(f"[siren]\nuri = {_text(sounds)}")
    for number in range(1, trackers + 1):
        sensor = sensor_name(number)
        uri = f"serial://{tracker_path(hardware, box, sensor)}?baudrate=9600"
        tables.append(f'[[sensors]]\nid = {_text(sensor)}\ndriver = "nmea"\nuri = {_text(uri)}')
    return "\n\n".join(tables) + "\n"


def collector_toml(folder: Path, ports: Ports, who: CollectorIdentities, metrics_port: int) -> str:
    """Return the collector's configuration; it keeps the books and looks at them."""
    books = [f"{key} = {_text(value)}" for key, value in who.books.lines]
    books += [f"store_username = {_text(who.reader.username)}"]
    books += [f"store_password_file = {_text(who.reader.password_file)}"]
    tables = [
        f"data_dir = {_text(folder / 'collector')}",
        _broker("broker", ports.telemetry_broker_centre, who.broker),
        _store(ports, who.store),
        _server("metrics", metrics_port),
        "\n".join(["[books]", *books]),
    ]
    return "\n\n".join(tables) + "\n"


def desk_toml(
    folder: Path,
    ports: Ports,
    identity: Identity,
    reader: StoreAccount,
    command_key: Path | None = None,
    sirens: tuple[str, ...] = (),
    *,
    tests: bool = False,
) -> str:
    """Return the desk's configuration; inventory and streets lie beside it, and the store is read for the map.

    With `tests` it lets the boxes press by themselves; without, who counts presses counts those of people alone.
    """
    key = "" if command_key is None else f"command_key = {_text(command_key)}\n"
    tables = [
        f"data_dir = {_text(folder / 'desk')}\n{key}"
        'inventory = "inventory.toml"\nstreets = "streets.geojson"\nlanguage = "id"',
        _broker("alarm_broker", ports.alarm_broker_centre, identity),
        _broker("telemetry_broker", ports.telemetry_broker_centre, identity),
        _server("http", ports.page),
        _store(ports, reader),
        *([] if tests else ["[synthetic]\neach_s = 0"]),
        *([f"[escalation]\nsirens = [{', '.join(map(_text, sirens))}]"] if sirens else []),
    ]
    return "\n\n".join(tables) + "\n"


def bell_toml(folder: Path, hardware: Path, ports: Ports, identity: Identity) -> str:
    """Return the configuration of the bell in the duty room, with a simulated siren and button."""
    board = f"sim://{board_path(hardware, DUTY_ROOM)}?line="
    tables = [
        f"data_dir = {_text(folder / 'bell')}",
        _broker("alarm_broker", ports.alarm_broker_centre, identity),
        _broker("telemetry_broker", ports.telemetry_broker_centre, identity),
        f"[siren]\nuri = {_text(board + SIREN)}",
        f"[button]\nuri = {_text(board + BUTTON)}",
    ]
    return "\n\n".join(tables) + "\n"


def wall_server_toml(ports: Ports, identity: Identity, reader: StoreAccount, writer: StoreAccount) -> str:
    """Return the wall server's configuration, with the speed by street; plan, inventory and streets lie beside it."""
    tables = [
        'plan = "wall.toml"\ninventory = "inventory.toml"\nstreets = "streets.geojson"',
        _broker("alarm_broker", ports.alarm_broker_centre, identity),
        _broker("telemetry_broker", ports.telemetry_broker_centre, identity),
        _server("http", ports.wall),
        _store(ports, reader),
        _store(ports, writer, "traffic"),
    ]
    return "\n\n".join(tables) + "\n"


WALL_TOML = """\
city = "Kota Bandung"
time_zone = "Asia/Jakarta"
language = "id"
source = "board"
takeover_s = 300

[[screens]]
number = 1
show = [{ dashboard = "siaga_city" }]
takeover = true

[[screens]]
number = 2
show = [{ dashboard = "siaga_vehicles", seconds = 40 }, { dashboard = "siaga_traffic", seconds = 20 }]

[[screens]]
number = 3
show = [
    { dashboard = "siaga_water", seconds = 30 },
    { dashboard = "siaga_air", seconds = 30 },
    { dashboard = "siaga_weather", seconds = 30 },
]
language = "en"
theme = "light"

[[screens]]
number = 4
show = [
    { dashboard = "siaga_fleet", seconds = 30 },
    { dashboard = "siaga_alarms", seconds = 30 },
    { dashboard = "siaga_alarm_path", seconds = 30 },
]
"""
"""The demo's screens: three to stand beside the desk's page, and one for the technician. A press takes the first."""


def _broker(table: str, port: int, identity: Identity) -> str:
    lines = [f"{key} = {_text(value)}" for key, value in (("ca", str(identity.ca)), *identity.lines)]
    return "\n".join([_server(table, port), *lines])


def _server(table: str, port: int) -> str:
    return f'[{table}]\nhost = "127.0.0.1"\nport = {port}'


def _store(ports: Ports, account: StoreAccount, table: str = "store") -> str:
    lines = [f"[{table}]", f'url = "http://127.0.0.1:{ports.influxdb}"', 'database = "siaga"']
    lines += [f"username = {_text(account.username)}", f"password_file = {_text(account.password_file)}"]
    return "\n".join(lines)


def _text(value: str | Path) -> str:
    # A JSON string without control characters is a TOML basic string.
    return json.dumps(str(value), ensure_ascii=False)
