"""The real brokers and databases start, stop, die and come back as the tests and the demo rely on."""

from __future__ import annotations

import base64
import socket
import urllib.request
from pathlib import Path

import psutil
import pytest

from siaga.stack.influxdb import ADMIN, COLLECTOR, READER, InfluxDB
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import ProcessError
from store.account import read_password
from tests.conftest import Database

pytestmark = pytest.mark.slow


def listening_addresses(pid: int) -> set[str]:
    connections = psutil.Process(pid).net_connections(kind="inet")
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}


def write(server: InfluxDB, line: bytes) -> None:
    account = f"{COLLECTOR}:{read_password(server.password_file(COLLECTOR))}"
    headers = {"Authorization": "Basic " + base64.b64encode(account.encode()).decode()}
    request = urllib.request.Request(f"{server.url}/write?db={server.database}", data=line, headers=headers)
    urllib.request.urlopen(request, timeout=30).close()


def test_a_broker_listens_on_loopback_only_and_uses_its_port_again(alarm_broker: Mosquitto) -> None:
    assert listening_addresses(alarm_broker.pid) == {"127.0.0.1"}
    ports = alarm_broker.device_port, alarm_broker.centre_port
    alarm_broker.kill()
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)
    alarm_broker.start()
    assert (alarm_broker.device_port, alarm_broker.centre_port) == ports
    for port in ports:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()


def test_a_frozen_broker_answers_nothing_until_thawed(alarm_broker: Mosquitto) -> None:
    connect = bytes.fromhex("10 12 00 04 4d 51 54 54 05 02 00 0a 00 00 05 62 6f 78 2d 31")
    box = alarm_broker.device("box-1")
    assert box.credentials is not None
    assert box.credentials.context is not None
    with (
        socket.create_connection((box.host, box.port), timeout=5) as plain,
        box.credentials.context.wrap_socket(plain, server_hostname=box.host) as client,
    ):
        client.settimeout(0.3)
        alarm_broker.freeze()
        client.sendall(connect)
        with pytest.raises(TimeoutError):
            client.recv(1)
        alarm_broker.thaw()
        client.settimeout(5)
        assert client.recv(1) == b"\x20"  # CONNACK


def test_two_brokers_run_side_by_side(alarm_broker: Mosquitto, telemetry_broker: Mosquitto) -> None:
    ports = [(one.device_port, one.centre_port) for one in (alarm_broker, telemetry_broker)]
    assert len({port for pair in ports for port in pair}) == 4
    assert alarm_broker.running
    assert telemetry_broker.running


def test_a_database_listens_on_loopback_only_and_keeps_its_points_when_killed(tmp_path: Path) -> None:
    server = InfluxDB(tmp_path)
    server.start()
    try:
        assert listening_addresses(server.pid) == {"127.0.0.1"}
        write(server, b"position,device=box-1 latitude=-6.9 7")
        server.kill()
        server.start()
        [series] = server.query("SELECT count(latitude) FROM position")
        assert series["values"] == [[0, 1]]
    finally:
        server.stop()


def test_a_database_keeps_its_passwords_over_a_restart_for_its_owner_only(tmp_path: Path) -> None:
    server = InfluxDB(tmp_path)
    names = (ADMIN, COLLECTOR, READER)
    passwords = [read_password(server.password_file(name)) for name in names]  # refuses what others can read
    assert len({*passwords}) == 3
    assert all(len(password) >= 32 for password in passwords)
    server.start()
    try:
        assert (tmp_path / "influxdb").stat().st_mode & 0o077 == 0
        server.stop()
        server.start()
        assert [read_password(server.password_file(name)) for name in names] == passwords
        write(server, b"position,device=box-1 latitude=-6.9 7")
        server.stop()
        server.password_file(COLLECTOR).unlink()
        server.start()
        write(server, b"position,device=box-2 latitude=-6.9 7")
        [series] = server.query("SELECT count(latitude) FROM position")
        assert series["values"] == [[0, 2]]
    finally:
        server.stop()


def test_a_database_with_another_admin_is_told(tmp_path: Path) -> None:
    server = InfluxDB(tmp_path)
    try:
        server.start()
        server.stop()
        server.password_file(ADMIN).write_text("another")
        with pytest.raises(ProcessError, match="influxdb refused admin: 401"):
            server.start()
    finally:
        server.stop()


def test_each_test_has_an_empty_database_of_its_own(influxdb: Database) -> None:
    assert influxdb.server.query("SHOW MEASUREMENTS", database=influxdb.database) == []
    assert influxdb.database != "siaga"
