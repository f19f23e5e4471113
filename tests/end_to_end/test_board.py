"""A box with a board, whose real firmware runs in the simulator: presses, a broken line, its lamp, to the desk."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.messages import decode
from edge_agent.status import AgentStatus
from edge_agent.status_socket import MAX_BYTES, ask, places
from siaga.demo.desk_client import DeskClient
from siaga.demo.stack import Size
from tests.end_to_end.conftest import Stack
from tests.firmware_bridge.simhost import Simhost, simhost
from tests.firmware_bridge.simulator import built_once

pytestmark = pytest.mark.slow


class WithBoard(Stack):
    """A stack whose first box has a board's buttons, lines and lamp beside its own."""

    pty = ""

    def _write_files(self) -> None:
        super()._write_files()
        part = f"board://{self.pty}?"
        tables = [
            f'[[buttons]]\nid = "gate"\nuri = "{part}button=0"\nlamp = "{part}lamp=0"',
            f'[[buttons]]\nid = "tower"\nuri = "{part}line=0"',
            f'[[buttons]]\nid = "lid"\nuri = "{part}line=1&use=tamper"',
        ]
        with (self.config / "box-1.toml").open("a") as file:
            file.write("\n" + "\n\n".join(tables) + "\n")


@pytest.fixture
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WithBoard, Simhost]]:
    """The stack of one box, and its board."""
    if shutil.which("avr-gcc") is None:
        pytest.skip("there is no avr-gcc: scripts/setup.sh test")
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    with simhost(built_once(tmp_path_factory)) as board:
        stack = WithBoard(folder, Size(boxes=1), without=("collector",))
        stack.pty = board.pty
        try:
            stack.start(lambda part, what: None)
            yield stack, board
        finally:
            stack.stop()
            shutil.rmtree(folder)


def status(stack: WithBoard) -> AgentStatus:
    told = ask(places(stack.folder / "box-1", None, os.environ))
    assert told is not None
    return decode(AgentStatus, told, max_bytes=MAX_BYTES)


def incidents(stack: WithBoard, button: str) -> list[dict[str, Any]]:
    with DeskClient(stack.page, stack.accounts) as desk:
        return [each for each in desk.incidents() if each["button"] == button]


def until(look: Any, within_s: float = 15) -> Any:
    deadline_s = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    return found


def test_presses_and_a_cut_line_of_a_board_come_to_the_desk_once(both: tuple[WithBoard, Simhost]) -> None:
    stack, board = both
    assert "board" not in {fault.what.split()[0] for fault in status(stack).faults}

    board.do("press 0 300")
    (gate,) = until(lambda: incidents(stack, "gate"))
    assert (gate["origin"], gate["presses"]) == ("press", 1)
    # The desk has it: the lamp blinks fast by the board itself.
    until(lambda: board.pins[:1] == ("1",))

    began_s = time.monotonic()
    board.do("adc 0 5000")
    (tower,) = until(lambda: incidents(stack, "tower"))
    assert tower["origin"] == "fault"
    faults = until(lambda: {each.what: each.words for each in status(stack).faults if each.what == "button tower"})
    assert faults["button tower"].startswith("open: ")
    assert time.monotonic() - began_s < 10
    # The button at the end of a line, by its resistor: 2.2 kΩ parallel to 4.7 kΩ.
    board.do("adc 1 1210")
    (lid,) = until(lambda: incidents(stack, "lid"))
    assert lid["origin"] == "fault"

    # The box is killed right after a press, which the board keeps until it is committed; a reset of the board on top.
    agent = stack.agents["box-1"]
    board.do("press 0 300")
    agent.kill()
    agent.wait()
    board.do("reset")
    board.do("adc 0 2500")
    stack.restart(agent)
    until(lambda: sum(each["presses"] for each in incidents(stack, "gate")) == 2)
    board.do("press 0 300")
    until(lambda: sum(each["presses"] for each in incidents(stack, "gate")) == 3)
    until(lambda: not [each for each in status(stack).faults if each.what == "button tower"])  # it was mended
    # More than the eight that a board tells at once: each was told as stored.
    for number in range(4, 13):
        until(lambda: not [each for each in status(stack).buttons if each.id == "gate" and each.pressed])
        board.do("press 0 100")
        until(lambda wanted=number: sum(each["presses"] for each in incidents(stack, "gate")) == wanted)

    board.do("cut")
    faults = until(lambda: {each.what: each.words for each in status(stack).faults if each.what.startswith("board ")})
    assert next(iter(faults.values())).startswith("silent: ")
