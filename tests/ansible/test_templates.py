"""What the roles write, judged by the programs that read it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from collector.config import broker_endpoint, load
from dashboards.server.settings import load_server
from duty_desk.bell.settings import load_bell
from duty_desk.settings import load_desk
from edge_agent.config import load_box
from provisioning.brokers.model import MODELS
from provisioning.brokers.render import render_config
from siaga.stack.trust import Trust
from store.account import Token, read_password
from tests.ansible.roles import ROLES, read, render

_NOBODYS = (
    "store-collector.password",
    "store-books.password",
    "store-desk.password",
    "store-reader.password",
    "store-traffic.password",
    "desk.password",
    "collector-1.password",
    "collector-2.password",
    "books.password",
    "bell.password",
    "wall.password",
    "collector.group",
)
_STREETS = """\
{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "Jl. Braga"},
 "geometry": {"type": "LineString", "coordinates": [[107.609, -6.921], [107.61, -6.915]]}}]}
"""
_INVENTORY = """\
version = 1

[[devices]]
name = "box-1"
label = "Tiang 1"

[[buttons]]
device = "box-1"
id = "sos"
address = "Jl. Asia Afrika"
latitude = -6.9214
longitude = 107.6068
"""
_BOX = """\
[[buttons]]
id = "sos"
uri = "gpio://gpiochip0/17?active=low&bias=pull-up"
lamp = "gpio://gpiochip0/27"
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city's folder, and in `etc` what the roles put into /etc/siaga."""
    folder = tmp_path_factory.mktemp("city")
    credentials = folder / "etc/credentials"
    credentials.mkdir(parents=True)
    (folder / "boxes").mkdir()
    (folder / "boxes/box-1.toml").write_text(_BOX)
    trust = Trust(folder / "authority")
    trust.issue_devices(["box-1"])
    shutil.copy(trust.authority.trust, credentials / "trust.pem")
    shutil.copy(trust.authority.device_certificate("box-1"), credentials / "box.pem")
    shutil.copy(trust.authority.device_key("box-1"), credentials / "box.key")
    for name in _NOBODYS:
        (credentials / name).write_text("a-secret-of-nobody\n")
        (credentials / name).chmod(0o600)
    for name in ("inventory.toml", "wall-inventory.toml"):
        (folder / "etc" / name).write_text(_INVENTORY)
    for name in ("streets.geojson", "wall-streets.geojson"):
        (folder / "etc" / name).write_text(_STREETS)
    shutil.copy(Path(__file__).parents[2] / "dashboards/wall.toml", folder / "etc/wall-plan.toml")
    plan = (folder / "etc/wall-plan.toml").read_text()
    (folder / "etc/wall-plan.toml").write_text(plan.split("[[screens]]")[0] + _SCREEN)
    return folder


_SCREEN = '[[screens]]\nnumber = 1\nshow = [{ dashboard = "siaga_city" }]\ntakeover = true\n'


def _placed(city: Path, name: str, text: str) -> Path:
    """Put what would be in /etc/siaga into the city's `etc`, and let it name the files there."""
    file = city / "etc" / name
    file.write_text(text.replace("/etc/siaga/", f"{city}/etc/"))
    return file


def test_a_box_can_start_with_what_it_gets(city: Path) -> None:
    box = load_box(_placed(city, "box.toml", render("edge_agent", "box.toml.j2", city)))

    assert box.settings.device == "box-1"
    assert (box.settings.alarm_broker.host, box.settings.telemetry_broker.port) == ("192.0.2.1", 8884)
    assert str(box.settings.data_dir) == "/var/lib/siaga/edge"


def test_a_box_that_takes_configurations_and_commands_can_start(city: Path) -> None:
    text = render("edge_agent", "box.toml.j2", city, edge_agent_config_keys="a", edge_agent_command_keys="b")

    assert tomllib.loads(text)["config_keys"] == "/etc/siaga/config.pub"
    assert tomllib.loads(text)["command_keys"] == "/etc/siaga/command.pub"


@pytest.mark.parametrize("replicas", [1, 2])
def test_collectors_can_start(city: Path, replicas: int) -> None:
    for number in range(1, replicas + 1):
        text = render("collector", "collector.toml.j2", city, item=number, collector_replicas=replicas)
        file = _placed(city, f"collector-{number}.toml", text)
        settings = load(file)

        assert settings.broker.username == f"centre.collector-{number}"
        assert broker_endpoint(settings, file).credentials is not None
        assert (settings.books is not None) == (number == 1)
        assert (settings.group_file is not None) == (replicas > 1)
        assert settings.metrics is not None
        assert settings.metrics.port == 9468 + number
        if settings.books is not None:
            assert len(settings.books.others) == replicas - 1


@pytest.mark.parametrize("front", [True, False])
def test_the_desk_can_start(city: Path, front: bool) -> None:
    more = '[escalation]\nsirens = ["box-1"]' if front else ""
    told = {"duty_desk_streets": "s", "duty_desk_front": front, "duty_desk_settings": more}
    if front:
        told["duty_desk_command_key"] = "k"
        keys = Trust(city / "authority").command_keys()
        shutil.copy(keys[0], city / "etc/credentials/desk.key")
    desk = load_desk(_placed(city, "desk.toml", render("duty_desk", "desk.toml.j2", city, **told)))

    assert desk.settings.http.https is front, "the cookie of a page behind TLS goes no other way"
    assert desk.settings.http.host == "127.0.0.1"
    assert desk.streets is not None
    assert desk.store_account is not None


@pytest.mark.parametrize("traffic", [True, False])
def test_the_wall_server_can_start(city: Path, traffic: bool) -> None:
    streets = "s" if traffic else ""
    told = {"wall_server_streets": streets, "wall_server_grafana_url": "http://127.0.0.1:3000/grafana/"}
    text = render("wall_server", "wall.toml.j2", city, wall_server_traffic=traffic, **told)
    server = load_server(_placed(city, "wall.toml", text))

    assert set(server.brokers) == {"alarm", "telemetry"}
    assert (server.traffic is not None) == traffic


def test_with_an_influxdb_2_each_has_a_token_of_its_own(city: Path) -> None:
    two = {"siaga_influxdb_package": "influxdb2.deb"}
    for name in ("collector", "desk", "reader"):
        (city / f"etc/credentials/store-{name}.token").write_text("a-token-of-nobody\n")
        (city / f"etc/credentials/store-{name}.token").chmod(0o600)
    collector = _placed(city, "two.toml", render("collector", "collector.toml.j2", city, item=1, **two))
    desk = load_desk(_placed(city, "two-desk.toml", render("duty_desk", "desk.toml.j2", city, **two)))
    wall = load_server(_placed(city, "two-wall.toml", render("wall_server", "wall.toml.j2", city, **two)))

    accounts = [load(collector).store.account(collector), desk.store_account, wall.account]
    assert [type(one) for one in accounts] == [Token] * 3
    assert desk.settings.store is not None
    assert (desk.settings.store.kind, desk.settings.store.org) == ("influxdb2", "siaga")


def test_the_bell_can_start(city: Path) -> None:
    more = {"bell_button": "gpio://gpiochip0/17?active=low", "bell_sms_to": ["+6281200000001"]}
    bell = load_bell(_placed(city, "bell.toml", render("bell", "bell.toml.j2", city, **more)))

    assert bell.settings.alarm_broker.username == "centre.bell"
    assert bell.settings.sms is not None


def test_each_password_in_a_configuration_is_one_that_a_role_makes_for_that_very_user(city: Path) -> None:
    accounts = {one["name"]: one["owner"] for one in read(ROLES / "influxdb/vars/main.yml")["influxdb_accounts"]}
    used = {
        "siaga-collector": render("collector", "collector.toml.j2", city, item=1),
        "siaga-desk": render("duty_desk", "desk.toml.j2", city),
        "siaga-wall": render("wall_server", "wall.toml.j2", city, wall_server_traffic=True),
    }
    for user, text in used.items():
        found = 0
        for table in (one for one in tomllib.loads(text).values() if isinstance(one, dict)):
            for prefix in ("", "store_"):
                file = str(table.get(f"{prefix}password_file", ""))
                if "/store-" in file:
                    name = table[f"{prefix}username"]
                    assert file == f"/etc/siaga/credentials/store-{name}.password"
                    assert accounts[name] == user
                    found += 1
        assert found
    assert read_password(city / "etc/credentials/desk.password")


def test_the_brokers_that_provisioning_renders_are_for_the_place_where_the_role_puts_them() -> None:
    tasks = (ROLES / "brokers/tasks/main.yml").read_text()
    for lane in ("alarm", "telemetry"):
        home = f"/etc/siaga/brokers/{lane}"
        config = render_config(MODELS[lane].model_validate({"at": home, "user": "mosquitto"}), Path(home))

        assert f"acl_file {home}/device.acl" in config, "what the role looks for"
    assert "'acl_file /etc/siaga/brokers/' ~ item ~ '/device.acl'" in tasks


def test_influxdb_reads_its_configuration(city: Path) -> None:
    file = city / "influxdb.conf"
    file.write_text(render("influxdb", "influxdb.conf.j2", city))
    told = subprocess.run(
        ["influxd", "config", "-config", str(file)], capture_output=True, text=True, check=True
    ).stdout
    config = tomllib.loads(told)

    assert config["http"]["auth-enabled"] is True
    assert config["http"]["bind-address"] == "127.0.0.1:8086"
    assert config["monitor"]["store-enabled"] is False


def test_nginx_takes_desk_and_walls_beside_one_another(city: Path) -> None:
    key, pem = city / "siaga-desk.key", city / "siaga-desk.pem"
    _self_signed(key, pem)
    upstreams = {"desk": ("127.0.0.1:8080", 443), "wall": ("127.0.0.1:8090", 80)}
    sites = [
        render(
            "front",
            "site.conf.j2",
            city,
            front_name=name,
            front_names=["piket.example"],
            front_port=port,
            front_upstream=upstream,
            front_plain=name == "wall",
        )
        for name, (upstream, port) in upstreams.items()
    ]
    whole = city / "nginx.conf"
    text = "\n".join(sites).replace("/etc/nginx/", f"{city}/")
    head = f"pid {city}/nginx.pid; error_log stderr; events {{}}\n"
    whole.write_text(f"{head}http {{\naccess_log off;\n{text}\n}}\n")
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
    done = subprocess.run([nginx, "-t", "-q", "-c", str(whole)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "proxy_buffering off" in sites[0], "an alarm does not wait for more of them"
    assert "ssl" not in sites[1]


def _self_signed(key: Path, pem: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    to = ["-subj", "/CN=piket.example", "-keyout", str(key), "-out", str(pem)]
    subprocess.run([*made, *to], capture_output=True, check=True)


def test_a_screen_gets_the_three_values_its_unit_names(city: Path) -> None:
    text = render("wall_screen", "screen.env.j2", city, siaga_screen=7)
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    assert lines == {"WALL": "http://192.0.2.1", "SCREEN": "7", "SCALE": "1"}


def test_names_of_serial_ports_are_rules_of_udev(city: Path) -> None:
    ports = [
        {"name": "gps", "vendor": "067b", "product": "2303", "serial": "A1"},
        {"name": "air", "vendor": "1a86", "product": "7523"},
    ]
    text = render("edge_agent", "serial.rules.j2", city, edge_agent_serial_names=ports)

    assert 'ATTRS{idVendor}=="067b", ATTRS{idProduct}=="2303", ATTRS{serial}=="A1", SYMLINK+="siaga/gps"' in text
    assert 'ATTRS{idProduct}=="7523", SYMLINK+="siaga/air"' in text


def test_the_firewall_opens_what_it_is_told_and_ssh(city: Path) -> None:
    text = render("base", "nftables.conf.j2", city, base_tcp_ports=[443, 8883])

    assert "tcp dport { 22, 443, 8883 } accept" in text
    own = render("base", "nftables.conf.j2", city, base_tcp_ports=[443], ansible_port=2222)
    assert "tcp dport { 22, 443, 2222 } accept" in own, "whoever set it up by this port comes in again"
    assert "policy drop" in text


def test_apt_takes_security_updates_alone(city: Path) -> None:
    file = city / "52siaga"
    file.write_text(render("base", "unattended.j2", city))
    told = subprocess.run(["apt-config", "-c", str(file), "dump"], capture_output=True, text=True, check=True).stdout

    assert 'Unattended-Upgrade::Origins-Pattern:: "origin=Debian,codename=${distro_codename}-security' in told
    assert json.dumps("false") in told
