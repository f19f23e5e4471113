"""What a technician does at a box of the whole stack: a test press that no officer takes for real, and a threshold."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest

from edge_agent.status_command import run_status
from edge_agent.trial_commands import REFUSED, run_lamp_test, run_press
from siaga.demo.desk_client import DeskClient
from siaga.demo.stack import DemoStack
from simulator.control import BoardControl
from simulator.layout import board_path


def incidents(stack: DemoStack) -> list[dict[str, Any]]:
    with DeskClient(stack.page, stack.accounts) as desk:
        found: list[dict[str, Any]] = desk.incidents()
    return found


def until(stack: DemoStack, count: int) -> list[dict[str, Any]]:
    deadline_s = time.monotonic() + 15
    while len(found := incidents(stack)) < count:
        assert time.monotonic() < deadline_s, found
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_a_test_press_goes_the_whole_way_and_a_real_one_and_a_threshold_ring_beside_it(press_stack: DemoStack) -> None:
    stack = press_stack
    box = stack.boxes[0]
    config = stack.config / f"{box}.toml"
    told = io.StringIO()
    assert run_lamp_test(config, "sos", out=told, language="en") == 0
    assert "1. slow blink" in told.getvalue()

    told = io.StringIO()
    assert run_press(config, "sos", out=told, language="en") == 0, told.getvalue()
    hops = [line.split("ms  ")[1] for line in told.getvalue().splitlines() if "ms  " in line]
    wanted = {"kept on the card", "sent by the alarm lane", "the desk has heard it", "the desk has recorded it"}
    assert wanted <= set(hops)
    assert hops[-1] == "the desk has recorded it"
    assert incidents(stack) == [], "no officer sees it"

    # The next one has to wait.
    assert run_press(config, "sos", out=told, language="en") == REFUSED

    with BoardControl(board_path(stack.hardware, box)) as board:
        board.press(hold_ms=20)
    (pressed,) = until(stack, 1)
    assert (pressed["status"], pressed["presses"]) == ("Actual", 1)
    assert run_lamp_test(config, "sos", out=told, language="en") == REFUSED, "the lamp shows a press"

    # Streets are higher than 1 m: the alarm of a threshold, from a reading to the desk.
    stack.agents[box].stop()
    rule = '[[thresholds]]\nid = "too-high"\nsensor = "gps"\nfield = "position.altitude_m"\nabove = 1.0\n'
    config.write_text(f"{config.read_text()}\n{rule}")
    stack.restart(stack.agents[box])
    until(stack, 2)
    crossed = next(each for each in incidents(stack) if each["button"] == "too-high")
    assert (crossed["status"], crossed["state"]) == ("Actual", "open")
    told = io.StringIO()
    assert run_status(config, as_json=False, out=told, language="id") == 0
    assert "ambang too-high: TERLAMPAUI" in told.getvalue()
