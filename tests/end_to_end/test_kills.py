"""Nothing lost and nothing doubled when parts are killed with SIGKILL at the worst moment.

The oracle is the button's own list of presses, and the store's `count()` against what the receiver sent.
"""

from __future__ import annotations

import itertools
import sqlite3

import pytest

from contract import topics
from duty_desk.cli import app as desk_app
from siaga.demo.stack import DemoStack, Size
from simulator.control import BoardControl
from simulator.layout import board_path
from simulator.panel import PanelError
from tests.end_to_end.conftest import MakeStack
from tests.end_to_end.oracle import (
    Tap,
    assert_each_press_is_there_once,
    assert_each_reading_is_there_once,
    eventually,
    press,
    pressed,
    presses_in_the_ledger,
    presses_in_the_outbox,
    readings_in_the_outbox,
    rows_at_the_desk,
    stop_hardware,
    stored_fixes,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def hold_s() -> int:
    """Return after how long a box keeps readings on its card and sends them again: 30 s, in a fifth of the time."""
    return 6


@pytest.fixture
def stack(make_stack: MakeStack, hold_s: int) -> DemoStack:
    """Return a running stack of one box with one GPS receiver at 5 Hz."""
    return make_stack(Size(boxes=1, trackers_per_box=1, rate_hz=5), hold_s=hold_s)


@pytest.fixture
def reading_stack(make_stack: MakeStack, hold_s: int) -> DemoStack:
    """Return the same without a desk."""
    return make_stack(Size(boxes=1, trackers_per_box=1, rate_hz=5), hold_s=hold_s, without=("desk",))


def test_fault_2_agent_killed_right_after_the_commit(press_stack: DemoStack) -> None:
    """The button is let go by the restart, three times, or still held."""
    stack = press_stack
    for brokers_up, hold_ms in itertools.product((False, True, False), (50, 4_000)):
        if not brokers_up:
            # Nobody but the card has the press when its agent dies.
            stack.alarm_broker.kill()
            stack.telemetry_broker.kill()
        already = presses_in_the_outbox(stack)
        agent = stack.agents["box-1"]
        number = _press_and_kill(stack, hold_ms, already)
        if not brokers_up:
            assert presses_in_the_outbox(stack) > already
            stack.alarm_broker.start()
            stack.telemetry_broker.start()
        stack.restart(agent)
        assert pressed(stack) == number
        assert_each_press_is_there_once(stack)


def _press_and_kill(stack: DemoStack, hold_ms: int, already: int) -> int:
    before = len(rows_at_the_desk(stack, recorded=False))
    with BoardControl(board_path(stack.hardware, "box-1")) as board:
        number = eventually(lambda: _press_when_up(board, hold_ms), "the button is up and can be pressed")
    eventually(
        lambda: presses_in_the_outbox(stack) > already or len(rows_at_the_desk(stack, recorded=False)) > before,
        "the press is committed",
    )
    stack.agents["box-1"].kill()
    return number


def _press_when_up(board: BoardControl, hold_ms: int) -> int:
    try:
        return board.press(hold_ms=hold_ms).number
    except PanelError:
        return 0


@pytest.mark.parametrize("hold_s", [6, pytest.param(30, marks=pytest.mark.long)])
def test_a_killed_agent_loses_at_most_the_last_30_s_of_readings(reading_stack: DemoStack, hold_s: int) -> None:
    stack = reading_stack
    rate_hz, batch_s, slack_s = 5, 1, 2
    kept_s = hold_s // 3
    eventually(lambda: stored_fixes(stack) > 0, "readings flow")
    stack.telemetry_broker.kill()
    eventually(lambda: readings_in_the_outbox(stack) >= kept_s * rate_hz, f"readings, {hold_s} s old, are on the card")
    agent = stack.agents["box-1"]
    health_readings = 5
    kept = readings_in_the_outbox(stack) - health_readings
    agent.kill()
    stack.telemetry_broker.start()
    stack.restart(agent)
    eventually(lambda: readings_in_the_outbox(stack) == 0, "the box has its receipts")
    sent = stop_hardware(stack)
    lost = (hold_s + batch_s + slack_s) * rate_hz
    # All that is in memory goes to the card in one commit, so that what was kept may be the most of it.
    expected = max(kept, sent - lost)
    eventually(lambda: stored_fixes(stack) >= expected, f"{expected} of {sent} fixes in the store")
    assert stored_fixes(stack) <= sent
    assert expected > 0


@pytest.mark.parametrize("lane", ["alarm", pytest.param("telemetry", marks=pytest.mark.long)])
def test_fault_9_broker_killed(stack: DemoStack, lane: topics.Lane) -> None:
    broker = stack.alarm_broker if lane == "alarm" else stack.telemetry_broker
    eventually(lambda: stored_fixes(stack) > 0, "readings flow")
    for number in range(6):
        if number == 2:
            broker.kill()
        if number == 4:
            broker.start()
        press(stack)
        # While the alarm broker is dead, the second path brings it (fault 47); while the other is, the first does.
        eventually(lambda: len(rows_at_the_desk(stack, recorded=False)) == pressed(stack), "the press rings", 10)
    assert_each_press_is_there_once(stack)
    assert_each_reading_is_there_once(stack)


def test_fault_34_desk_killed_between_commit_and_receipt(press_stack: DemoStack) -> None:
    """The ledger is held locked until both brokers are dead, so that the receipt of its commit cannot leave."""
    stack = press_stack
    press(stack)
    assert_each_press_is_there_once(stack)
    lock = sqlite3.connect(stack.folder / "desk" / "ledger.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    press(stack)
    eventually(lambda: len(rows_at_the_desk(stack, recorded=False)) == 2, "it rings before it is recorded")
    assert len(presses_in_the_ledger(stack)) == 1
    stack.alarm_broker.kill()
    stack.telemetry_broker.kill()
    lock.rollback()
    lock.close()
    eventually(lambda: len(presses_in_the_ledger(stack)) == 2, "the commit")
    stack.desk.kill()
    assert presses_in_the_outbox(stack) == 1, "no receipt reached the box"
    stack.alarm_broker.start()
    stack.telemetry_broker.start()
    stack.restart(stack.desk)
    assert_each_press_is_there_once(stack)
    _assert_the_ledger_holds(stack)


def _assert_the_ledger_holds(stack: DemoStack) -> None:
    from typer.testing import CliRunner

    done = CliRunner().invoke(desk_app, ["verify-ledger", "--config", str(stack.config / "desk.toml")])
    assert done.exit_code == 0, done.output


def test_fault_29_collector_killed_between_write_and_receipt(reading_stack: DemoStack) -> None:
    """Killed the moment new points are in the store, until a batch was seen that had to be sent again for it."""
    stack = reading_stack
    with Tap(stack.telemetry_broker.probe(), topics.ALL_TELEMETRY, lambda body: (body["stream"], body["batch"])) as tap:
        for _ in range(5):
            before = stored_fixes(stack)
            eventually(lambda before=before: stored_fixes(stack) > before, "readings flow", calm_s=0.005)  # type: ignore[misc]
            stack.collector.kill()
            stack.restart(stack.collector)
        eventually(lambda: max(tap.seen.values(), default=0) > 1, "a batch sent again because its receipt never left")
        assert_each_reading_is_there_once(stack)


def test_fault_29_no_receipt_before_the_store_took_it(reading_stack: DemoStack) -> None:
    """The store is dead while batches arrive, and the collector dies before it returns: the box still has them."""
    stack = reading_stack
    eventually(lambda: stored_fixes(stack) > 0, "readings flow")
    with Tap(stack.telemetry_broker.probe(), topics.ALL_TELEMETRY, lambda body: (body["stream"], body["batch"])) as tap:
        stack.influxdb.kill()
        eventually(lambda: len(tap.seen) >= 3, "batches arrive at the collector")
        stack.collector.kill()
        stack.influxdb.start()
        stack.restart(stack.collector)
        assert_each_reading_is_there_once(stack)
