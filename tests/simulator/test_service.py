"""`siaga simulator run` as a process: boards answer, ttys speak NMEA of Bandung, and it stops at once."""

from __future__ import annotations

import json
import os
import select
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pynmeagps import NMEAReader

from siaga.demo.places import inventory_toml, spots
from siaga.stack.process import Process, ProcessError
from simulator.control import BoardControl
from simulator.layout import board_path, chip_path, counts_path, tracker_path
from simulator.service import Epochs
from tests.firmware_bridge.simulator import built_once

SECOND_NS = 1_000_000_000


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Process]:
    argv = [sys.executable, "-m", "siaga.main", "simulator", "run", "--folder", str(tmp_path)]
    process = Process([*argv, "--boxes", "2", "--rate-hz", "10"], name="simulator", folder=tmp_path)
    process.start()
    process.wait_ready()
    yield process
    process.stop()


@pytest.mark.slow
def test_two_boxes_speak_and_can_be_pressed(simulator: Process, tmp_path: Path) -> None:
    first, second = (tracker_path(tmp_path, box, "gps") for box in ("box-1", "box-2"))
    epochs_one, epochs_two = read_epochs(first, 3), read_epochs(second, 3)
    assert epochs_one[0][1:] != epochs_two[0][1:]
    times = [moment for moment, _, _ in epochs_one]
    assert times == sorted(set(times))
    for _, latitude, longitude in epochs_one + epochs_two:
        assert -6.96 < latitude < -6.84
        assert 107.56 < longitude < 107.72
    with BoardControl(board_path(tmp_path, "box-2")) as board:
        assert board.press().number == 1
        assert len(board.presses()) == 1
    with BoardControl(board_path(tmp_path, "box-1")) as board:
        assert board.presses() == []


@pytest.mark.slow
def test_a_box_that_the_inventory_has_on_a_post_stands_there(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.toml"
    inventory.write_text(inventory_toml(1))
    argv = [sys.executable, "-m", "siaga.main", "simulator", "run", "--folder", str(tmp_path), "--boxes", "2"]
    process = Process([*argv, "--rate-hz", "10", "--inventory", str(inventory)], name="simulator", folder=tmp_path)
    process.start()
    process.wait_ready()
    post, car = (read_epochs(tracker_path(tmp_path, box, "gps"), 3) for box in ("box-1", "box-2"))
    process.stop()
    [spot] = spots(1)
    for _, latitude, longitude in post:
        assert abs(latitude - spot.latitude) < 1e-4
        assert abs(longitude - spot.longitude) < 1e-4
    assert abs(car[0][1] - spot.latitude) + abs(car[0][2] - spot.longitude) > 1e-3


@pytest.mark.slow
def test_it_stops_on_sigterm_and_leaves_its_counts(simulator: Process, tmp_path: Path) -> None:
    read_epochs(tracker_path(tmp_path, "box-1", "gps"), 2)
    simulator.stop()
    assert simulator.returncode == 0
    counts = json.loads(counts_path(tmp_path).read_text())
    assert counts["box-1/gps"]["sent"] >= 2
    assert counts["box-2/gps"]["sent"] == 0
    assert counts["box-2/gps"]["lost"] >= 2
    assert not board_path(tmp_path, "box-1").exists()
    assert not tracker_path(tmp_path, "box-1", "gps").is_symlink()


@pytest.mark.slow
def test_it_ends_when_its_boards_chip_does_so_that_both_are_started_again(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if shutil.which("avr-gcc") is None:
        pytest.skip("there is no avr-gcc: scripts/setup.sh test")
    argv = [sys.executable, "-m", "siaga.main", "simulator", "run", "--folder", str(tmp_path), "--boxes", "1"]
    chip = ["--board", "box-1", "--firmware", str(built_once(tmp_path_factory))]
    process = Process([*argv, *chip], name="simulator", folder=tmp_path)
    process.start()
    process.wait_ready()
    assert chip_path(tmp_path, "box-1").is_symlink()
    [simhost] = psutil.Process(process.pid).children()
    simhost.kill()
    assert process.wait() == 0
    assert "the simulated board ended" in process.output()
    assert not chip_path(tmp_path, "box-1").is_symlink()


@pytest.mark.slow
def test_a_folder_that_cannot_be_used_is_told_in_words(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "siaga.main", "simulator", "run", "--folder", str(tmp_path / ("x" * 120))]
    process = Process(argv, name="simulator", folder=tmp_path)
    process.start()
    with pytest.raises(ProcessError, match="ended with status 1"):
        process.wait_ready()
    assert "too long for a socket" in process.output()
    assert "Traceback" not in process.output()


def read_epochs(path: Path, number: int) -> list[tuple[str, float, float]]:
    tty = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    data = b""
    try:
        while data.count(b"$GPGSA") <= number:
            assert select.select([tty], [], [], 5)[0], "the line is silent"
            data += os.read(tty, 4_096)
    finally:
        os.close(tty)
    parsed = [NMEAReader.parse(line, validate=1) for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
    return [(str(message.time), message.lat, message.lon) for message in parsed if message.msgID == "RMC"]


def test_epochs_are_a_period_apart_whatever_the_timers_do() -> None:
    epochs = Epochs(SECOND_NS // 5)
    jitter_ns = [0, 3_000_000, -3_000_000, 150_000_000, 0, 90_000_000]
    start_ns = 1_000 * SECOND_NS
    times = [epochs.next_ns(start_ns + step * SECOND_NS // 5 + late) for step, late in enumerate(jitter_ns)]
    assert times == [start_ns + step * SECOND_NS // 5 for step in range(6)]


def test_epochs_follow_a_clock_that_jumped_but_never_go_back() -> None:
    epochs = Epochs(SECOND_NS)
    assert epochs.next_ns(100 * SECOND_NS) == 100 * SECOND_NS
    assert epochs.next_ns(500 * SECOND_NS + 7) == 500 * SECOND_NS
    assert epochs.next_ns(100 * SECOND_NS) == 501 * SECOND_NS
