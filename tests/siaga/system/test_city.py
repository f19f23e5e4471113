"""siaga.toml: what it says, each mistake with its place, and the inventory that Ansible makes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contract.errors import ConfigError
from siaga.system.city import GROUPS, ansible_inventory, load_city
from siaga.system.cli import app

REPO = Path(__file__).resolve().parents[3]
CITY = """\
city = "bandung"
user = "deploy"
inventory = "inventory.toml"

[centre]
address = "10.20.0.2"
collectors = 2

[[boxes]]
name = "box-1"
address = "10.20.1.11"
site = "alun-alun"
canary = true

[[boxes]]
name = "box-2"
address = "2001:db8::2"
arch = "x86_64"
user = "pi"
vars = { edge_agent_serial_names = ["gps"] }

[[screens]]
name = "screen-7"
address = "screen-7.siaga.example"
number = 7
scale = 2

[[bells]]
name = "bell"
address = "10.20.0.9"
port = 2222
vars = { ansible_user = "bell" }
"""
INVENTORY = """\
version = 1
[[sites]]
id = "alun-alun"
address = "Jl. Asia Afrika"
latitude = -6.9214
longitude = 107.6068
[[devices]]
name = "box-1"
label = "Tiang Alun-Alun"
site = "alun-alun"
[[devices]]
name = "box-2"
label = "Patroli 2"
vehicle = "patrol"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "inventory.toml").write_text(INVENTORY)
    (tmp_path / "siaga.toml").write_text(CITY)
    return tmp_path / "siaga.toml"


def told(file: Path) -> dict[str, Any]:
    return ansible_inventory(load_city(file), file.parent)


def test_each_machine_is_in_its_group(file: Path) -> None:
    made = told(file)
    assert {name: made[name]["hosts"] for name in GROUPS} == {
        "centre": ["centre-1"],
        "boxes": ["box-1", "box-2"],
        "canaries": ["box-1"],
        "screens": ["screen-7"],
        "bells": ["bell"],
    }
    assert made["all"]["vars"] == {"siaga_city": str(file.parent), "siaga_city_name": "bandung"}


def test_ansible_is_told_of_each_machine_what_its_table_says(file: Path) -> None:
    hosts = told(file)["_meta"]["hostvars"]
    assert hosts["centre-1"] == {
        "ansible_host": "10.20.0.2",
        "ansible_port": 22,
        "ansible_user": "deploy",
        "siaga_arch": "x86_64",
        "collector_replicas": 2,
    }
    assert hosts["box-2"] == {
        "ansible_host": "2001:db8::2",
        "ansible_port": 22,
        "ansible_user": "pi",
        "siaga_arch": "x86_64",
        "siaga_device": "box-2",
        "siaga_site": "",
        "edge_agent_serial_names": ["gps"],
    }
    assert (hosts["box-1"]["siaga_site"], hosts["box-1"]["siaga_arch"]) == ("alun-alun", "aarch64")
    assert (hosts["screen-7"]["siaga_screen"], hosts["screen-7"]["siaga_scale"]) == (7, 2)
    assert (hosts["bell"]["ansible_port"], hosts["bell"]["ansible_user"]) == (2222, "bell")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('city = "bandung"', 'city = "Kota Bandung"', "siaga.toml:1: city: "),
        ('city = "bandung"', "city = bandung", "siaga.toml:1: not TOML"),
        ('address = "10.20.0.2"', 'addres = "10.20.0.2"', "siaga.toml:6: centre.addres: no such key"),
        ('address = "10.20.0.2"', 'address = "ssh://10.20.0.2"', "siaga.toml:6: centre.address: "),
        ("collectors = 2", "collectors = 0", "siaga.toml:7: centre.collectors: "),
        ('name = "box-2"', 'name = "box-1"', "siaga.toml:16: boxes.1.name: box-1 is a machine's already"),
        ('name = "box-2"', 'name = "boxes"', "siaga.toml:16: boxes.1.name: boxes is a group's name"),
        ('"2001:db8::2"', '"10.20.1.11"', "siaga.toml:17: boxes.1.address: 10.20.1.11 is box-1's already"),
        ('arch = "x86_64"', 'arch = "armv7l"', "siaga.toml:18: boxes.1.arch: "),
        ("number = 7", 'number = "7"', "siaga.toml:25: screens.0.number: "),
        (
            'site = "alun-alun"',
            'site = "braga"',
            "boxes.site: box-1 stands at alun-alun in inventory.toml, not at braga",
        ),
        ('name = "box-2"', 'name = "box-3"', "boxes.name: box-3 is no device of inventory.toml"),
        ('"inventory.toml"', '"other.toml"', "inventory: "),
    ],
)
def test_a_mistake_is_told_by_file_key_and_what_was_expected(file: Path, old: str, new: str, expected: str) -> None:
    file.write_text(CITY.replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        load_city(file)
    assert expected in str(refused.value)


def test_the_example_in_the_docs_is_a_city(file: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (REPO / "docs" / "deploy.md").read_text(encoding="utf-8"), re.DOTALL)
    (example,) = (block for block in blocks if block.startswith("city = "))
    file.write_text(example)
    assert [machine.name for _, machine in load_city(file).machines()] == ["centre-1", "box-1", "screen-7", "bell"]


def test_a_screen_has_a_number_of_its_own(file: Path) -> None:
    file.write_text(CITY + '[[screens]]\nname = "screen-8"\naddress = "10.20.2.8"\nnumber = 7\n')
    with pytest.raises(ConfigError, match=r"screens\.1\.number: there is a screen 7 already"):
        load_city(file)


def test_the_command_lists_the_machines_or_ends_with_78(file: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(app, ["inventory", str(file)])
    assert done.stdout.splitlines()[0].split() == ["centre", "centre-1", "x86_64", "deploy@10.20.0.2"]
    assert done.stdout.splitlines()[-1].split() == ["bells", "bell", "aarch64", "deploy@10.20.0.9", "port", "2222"]
    assert runner.invoke(app, ["inventory", str(file.parent / "none.toml")]).exit_code == 78


@pytest.mark.slow
def test_the_inventory_script_answers_as_ansible_asks(file: Path) -> None:
    def ask(city: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(REPO / "ansible" / "inventory" / "siaga.py"), *arguments]
        environ = {**os.environ, "SIAGA_CITY": str(city)}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=30)

    assert json.loads(ask(file, "--list").stdout) == told(file)
    assert json.loads(ask(file, "--host", "box-1").stdout) == {}
    refused = ask(file.parent / "none.toml", "--list")
    assert (refused.returncode, refused.stdout) == (78, "")
    assert "none.toml: cannot be read" in refused.stderr
