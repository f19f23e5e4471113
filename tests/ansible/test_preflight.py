"""Bad machines are stopped before anything is changed, each with one line that says what to do, and the others go on.

The machines are this one: what another would say of itself is said by programs that come first on its PATH.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ansible.roles import loader, play

_PLAY = """\
- name: Preflight
  hosts: all
  gather_facts: false
  environment: "{{ machine | default({}) }}"
  pre_tasks:
    - name: What such a machine tells of itself
      ansible.builtin.set_fact:
        cacheable: true
        distribution: Debian
        distribution_version: "{{ system | default('12') }}.5"
        distribution_major_version: "{{ system | default('12') }}"
        service_mgr: systemd
        python_version: 3.11.2
        architecture: "{{ chip | default('x86_64') }}"
  roles:
    - role: siaga.platform.preflight
- name: What would be changed
  hosts: all
  gather_facts: false
  tasks:
    - name: Who is left
      ansible.builtin.debug:
        msg: "goes on: {{ inventory_hostname }}"
"""

_SAID = {
    "full": r"full: 12 MB are free, needs 700: make room \(apt-get clean, .*\) or take a larger card",
    "behind": r"behind: its clock is \d+ s behind: on it, as root: date -u -s '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d'",
    "riscv": "riscv: its architecture is riscv64, expected x86_64 or aarch64: install a 64-bit system",
    "another": "another: its architecture is x86_64, expected aarch64: correct arch in the inventory",
    "old": "old: Debian 11.5 with systemd: needs Debian 12 .*; set it up anew",
    "newer": r"newer: it has 9\.0\.0, the wheelhouse has the older 0\.1\.0: .* -e preflight_allow_older=true",
    "broken": r"broken: .*/siaga-.*\.whl: not the file that manifest.json tells of; .*: make wheelhouse ARCH=.*",
    "foreign": "foreign: .*/broker.pem: it does not name 127.0.0.1: issue it anew",
    "unknown": "unknown: .*/unknown.key is missing: siaga provision ca issue device unknown",
}


def _program(folder: Path, name: str, says: str, before: str = os.environ["PATH"]) -> str:
    """Make a program that comes before all others of its name; return the PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{says}\n")
    (folder / name).chmod(0o755)
    return f"{folder}:{before}"


def _wheelhouse(folder: Path, *, broken: bool = False) -> str:
    here = folder / "x86_64"
    here.mkdir(parents=True)
    wheel = "siaga-0.1.0-py3-none-any.whl"
    digest = hashlib.sha256(b"wheel").hexdigest()
    (here / wheel).write_bytes(b"whe" if broken else b"wheel")
    (here / "requirements-edge.txt").write_text(f"siaga==0.1.0 --hash=sha256:{digest}\n")
    manifest = {"version": "0.1.0", "arch": "x86_64", "digest": "0" * 64, "files": {wheel: digest}}
    (here / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)


def _certificate(file: Path, names: str) -> str:
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    to = ["-subj", "/CN=x", "-addext", f"subjectAltName={names}", "-keyout", os.devnull, "-out", str(file)]
    subprocess.run([*made, *to], capture_output=True, check=True)
    return str(file)


def test_a_certificate_counts_by_each_of_its_names_and_until_its_end(tmp_path: Path) -> None:
    loader()
    module = importlib.import_module("ansible_collections.siaga.platform.plugins.lookup.certificate")
    pem = Path(_certificate(tmp_path / "x.pem", "DNS:*.kota.example,IP:192.0.2.1,IP:2001:db8::1")).read_bytes()
    now = datetime.now(UTC)

    assert module.look(pem, ["Alarm.kota.example", "192.0.2.1", "2001:DB8:0::1"], now) == ""
    wrong = ["kota.example", "a.b.kota.example", "127.0.0.1"]
    assert module.look(pem, ["alarm.kota.example", *wrong], now) == f"it does not name {', '.join(wrong)}"
    ended = now + timedelta(days=3)
    assert module.look(pem, [], ended) == f"it ended on {now + timedelta(days=2):%Y-%m-%d}"
    assert module.look(b"nothing", [], now) == "no certificate in PEM"


@pytest.mark.slow
def test_each_bad_machine_is_stopped_with_one_line_and_the_others_go_on(tmp_path: Path) -> None:
    good = _wheelhouse(tmp_path / "good")
    edge = {"preflight_extra": "edge"}
    missing = [{"path": str(tmp_path / "unknown.key"), "make": "siaga provision ca issue device unknown"}]
    # One is asked after the other; before the last has answered, an hour has gone by.
    clock = f'[ ! -e {tmp_path}/late ] || set -- -d "1 hour" "$@"; exec /bin/date "$@"'
    path = _program(tmp_path / "clock", "date", clock)
    last = {"PATH": _program(tmp_path / "last", "readlink", f"touch {tmp_path}/late; echo none", path)}
    behind = _program(tmp_path / "behind", "date", "echo 1000000000")
    certificate = _certificate(tmp_path / "broker.pem", "DNS:alarm.example,IP:192.0.2.1")
    broker = {"path": certificate, "make": "issue it anew"}
    hosts = {
        "well": edge | {"preflight_certificates": [broker | {"names": ["alarm.example", "192.0.2.1"]}]},
        "foreign": {"preflight_certificates": [broker | {"names": ["alarm.example", "127.0.0.1"]}]},
        "full": {"machine": {"PATH": _program(tmp_path / "full", "df", "echo Avail; echo 12; echo 900")}},
        "behind": {"machine": {"PATH": behind}},
        "riscv": {"chip": "riscv64"},
        "another": {"preflight_arch": "aarch64"},
        "old": {"system": "11"},
        "newer": {
            **edge,
            "machine": {"PATH": _program(tmp_path / "newer", "readlink", "echo /opt/siaga/releases/9.0.0-01234567")},
        },
        "broken": {**edge, "preflight_wheelhouse": _wheelhouse(tmp_path / "bad", broken=True)},
        "unknown": {"preflight_needs": missing, "machine": last},
    }
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "preflight_wheelhouse": good,
    }
    done = play(tmp_path, _PLAY, {"hosts": hosts, "vars": shared}, PATH=path, ANSIBLE_FORKS="1")

    assert re.findall(r'"msg": "goes on: (\w+)"', done.stdout) == ["well"], done.stdout + done.stderr
    told = done.stdout.partition("LEFT OUT")[2].splitlines()[1:]
    failed = {line.split(":")[0]: line for line in told if line}
    assert failed.keys() == _SAID.keys()
    for host, said in _SAID.items():
        assert re.fullmatch(said, failed[host]), failed[host]
