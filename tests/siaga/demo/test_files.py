"""What the demo writes is what the rooms read: every file goes through the room's own loader."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import pytest

from collector.config import books_account, books_endpoint, broker_endpoint, load
from contract.inventory import parse_inventory
from contract.signed import key_id
from duty_desk.settings import load_desk
from edge_agent.config import load_box, load_box_settings
from edge_agent.drivers.board import parse_board_uri
from edge_agent.key_files import load_public_keys
from provisioning.brokers.model import account
from siaga.demo.files import CollectorIdentities, Identity, Ports, StoreAccount, box_toml, collector_toml, desk_toml
from siaga.demo.places import inventory_toml
from siaga.stack.trust import Trust
from simulator.streets import Place, load_city, metres_between

PORTS = Ports(
    alarm_broker=20_001,
    alarm_broker_centre=20_011,
    telemetry_broker=20_002,
    telemetry_broker_centre=20_012,
    influxdb=20_003,
    page=20_004,
    wall=20_005,
)


def device(folder: Path, name: str) -> Identity:
    trust = Trust(folder / "authority")
    trust.issue_devices([name])
    authority = trust.authority
    files = (
        ("certificate", str(authority.device_certificate(name))),
        ("key", str(authority.device_key(name))),
    )
    return Identity(authority.trust, files)


def service(folder: Path, name: str) -> Identity:
    trust = Trust(folder / "authority")
    trust.render_broker("telemetry", device_port=1, centre_port=2)
    authority = trust.authority
    files = (
        ("username", account(name).username),
        ("password_file", str(authority.accounts / f"{name}.password")),
    )
    return Identity(authority.trust, files)


@pytest.fixture(params=["demo", 'odd "name" \\ ünïcode'])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder: Path = tmp_path / request.param
    folder.mkdir()
    return folder


def test_a_box_reads_its_file(folder: Path) -> None:
    hardware = folder.parent / "hardware"
    file = folder / "box-2.toml"
    file.write_text(box_toml(folder, hardware, "box-2", 3, PORTS, device(folder, "box-2")), encoding="utf-8")
    settings = load_box_settings(file)
    assert settings.device == "box-2"
    assert [sensor.id for sensor in settings.sensors] == ["gps", "gps-2", "gps-3"]
    assert settings.buttons[0].uri.startswith("sim:///")
    assert settings.siren is None
    brokers = load_box(file).brokers
    assert (brokers["alarm"].port, brokers["telemetry"].port) == (20_001, 20_002)
    assert [broker.credentials is not None for broker in brokers.values()] == [True, True]


def test_a_box_with_a_board_has_all_of_it_on_the_boards_port_and_its_line_is_a_known_button(folder: Path) -> None:
    file = folder / "box-1.toml"
    keys = Trust(folder / "authority").command_keys()[1]
    text = box_toml(folder, folder, "box-1", 0, PORTS, device(folder, "box-1"), keys, siren=True, chip=True)
    file.write_text(text, encoding="utf-8")
    settings = load_box_settings(file)
    sos, tower = settings.buttons
    assert settings.siren is not None
    uris = [sos.uri, sos.lamp or "", tower.uri, settings.siren.uri]
    named = [parse_board_uri(uri, ("button", "line", "lamp", "siren")) for uri in uris]
    assert [part.part for part in named] == ["button", "lamp", "line", "siren"]
    assert {part.port for part in named} == {str(folder / "box-1-board.tty")}
    for chip, known in (("box-2", True), ("box-1", False)):
        inventory = parse_inventory(inventory_toml(2, chip=chip), source="inventory.toml")
        assert (inventory.button("box-2", tower.id) is not None) == known


def test_a_box_with_a_siren_and_a_desk_that_sounds_it_have_the_two_halves_of_one_key(folder: Path) -> None:
    trust = Trust(folder / "authority")
    private, public = trust.command_keys()
    assert (private, public) == trust.command_keys(), "one that is there stays"
    file = folder / "box-1.toml"
    identity = device(folder, "box-1")
    file.write_text(box_toml(folder, folder, "box-1", 1, PORTS, identity, public, siren=True), encoding="utf-8")
    box = load_box(file)
    assert box.settings.siren is not None
    assert box.settings.siren.uri.endswith("?line=siren")
    assert box.command_keys == public
    (folder / "inventory.toml").write_text(inventory_toml(3), encoding="utf-8")
    (folder / "streets.geojson").write_text('{"type":"FeatureCollection","features":[]}', encoding="utf-8")
    password = folder / "reader.password"
    password.write_text("reader of the store")
    password.chmod(0o600)
    reader = StoreAccount("reader", password)
    text = desk_toml(folder, PORTS, service(folder, "desk"), reader, private, ("box-1",))
    (folder / "desk.toml").write_text(text, encoding="utf-8")
    desk = load_desk(folder / "desk.toml")
    assert desk.settings.escalation.sirens == ["box-1"]
    assert desk.command_key.fault is None
    keys = load_public_keys("command_keys", public, source="box.toml")
    assert desk.command_key.key is not None
    assert key_id(desk.command_key.key.public_key()) == key_id(keys[0])


def test_the_collector_reads_its_file(folder: Path) -> None:
    file = folder / "collector.toml"
    of_store = {name: folder / f"{name}.password" for name in ("collector", "reader")}
    for name, password in of_store.items():
        password.touch(0o600)
        password.write_text(f"{name} of the store")
    who = CollectorIdentities(
        service(folder, "collector-1"),
        service(folder, "books"),
        *(StoreAccount(name, password) for name, password in of_store.items()),
    )
    file.write_text(collector_toml(folder, PORTS, who, 20_005), encoding="utf-8")
    settings = load(file)
    assert settings.data_dir == folder / "collector"
    assert settings.store.url == "http://127.0.0.1:20003"
    broker = broker_endpoint(settings, file)
    assert broker.port == 20_012
    assert broker.credentials is not None
    assert broker.credentials.username == "centre.collector-1"
    account = settings.store.account(file)
    assert account is not None
    assert (account.username, account.password_file) == ("collector", of_store["collector"])
    assert settings.metrics is not None
    assert settings.metrics.port == 20_005
    books = books_endpoint(settings, file)
    assert books is not None
    assert books.port == 20_012
    assert books.credentials is not None
    assert books.credentials.username == "centre.books"
    looks = books_account(settings, file)
    assert looks is not None
    assert (looks.username, looks.password_file) == ("reader", of_store["reader"])


def test_the_desk_reads_its_file_with_inventory_and_streets(folder: Path) -> None:
    password = folder / "reader.password"
    password.write_text("reader of the store")
    password.chmod(0o600)
    reader = StoreAccount("reader", password)
    (folder / "desk.toml").write_text(desk_toml(folder, PORTS, service(folder, "desk"), reader), encoding="utf-8")
    (folder / "inventory.toml").write_text(inventory_toml(3), encoding="utf-8")
    (folder / "streets.geojson").write_text('{"type":"FeatureCollection","features":[]}', encoding="utf-8")
    desk = load_desk(folder / "desk.toml")
    assert desk.settings.http.port == 20_004
    assert (desk.brokers["alarm"].port, desk.brokers["telemetry"].port) == (20_011, 20_012)
    assert desk.ledger == folder / "desk" / "ledger.db"
    assert len(desk.inventory.buttons) == 3
    assert desk.settings.store is not None
    assert desk.settings.store.url == "http://127.0.0.1:20003"
    assert desk.store_account is not None
    assert (desk.store_account.username, desk.store_account.password_file) == ("reader", password)


@pytest.mark.parametrize("boxes", [1, 3, 10, 27])
def test_each_box_has_a_button_at_a_place_of_its_own(boxes: int) -> None:
    inventory = parse_inventory(inventory_toml(boxes), source="inventory.toml")
    assert [device.name for device in inventory.devices] == [f"box-{number}" for number in range(1, boxes + 1)]
    for button in inventory.buttons:
        assert button.instructions_id
        assert button.instructions_en
        assert -6.96 < button.latitude < -6.84
        assert 107.56 < button.longitude < 107.72
    for one, other in combinations(inventory.buttons, 2):
        assert one.address != other.address
        places = Place(one.latitude, one.longitude), Place(other.latitude, other.longitude)
        assert math.hypot(*metres_between(*places)) > 20


def test_the_buttons_stand_where_the_landmarks_are() -> None:
    landmarks = load_city().landmarks
    near = {"box-1": "Alun-Alun Bandung", "box-2": "Gedung Merdeka", "box-3": "Gedung Sate", "box-4": "Simpang Dago"}
    inventory = parse_inventory(inventory_toml(10), source="inventory.toml")
    for box, landmark in near.items():
        button = inventory.button(box, "sos")
        assert button is not None
        assert math.hypot(*metres_between(Place(button.latitude, button.longitude), landmarks[landmark])) < 250
