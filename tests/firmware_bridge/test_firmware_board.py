"""The real firmware, run in simavr: pins, voltages, resets and a bad line."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge.frame import Deframer, Payload
from firmware_bridge.messages import UNKNOWN_BUTTON, EventKind
from firmware_bridge.session import Session
from firmware_bridge.told import Happened
from tests.firmware_bridge.simulator import (
    BEAT,
    BUILD,
    COMMAND,
    COMMAND_ACK,
    EVENT,
    EVENT_ACK,
    HELLO,
    HELLO_ACK,
    Simulator,
    built_once,
    frames,
    simulator,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Firmware and simulator."""
    return built_once(tmp_path_factory)


@pytest.mark.parametrize(("name", "least"), [("most_flash", 9_000), ("most_ram", 900)])
def test_a_firmware_that_is_too_large_is_not_built(built: Path, tmp_path: Path, name: str, least: int) -> None:
    """The real build script and measurement with a lower limit; what it would compile is there already."""
    room = tmp_path / "room"
    for part in ("firmware", "simhost"):
        shutil.copytree(BUILD.parents[1] / part, room / part)
    script = room / "firmware" / "build.sh"
    limited, count = re.subn(rf"(?m)^{name}=\d+$", f"{name}={least}", script.read_text())
    assert count == 1
    script.write_text(limited)
    programs = tmp_path / "programs"
    programs.mkdir()
    for program, product in (("avr-gcc", "siaga-uno.elf"), ("gcc", "simhost")):
        (programs / program).write_text(
            f'#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\ncp "{built / product}" "$2"\n'
        )
        (programs / program).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    command = [str(script), str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"of {least} bytes" in done.stdout
    assert "too large" in done.stderr
    assert not (tmp_path / "out" / "siaga-uno.elf").exists()


@pytest.fixture
def board(built: Path) -> Iterator[Simulator]:
    """A board that has just got power."""
    with simulator(built) as running:
        yield running


def _events(lines: list[str], kind: int) -> list[Payload]:
    found = [frame.payload for _, frame in frames(lines) if frame.type == EVENT]
    return [payload for payload in found if payload[1] == kind]


def test_says_hello_until_it_is_answered(board: Simulator) -> None:
    hellos = [(at, frame) for at, frame in frames(board.run(7000)) if frame.type == HELLO]
    assert [round(at / 1e6) for at, _ in hellos] == [0, 2, 4, 6]
    assert hellos[0][1].payload == {0: 1, 1: "siaga-1.1", 2: "uno-328p", 3: [2, 2, 2, 1], 4: 1, 5: 1}
    board.send(HELLO_ACK, {0: 1})
    kinds = [frame.type for _, frame in frames(board.run(3500))]
    assert HELLO not in kinds
    assert kinds.count(BEAT) in (3, 4)


def test_a_press_is_told_within_20_ms_of_its_edge(board: Simulator) -> None:
    """To the last byte on the wire, with contacts that chatter for 3 ms; 60 presses of both buttons."""
    board.meet()
    dice = random.Random(7)
    taken_ms = []
    for number in range(1, 61):
        board.tell(f"bounce {number % 2 * 3} {number}")
        board.run(dice.randrange(100))
        board.tell(f"press {number % 2} 80")
        edge, told = None, None
        for line in board.run(60):
            if line.startswith("edge"):
                edge = int(line.split(" ")[1])
            for at, frame in frames([line]):
                if frame.type == EVENT and frame.payload[0] == number and told is None:
                    told = at
        assert edge is not None
        assert told is not None
        taken_ms.append((told - edge) / 1000)
        board.send(EVENT_ACK, {0: number})
        board.run(100)
        for _, frame in frames(board.run(250)):
            if frame.type == EVENT:
                board.send(EVENT_ACK, {0: frame.payload[0]})
    print(f"edge to last byte: median {sorted(taken_ms)[30]:.1f} ms, longest {max(taken_ms):.1f} ms")
    assert max(taken_ms) <= 20


def test_what_a_reset_cuts_off_does_not_swallow_the_hello(board: Simulator) -> None:
    board.meet()
    board.tell("press 1 100")
    told = board.read()
    while told.endswith(b"\0"):
        board.run(1)
        told += board.read()
    board.tell("reset")
    board.run(100)
    told += board.read()
    assert [frame.type for frame in Deframer().feed(told)].count(HELLO) == 2


@pytest.mark.parametrize("kind", ["reset", "power"])
def test_a_press_survives_a_reset(board: Simulator, kind: str) -> None:
    board.tell("press 1 100")
    board.run(200)
    board.tell(kind)
    board.run(100)
    board.send(HELLO_ACK, {0: 1})
    press, *_ = _events(board.run(100), 1)
    assert (press[0], press[2], 4 in press) == (1, 1, False)
    board.send(EVENT_ACK, {0: 1})
    board.run(50)
    board.tell(kind)
    board.run(100)
    board.send(HELLO_ACK, {0: 1})
    assert _events(board.run(500), 1) == []


def test_none_lost_and_none_doubled(board: Simulator) -> None:
    """PRESSES (500) told to our own session; 1 % of bytes spoiled each way, 20 resets at any moment, pin and power."""
    presses = int(os.environ.get("PRESSES", "500"))
    dice = random.Random(11)
    session = Session(session=11)
    session.opened(0)
    board.tell("corrupt 10 3")
    free_at = [0, 0]
    pressed = [0, 0]
    reset_at = sorted(dice.randrange(170 * presses) for _ in range(20))
    told: list[Happened] = []
    now = 0
    end = None
    while end is None or now < end:
        for button in (0, 1):
            if now >= free_at[button] and sum(pressed) < presses:
                ms = dice.randrange(200, 320)
                board.tell(f"press {button} {ms}")
                free_at[button] = now + ms + dice.randrange(60, 120)
                pressed[button] += 1
        if reset_at and now >= reset_at[0]:
            reset_at.pop(0)
            board.tell(dice.choice(["reset", "power"]))
        step = dice.randrange(10, 40)
        board.run(step)
        now += step
        for each in session.feed(board.read(), now * 1_000_000):
            if isinstance(each, Happened) and each.kind is EventKind.PRESS:
                told.append(each)
                session.press_stored(each.number)
        board.write(session.take_output())
        if end is None and sum(pressed) == presses and not reset_at:
            # For a board that heard no host for a while, and a second in which a doubled one would come.
            end = max(free_at) + 12_000
        elif end is not None and len(told) == presses:
            end = min(end, now + 1_000)
    held = int(board.ask("held?", "held ")[-1].split(" ")[2])
    print(
        f"{held} presses held, {len(told)} told, "
        f"{sum(each.index == UNKNOWN_BUTTON for each in told)} of them of an unknown button; "
        f"{now / 1000:.0f} s simulated; {dict(session.counters)}"
    )
    assert held == presses
    assert sorted(each.number for each in told) == list(range(1, presses + 1))
    assert session.hello is not None
    assert session.hello.boots == 21
    # Whose a press was is forgotten only of those that waited while 32 others came.
    of = Counter(each.index for each in told)
    assert 0 <= pressed[0] - of[0] + pressed[1] - of[1] <= presses // 100
    assert of[0] <= pressed[0]
    assert of[1] <= pressed[1]
    assert set(of) <= {0, 1, UNKNOWN_BUTTON}


@pytest.mark.parametrize("supply_mv", [4500, 5000, 5500])
def test_lines_do_not_see_the_supply(board: Simulator, supply_mv: int) -> None:
    board.meet()
    board.tell(f"supply {supply_mv}")
    # As parts of the supply: the wire to ground, the button, the end-of-line resistor, a wire that is cut.
    for part, wanted in ((0.02, 0), (0.242, 1), (0.5, 2), (1.0, 3)):
        for line in (0, 1):
            board.tell(f"adc {line} {round(part * supply_mv)}")
        beats = [frame for _, frame in frames(board.run(1800)) if frame.type == BEAT]
        assert beats[-1].payload[1] == bytes([wanted, wanted])


def test_commands_light_lamps_and_patterns_outlive_the_link(board: Simulator) -> None:
    board.meet()
    board.send(COMMAND, {0: 5, 1: 1, 2: 1, 3: 2})
    acks = [frame.payload for _, frame in frames(board.run(50)) if frame.type == COMMAND_ACK]
    assert acks == [{0: 5, 1: 0, 2: 2}]
    board.tell("cut")
    board.run(12_000)
    levels = [line.split(" ")[3] for line in board.run(2000) if line.startswith("pins")]
    assert levels == ["0", "1"] * 10 or levels == ["1", "0"] * 10


def test_a_line_of_rubbish_leaves_the_board_alive(board: Simulator) -> None:
    dice = random.Random(5)
    board.meet()
    for _ in range(20):
        board.tell("send " + dice.randbytes(200).hex())
        board.run(20)
    board.tell("send 00")
    board.send(COMMAND, {0: 9, 1: 3, 2: 0, 3: 0})
    acks = [frame.payload for _, frame in frames(board.run(100)) if frame.type == COMMAND_ACK]
    assert acks[-1] in ({0: 9, 1: 0, 2: 499}, {0: 9, 1: 0, 2: 500})  # the converter's last bit


def test_the_reset_command_resets(board: Simulator) -> None:
    board.meet()
    board.send(COMMAND, {0: 1, 1: 4, 2: 0, 3: 0})
    seen = frames(board.run(3000))
    assert [frame.payload[0] for _, frame in seen if frame.type == COMMAND_ACK] == [1]
    hello = next(frame.payload for _, frame in seen if frame.type == HELLO)
    assert (hello[4], hello[5]) == (2, 8)
