"""The units are units, closed as far as they can be, and the committed files are what the table says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from siaga.system import exposure
from siaga.system.cli import app
from siaga.system.exposure import AnalyzeError
from siaga.system.files import differing, wanted, write
from siaga.system.hardening import HARDENING, Opened, hardened
from siaga.system.unit import MOST_EXPOSED, Service
from siaga.system.units import SCRIPTS, UNITS

REPO = Path(__file__).resolve().parents[3]
SERVICES = [unit for unit in UNITS if isinstance(unit, Service)]
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@needs_systemd
@pytest.mark.slow
def test_systemd_takes_each_unit_and_finds_it_closed() -> None:
    assert exposure.unsound(UNITS) == []
    values = exposure.exposures(SERVICES)
    assert [name for name, value in values.items() if value > MOST_EXPOSED] == ["siaga-screen.service"]
    assert [one.file for one in SERVICES if values[one.file] > one.most_exposed] == []


def test_only_the_browser_may_be_open_and_it_says_why() -> None:
    open_ones = [one for one in SERVICES if one.most_exposed > MOST_EXPOSED]
    assert [one.name for one in open_ones] == ["siaga-screen"]
    assert open_ones[0].exposed_why


@needs_systemd
def test_a_key_that_systemd_does_not_know_is_found() -> None:
    odd = Service("siaga-odd", "odd", "/bin/true", "nobody", service=("Retart=always",))
    assert any("Retart" in line for line in exposure.unsound([odd]))


@needs_systemd
def test_a_unit_without_its_hardening_is_found_exposed() -> None:
    every = {key: Opened(None, "it is a test.") for key in HARDENING}
    (value,) = exposure.exposures([Service("siaga-open@", "open", "/bin/true", "nobody", opened=every)]).values()
    assert value > 7


def test_without_systemd_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnalyzeError, match="apt install systemd"):
        exposure.unsound(UNITS)


def test_the_committed_units_are_those_of_the_table() -> None:
    assert differing(REPO / "systemd", wanted()) == []


def test_what_differs_is_told_and_written(tmp_path: Path) -> None:
    names = set(wanted())
    assert set(write(tmp_path, wanted())) == names
    for name in SCRIPTS:
        (tmp_path / name).write_text("#!/bin/sh\n")
    assert differing(tmp_path, wanted()) == []
    (tmp_path / "siaga-edge.service").write_text("[Service]\n")
    (tmp_path / "siaga-bell.service").unlink()
    (tmp_path / "siaga-old.service").write_text("")
    (tmp_path / "siaga-screen-watch").unlink()
    told = differing(tmp_path, wanted())
    assert sorted(line.partition(":")[0] for line in told) == [
        "siaga-bell.service",
        "siaga-edge.service",
        "siaga-old.service",
        "siaga-screen-watch",
    ]
    assert set(write(tmp_path, wanted())) == {"siaga-bell.service", "siaga-edge.service", "siaga-old.service"}
    assert not (tmp_path / "siaga-old.service").exists()
    assert write(tmp_path, wanted()) == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: str(one.name))
def test_each_unit_has_the_whole_table_or_says_why_not(service: Service) -> None:
    lines = service.text().splitlines()
    for key, value in HARDENING.items():
        name = key.rstrip("~+")
        line = f"{name}=~{value}" if key.endswith("~") else f"{name}={value}"
        if key in service.opened:
            assert any(service.opened[key].why in one for one in lines if one.startswith("#"))
        elif value is not None:
            assert line in lines, key


def test_a_key_that_is_not_in_the_table_cannot_be_opened() -> None:
    with pytest.raises(KeyError, match="PrivateDevice "):
        hardened({"PrivateDevice": Opened("no", "of a slip.")})


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: str(one.name))
def test_what_runs_for_ever_is_restarted_for_ever_and_bounded(service: Service) -> None:
    text = service.text()
    if service.kind == "oneshot":
        assert "TimeoutStartSec=" in text
        return
    assert "Restart=always" in text
    assert "StartLimitIntervalSec=0" in text.partition("[Service]")[0]
    assert service.memory or service.name == "siaga-broker@"  # mosquitto.conf has its memory_limit


def test_what_tells_systemd_that_it_lives_is_watched() -> None:
    told = {one.name: re.findall(r"WatchdogSec=(\d+)", one.text()) for one in SERVICES if one.kind == "notify"}
    assert told == {
        "siaga-edge": ["10"],
        "siaga-broker@": [],
        "siaga-collector@": ["30"],
        "siaga-desk": ["15"],
        "siaga-wall": ["30"],
        "siaga-bell": ["10"],
    }


def test_systemd_waits_for_no_word_that_a_program_never_says() -> None:
    waited_for = {one.name for one in SERVICES if one.kind == "notify"} - {"siaga-broker@"}  # Mosquitto says it itself
    says = set()
    for unit, folder in _PROGRAMS.items():
        text = "".join(path.read_text() for path in (REPO / folder).glob("*.py"))
        if "tell_life(" in text or "signs_of_life(" in text:
            text += (REPO / "link/alive.py").read_text()
        if all(word in text for word in _WORDS):
            says.add(unit)
    assert waited_for == says


_PROGRAMS = {
    "siaga-edge": "edge_agent",
    "siaga-collector@": "collector",
    "siaga-desk": "duty_desk",
    "siaga-wall": "dashboards/server",
    "siaga-bell": "duty_desk/bell",
}
_WORDS = ('tell("READY=1"', 'tell("WATCHDOG=1"', 'tell("STOPPING=1"')


@needs_systemd
@pytest.mark.slow
def test_the_command_checks_writes_and_lists(tmp_path: Path) -> None:
    runner = CliRunner()
    folder = tmp_path / "systemd"
    done = runner.invoke(app, ["units", "--check", "--folder", str(folder), "--json"])
    assert done.exit_code == 1
    assert "siaga-edge.service: No such file or directory" in json.loads(done.stdout)["faults"]
    assert runner.invoke(app, ["units", "--write", str(folder)]).exit_code == 0
    for name in SCRIPTS:
        (folder / name).touch()
    done = runner.invoke(app, ["units", "--check", "--folder", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {one["unit"] for one in told["units"]} == {one.file for one in SERVICES}
    assert all(one["exposure"] <= one["most"] for one in told["units"])
