"""Trust on the whole way: certificates and roots are replaced, run out, are revoked, and a clock is lost.

What an operator does is done here by the operator's commands.
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contract import topics
from link import Credentials, Endpoint, TrustError
from link.dial import Dialer
from link.trust import load_credentials
from provisioning import authority_setup
from provisioning.authority import Authority
from siaga.demo.stack import DemoStack, Size
from simulator.control import BoardControl
from simulator.layout import board_path
from tests.end_to_end.conftest import MakeStack
from tests.end_to_end.operator import Presser, give_roots_to_all, provision, refusals, restart_box
from tests.end_to_end.oracle import (
    Tap,
    assert_each_press_is_there_once,
    assert_each_reading_is_there_once,
    eventually,
    press,
    pressed,
    presses_in_the_outbox,
    rows_at_the_desk,
    stored_fixes,
)

pytestmark = pytest.mark.slow

SILENT_WITHIN_S = 5.0


async def refusal(endpoint: Endpoint) -> TrustError | None:
    """Return why a broker and a client do not come together, None when they do."""
    try:
        dialled = await Dialer(endpoint).dial(5.0)
    except TrustError as error:
        return error
    dialled.socket.close()
    return None


def box_1(folder: Path, roots: Path) -> Credentials:
    """Return box-1's credentials out of one authority's folder, with the roots of the same or another one."""
    layout = Authority(folder)
    certificate, key = layout.device_certificate("box-1"), layout.device_key("box-1")
    return load_credentials(source="test", table="box-1", ca=roots / layout.TRUST, certificate=certificate, key=key)


async def test_fault_24_rotation_of_all_certificates_under_a_press_each_second(
    make_stack: MakeStack, tmp_path: Path, record_property: Any
) -> None:
    """Both CAs and both brokers' certificates are replaced: no press is lost or doubled, nobody is ever shut out."""
    stack = make_stack(Size(boxes=2, trackers_per_box=1, rate_hz=1))
    now, before = stack.trust.folder, tmp_path / "before"
    shutil.copytree(now, before)
    began = time.monotonic()
    with Presser(stack) as presser:
        provision(stack, "ca", "rotate", "begin")
        # 1. the roots, old and new, to everyone
        give_roots_to_all(stack, presser)
        presser.go_on()
        # 2. new certificates to the boxes, while the brokers still have their old ones
        told = provision(stack, "ca", "renew", "device", "--due")
        assert all(box in told for box in stack.boxes)
        for box in stack.boxes:
            restart_box(stack, presser, box)
        presser.go_on()
        # 3. new certificates to the brokers, which take them over as they run
        for broker in (stack.alarm_broker, stack.telemetry_broker):
            assert f"told (process {broker.pid})" in provision(stack, "ca", "renew", "broker", broker.lane)
        presser.go_on()
        # 4. the old root goes
        provision(stack, "ca", "rotate", "finish")
        give_roots_to_all(stack, presser)
        presser.go_on()
        took_s = time.monotonic() - began
    presses = sum(pressed(stack, box) for box in stack.boxes)
    assert presses >= int(took_s)
    assert_each_press_is_there_once(stack)
    for process in (stack.desk, stack.collector, *stack.agents.values()):
        assert refusals(process.log.read_text()) == []
    record_property("told", f"rotation: {presses} presses in {took_s:.0f} s, none lost, none doubled")

    for port in (stack.alarm_broker.device_port, stack.telemetry_broker.device_port):
        assert await refusal(Endpoint("127.0.0.1", port, box_1(now, now))) is None
        refused = await refusal(Endpoint("127.0.0.1", port, box_1(now, before)))
        assert str(refused) == "we refuse the broker's certificate: its CA is not one we trust"
        refused = await refusal(Endpoint("127.0.0.1", port, box_1(before, now)))
        assert str(refused) == "the broker refuses our certificate: its CA is not one the broker trusts"


@pytest.fixture
def faketime() -> dict[str, str]:
    """Return an environment in which a process takes its wall clock, and only that, from FAKETIME."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    assert library is not None, "libfaketime is not installed; `make setup` does it"
    only_the_wall_clock = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    return {**os.environ, "LD_PRELOAD": str(library), **only_the_wall_clock}


def at(moment: datetime) -> str:
    """Return what FAKETIME has to be for a clock to stand at a moment now: the offset in seconds."""
    return f"{(moment - datetime.now(UTC)).total_seconds():+.0f}"


def test_fault_27_a_box_at_1970_connects_and_its_press_rings(stack: DemoStack, faketime: dict[str, str]) -> None:
    agent = stack.agents["box-1"]
    agent.stop()
    # First the other way, to know that the clock that counts for TLS is the one that is set here.
    agent.env = {**faketime, "FAKETIME": at(datetime.now(UTC) + timedelta(days=30 * 365))}
    stack.restart(agent)
    eventually(lambda: "we refuse the broker's certificate: it has expired" in agent.output(), "the broker is refused")
    agent.stop()
    agent.env = {**faketime, "FAKETIME": at(datetime(1970, 1, 1, 0, 5, tzinfo=UTC))}
    stack.restart(agent)
    press(stack)
    eventually(lambda: len(rows_at_the_desk(stack, recorded=False)) == 1, "the press rings", 10)
    assert_each_press_is_there_once(stack)
    assert "1970-01-01 00:0" in agent.output()
    assert not refusals(agent.output())
    eventually(lambda: stored_fixes(stack) > 0, "its readings are stored")


def test_fault_25_an_expired_box_is_told_so_and_is_renewed(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def issued_long_ago(folder: Path) -> None:
        long_ago = datetime.now(UTC) - timedelta(days=800)
        with monkeypatch.context() as patch:
            patch.setattr(authority_setup, "EARLIEST", long_ago)  # this software is younger than any expired box
            Authority.init(folder / "authority", clock=lambda: long_ago).issue_device("box-1", days=730)

    stack = make_stack(Size(boxes=2, trackers_per_box=1, rate_hz=1), issued_long_ago, without=("collector",))
    agent = stack.agents["box-1"]
    for broker in (stack.alarm_broker, stack.telemetry_broker):
        told = f"127.0.0.1:{broker.device_port}: the broker refuses our certificate: it has expired; renew it: "
        eventually(lambda told=told: told in agent.output(), "the fault says so")  # type: ignore[misc]
    press(stack)
    press(stack, "box-2")
    eventually(lambda: len(rows_at_the_desk(stack)) == 1, "the other box's press")
    eventually(lambda: presses_in_the_outbox(stack) == 1, "its own is on its card")
    assert "! device box-1: expired" in provision(stack, "ca", "show")

    told = provision(stack, "ca", "renew", "device", "--due")
    assert "box-1" in told
    assert "box-2" not in told
    agent.stop()
    stack.restart(agent)
    eventually(lambda: len(rows_at_the_desk(stack)) == 2, "its press arrives", 10)
    assert_each_press_is_there_once(stack)
    assert not refusals(agent.output())


def test_fault_15_a_revoked_box_is_silent_at_once_says_so_and_is_restored(
    make_stack: MakeStack, record_property: Any
) -> None:
    stack = make_stack(Size(boxes=2, trackers_per_box=1, rate_hz=5))
    brokers = (stack.alarm_broker, stack.telemetry_broker)
    agent = stack.agents["box-1"]
    press(stack)
    assert_each_press_is_there_once(stack)

    own = f"{topics.ROOT}/up/box-1/#"
    with (
        Tap(stack.alarm_broker.probe(), own, lambda body: "any") as alarms,
        Tap(stack.telemetry_broker.probe(), own, lambda body: "any") as readings,
    ):
        flowing = readings.seen.total()
        eventually(lambda: readings.seen.total() > flowing, "the box's readings flow")
        began = time.monotonic()
        told = provision(stack, "revoke", "box-1", "--reason", "stolen")
        assert all(f"{broker.lane} broker: told (process {broker.pid})" in told for broker in brokers)
        eventually(lambda: "0x87" in agent.output(), "the box is told", SILENT_WITHIN_S)
        took_s = time.monotonic() - began
        for tap in (alarms, readings):
            tap.catch_up()
        heard = alarms.seen.total(), readings.seen.total()

        press(stack)
        press(stack, "box-2")
        eventually(lambda: len(rows_at_the_desk(stack)) == 2, "the other box's press arrives")
        refused = "the broker refused siaga/v1/up/box-1/alarm: Not authorized (0x87)"
        # The second sending by the second path, so on both brokers.
        eventually(lambda: agent.output().count(refused) >= 4, "the fault says so")
        eventually(lambda: shows_not_delivered(stack), "the lamp shows that it is not delivered")
        assert (alarms.seen.total(), readings.seen.total()) == heard
        assert presses_in_the_outbox(stack) == 1

    assert f"alarm broker: told (process {stack.alarm_broker.pid})" in provision(stack, "restore", "box-1")
    eventually(lambda: len(rows_at_the_desk(stack)) == 3, "its press arrives", 15)
    assert_each_press_is_there_once(stack)
    assert_each_reading_is_there_once(stack)
    record_property("told", f"revocation: silent on both brokers after {took_s * 1_000:.0f} ms")


def shows_not_delivered(stack: DemoStack) -> bool:
    """Whether box-1's lamp flashes three times a second: lit for 80 ms, dark for 120 ms, and dark for the rest."""
    with BoardControl(board_path(stack.hardware, "box-1")) as board:
        changes = board.lamp().changes[-13:]
    lit_ms = [(off - on) / 1e6 for (on, lit), (off, _) in itertools.pairwise(changes) if lit]
    return len(lit_ms) >= 5 and all(40 < each < 120 for each in lit_ms[-5:])
