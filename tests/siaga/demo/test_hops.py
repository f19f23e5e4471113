"""The check of the demo fails when a hop is broken, and names it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
import pytest

from siaga.demo import hops
from siaga.demo.desk_client import DeskClient
from siaga.demo.hops import Follower, HopError
from siaga.demo.stack import DemoStack, Size
from tests.end_to_end.conftest import Stack

pytestmark = pytest.mark.slow

SHORT_S = 1.5
"""For what never comes; whatever comes has the demo's own time."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStack]:
    stack = Stack(tmp_path_factory.mktemp("demo"), Size(boxes=2, rate_hz=5))
    try:
        stack.start(lambda part, what: None)
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def follower(stack: DemoStack) -> Follower:
    """Return one that soon gives up, for a hop that is broken; the others must hold within that time, too."""
    return Follower(stack, timeout_s=5.0, points_timeout_s=2.5)


def test_a_whole_stack_passes(stack: DemoStack) -> None:
    follower = Follower(stack)
    presses = follower.presses()
    follower.points(presses)
    assert [set(press.hops) for press in presses] == [set(hops.HOPS)] * 2


def test_a_dead_box_is_named(stack: DemoStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.agents["box-2"].kill()
    monkeypatch.setattr(stack, "boxes", ["box-2"])
    with pytest.raises(HopError) as caught:
        Follower(stack, timeout_s=SHORT_S).presses()
    assert (caught.value.hop, caught.value.box) == (hops.SHOWN, "box-2")
    stack.restart(stack.agents["box-2"])


def test_a_box_that_freezes_after_its_press_is_named_at_its_lamp(
    stack: DemoStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, accept, follower = stack.agents["box-1"], DeskClient.accept, Follower(stack)

    def freeze_and_accept(desk: DeskClient, incident_id: str) -> None:
        agent.freeze()
        accept(desk, incident_id)
        follower._timeout_s = SHORT_S

    monkeypatch.setattr(stack, "boxes", ["box-1"])
    monkeypatch.setattr(DeskClient, "accept", freeze_and_accept)
    with pytest.raises(HopError) as caught:
        follower.presses()
    # A lamp that stands still while it is lit looks accepted; then it is the closing that does not show.
    assert caught.value.hop in (hops.ACCEPTED, hops.CLOSED)
    assert caught.value.box == "box-1"
    agent.thaw()


def test_a_dead_collector_is_named(stack: DemoStack) -> None:
    stack.collector.kill()
    await_what_was_sent(stack.influxdb.pid)
    with pytest.raises(HopError) as caught:
        Follower(stack, points_timeout_s=SHORT_S).points([hops.Pressed("box-1", 0)])
    assert (caught.value.hop, caught.value.box) == (hops.STORED, "box-1")


def await_what_was_sent(server: int) -> None:
    """Wait until a server is done with the requests of clients that died: it closes their connections then."""
    deadline = time.monotonic() + 30
    while psutil.CONN_CLOSE_WAIT in {one.status for one in psutil.Process(server).net_connections("tcp")}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
