"""A real bell beside a real desk on two real brokers. Fault 46."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from duty_desk.duty.past import read_past
from duty_desk.incidents.entries import DutyEntry
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process
from siaga.stack.trust import Trust
from tests.duty_desk.bell.faults import MOST_S, Fault, Night, night
from tests.duty_desk.bell.stand import BellStand
from tests.warm import Warm

pytestmark = pytest.mark.slow


def ledger_of(one: Night) -> list[tuple[str, str]]:
    """Return what the desk's ledger has of bells: what, and why."""
    past = [record.entry for record in read_past(one.desk.ledger, time.time_ns())]
    bells = [entry for entry in past if isinstance(entry, DutyEntry) and entry.what.startswith("bell_")]
    return [(entry.what, " ".join((entry.detail or "").split(" ")[2:])) for entry in bells]


def heard(systemd: socket.socket) -> list[str]:
    """Return what was told to systemd and not read yet."""
    told: list[str] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            told.append(systemd.recv(4_096).decode())
    return told


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, session_processes: set[Process], warm: Warm) -> Iterator[Night]:
    """Yield a desk and a bell that hears it."""
    folder = tmp_path_factory.mktemp("night")
    trust = Trust(folder / "authority")
    alarm = Mosquitto(folder, "alarm-broker", trust, "alarm", probes=True)
    telemetry = Mosquitto(folder, "telemetry-broker", trust, "telemetry", probes=True)
    with contextlib.ExitStack() as stack:
        for broker in (alarm, telemetry):
            stack.callback(broker.stop)
            broker.start()
        made = stack.enter_context(night(folder, alarm, telemetry, 1, warm))
        session_processes |= {alarm, telemetry, made.desk.process, made.bell.process, made.bell.hardware}
        yield made


@pytest.fixture
def one(shared: Night) -> Night:
    """Return a desk and a bell that hears it and does not sound."""
    shared.well()
    return shared


def test_presses_a_restart_of_the_desk_and_lost_connections_let_it_be_silent(one: Night) -> None:
    before, changes = one.bell.ask("status"), one.bell.changes()
    one.press()
    one.bell.wait(lambda: one.bell.ask("status")["presses"] == before["presses"] + 1, 15.0)
    assert one.restart_desk() <= 5.0
    one.cable.blink()
    one.press()
    one.bell.wait(one.seconds_passed(7.0), 8.0)  # what would sound has had its time
    told = one.bell.ask("status")
    assert (told["reasons"], told["presses"], told["events"]) == ([], before["presses"] + 2, before["events"])
    assert one.bell.changes() == changes


@pytest.mark.parametrize("faults", [("network", "killed"), ("frozen", "alarm broker")], ids=" and ".join)
def test_fault_46_whatever_silences_the_desk_the_bell_sounds_within_ten_seconds_and_the_ledger_has_it(
    one: Night, faults: tuple[Fault, ...]
) -> None:
    before = len(ledger_of(one))
    for fault in faults:
        took_s = one.play(fault)
        assert took_s <= MOST_S
        one.mend(fault)
    # What it was silenced for was over by then, so that only the first names a cause.
    causes = ["alarm broker" if fault == "alarm broker" else "desk" for fault in faults]
    expected = [each for cause in causes for each in (("bell_sounded", cause), ("bell_silenced", ""))]
    one.bell.wait(lambda: len(ledger_of(one)) >= before + len(expected), 15.0)
    assert ledger_of(one)[before:] == expected
    assert one.desk.get("/api/state")["sirens"] == {}


def test_a_bell_whose_siren_is_lost_is_told_on_the_pages_and_at_its_own_command_line(one: Night) -> None:
    assert one.bell.ask("test") == {"sounding": True}
    one.bell.wait(lambda: not one.bell.sounds(), 15.0)
    one.bell.hardware.stop()
    try:
        assert "error" in one.bell.ask("test")
        one.bell.wait(lambda: "siren: lost" in one.desk.get("/api/state")["sirens"].get("bell", ""), 15.0)
        status = [*one.bell.process.argv[:3], "bell", "status", "--config", str(one.bell.config)]
        told = subprocess.run(status, capture_output=True, check=True, text=True).stdout
        assert "fault    siren: lost" in told
        assert "alarm     connected" in told
    finally:
        one.bell.hardware.start()
        one.bell.hardware.wait_ready()


def test_a_bell_whose_own_links_are_down_sounds_and_systemd_hears_that_it_lives(tmp_path: Path, trust: Trust) -> None:
    brokers = Mosquitto(tmp_path, "a", trust, "alarm"), Mosquitto(tmp_path, "b", trust, "telemetry")
    for broker in brokers:
        broker.render()
    stand = BellStand(tmp_path / "bell", *brokers)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        told: list[str] = []

        def sounds() -> bool:
            told.extend(heard(systemd))  # the kernel keeps ten of them
            return stand.sounds()

        stand.process.env = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "10000000"}
        stand.start()
        try:
            began_ns = time.monotonic_ns()
            stand.wait(sounds, 3 * MOST_S)
            when_ns, on = stand.changes()[-1]
            assert on
            assert when_ns - began_ns <= (MOST_S + 2) * 1e9
            stand.process.stop()
            assert not stand.sounds()  # the end of the bell is the end of its siren
        finally:
            stand.stop()
        told.extend(heard(systemd))
    assert "READY=1" in told
    assert sum("WATCHDOG=1" in each for each in told) >= 4
    assert "WATCHDOG=1\nSTATUS=listening" in told
    assert told[-1] == "STOPPING=1"
