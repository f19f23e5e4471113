"""Whatever hangs, dies or lies around a siren, it is silent in time: the guard's rules, and the guard as a process."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from pins.guard import AGAIN_NS, Guard
from simulator.control import BoardControl

S: Final = 10**9


class Siren:
    """A line that fails on a seed, and knows since when it sounds."""

    def __init__(self, dice: random.Random, share: float) -> None:
        self.dice, self.share = dice, share
        self.on = False
        self.opened = 0

    def open(self) -> Siren:
        """Open it; a line that is opened is off."""
        self._fail()
        self.opened += 1
        self.on = False
        return self

    def set(self, on: bool) -> None:
        """Switch it, or lose it before or after."""
        self._fail()
        self.on = on
        self._fail()

    def close(self) -> None:
        """Let it go: the kernel leaves the level as it is."""
        self._fail()

    def _fail(self) -> None:
        if self.dice.random() < self.share:
            raise OSError(5, "Input/output error")


@pytest.mark.parametrize("seed", range(40))
def test_a_siren_on_a_line_that_fails_never_sounds_longer_than_its_time(seed: int) -> None:
    """In virtual time; while each attempt fails nothing can be switched, so that time is added."""
    dice = random.Random(seed)
    siren = Siren(dice, dice.choice((0.0, 0.1, 0.4)))
    answers: list[str] = []
    guard = Guard(siren.open, 20 * S, answers.append)
    now_ns, allowed_ns = 0, 0
    for _ in range(2_000):
        if dice.random() < 0.05:
            seconds = dice.choice((1, 5, 20, 400))
            before = len(answers)
            guard.told(f"on {seconds * 1_000}", now_ns)
            assert [answer[0] for answer in answers[before:]] == ["="], "each is answered, once"
            if answers[-1] == "=on":
                allowed_ns = now_ns + min(seconds, 20) * S
        elif dice.random() < 0.02:
            guard.told(dice.choice(("off", "on", "on x", "on -5", "on 0", "", "nonsense")), now_ns)
            allowed_ns = now_ns
        guard.tick(now_ns)
        if siren.on and now_ns > allowed_ns:
            # Only a line that is lost may still be on, and it is being opened anew.
            due_ns = guard.due_ns()
            assert siren.share > 0
            assert due_ns is not None
            assert due_ns <= now_ns + AGAIN_NS
        now_ns += S // 10
    siren.share = 0.0
    guard.tick(now_ns + 30 * S)
    assert not siren.on
    assert guard.end(now_ns + 30 * S)


def test_a_line_that_is_lost_in_a_sound_is_silent_when_it_is_back_and_is_told_once() -> None:
    siren = Siren(random.Random(1), 0.0)
    answers: list[str] = []
    guard = Guard(siren.open, 20 * S, answers.append)
    guard.tick(0)
    guard.told("on 9000", 0)
    siren.share = 1.0
    guard.told("on 9000", S)
    for tenth in range(20):
        guard.tick(S + tenth * S // 10)
    siren.share = 0.0
    guard.tick(4 * S)
    assert answers == ["off", "=on", "=lost Input/output error", "off"]
    assert not siren.on


@pytest.fixture
def board(tmp_path: Path) -> Iterator[BoardControl]:
    """Yield a hand at a board, which runs in a process of its own."""
    path = tmp_path / "b"
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom simulator.board import Board\n"
        "async def run():\n async with Board(Path(sys.argv[1]), ('siren',)):\n"
        "  print('ready', flush=True)\n  await asyncio.sleep(60)\nasyncio.run(run())"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    with BoardControl(path) as control:
        yield control
    process.kill()
    process.communicate()


def guarding(board: BoardControl, most_s: float = 20) -> subprocess.Popen[bytes]:
    """Return a guard of the board's siren that told that its line is open."""
    arguments = [str(round(most_s * 1_000)), "sim", str(board.path), "siren"]
    command = [sys.executable, "-m", "pins.guard", *arguments]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert answer(guard) == "off"
    return guard


def tell(guard: subprocess.Popen[bytes], words: str) -> None:
    """Tell a guard something."""
    assert guard.stdin is not None
    guard.stdin.write(f"{words}\n".encode())
    guard.stdin.flush()


def answer(guard: subprocess.Popen[bytes], timeout_s: float = 10) -> str:
    """Return the next line of a guard."""
    assert guard.stdout is not None
    assert select.select([guard.stdout], [], [], timeout_s)[0]
    return guard.stdout.readline().decode().strip()


def end(guard: subprocess.Popen[bytes]) -> None:
    """Let a guard end."""
    guard.communicate(timeout=5)


@pytest.mark.slow
def test_it_ends_by_its_own_timer_while_the_agent_stands_still(board: BoardControl) -> None:
    """Nobody reads, nobody writes: the sound is as long as was told, by the board's own stamps."""
    guard = guarding(board)
    told_ns = time.monotonic_ns()
    tell(guard, "on 400")
    assert answer(guard) == "=on"
    assert answer(guard) == "off"
    (on_ns, was_on), (off_ns, was_off) = board.lamp("siren").changes
    assert (was_on, was_off) == (True, False)
    # The guard counts from when it is told: on a busy machine the board may be late with either.
    assert told_ns < on_ns < told_ns + 5 * S
    assert told_ns + 400_000_000 <= off_ns < told_ns + 5 * S, "and not after the longest, 20 s"
    end(guard)


@pytest.mark.slow
def test_no_sound_is_longer_than_the_longest(board: BoardControl) -> None:
    guard = guarding(board, most_s=0.3)
    tell(guard, "on 600000")
    assert [answer(guard), answer(guard)] == ["=on", "off"]
    end(guard)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["the end of the agent", "SIGTERM", "SIGHUP"])
def test_it_is_silent_at_the_end_however_that_comes(board: BoardControl, how: str) -> None:
    guard = guarding(board)
    tell(guard, "on 20000")
    assert answer(guard) == "=on"
    assert board.lamp("siren").on
    if how.startswith("SIG"):
        guard.send_signal(getattr(signal, how))
        guard.wait(5)
        assert guard.returncode == 0
    end(guard)
    assert not board.lamp("siren").on


@pytest.mark.slow
def test_ctrl_c_is_for_the_agent_and_what_is_no_command_is_silence(board: BoardControl) -> None:
    guard = guarding(board)
    tell(guard, "on 20000")
    assert answer(guard) == "=on"
    os.kill(guard.pid, signal.SIGINT)
    tell(guard, "x" * 5_000)
    assert answer(guard) == "=off"
    assert not board.lamp("siren").on
    end(guard)


@pytest.mark.slow
def test_it_costs_a_small_board_little(board: BoardControl) -> None:
    guard = guarding(board)
    status = Path(f"/proc/{guard.pid}/status").read_text()
    resident_kb = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
    assert resident_kb < 20_000
    modules = Path(f"/proc/{guard.pid}/maps").read_text()
    assert "_rust" not in modules, "neither pydantic nor cryptography"
    assert "pydantic_core" not in modules
    began_ns = time.monotonic_ns()
    end(guard)
    assert time.monotonic_ns() - began_ns < 2 * S
