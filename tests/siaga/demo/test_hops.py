"""The check of the demo fails when a hop is broken, and names it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from siaga.demo import hops
from siaga.demo.desk_client import DeskClient
from siaga.demo.hops import Follower, HopError
from siaga.demo.stack import DemoStack, Size
from tests.end_to_end.conftest import Stack

pytestmark = pytest.mark.slow


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


def test_a_dead_box_is_named(stack: DemoStack, follower: Follower) -> None:
    stack.agents["box-2"].kill()
    with pytest.raises(HopError) as caught:
        follower.presses()
    assert (caught.value.hop, caught.value.box) == (hops.SHOWN, "box-2")
    stack.restart(stack.agents["box-2"])


def test_a_box_that_freezes_after_its_press_is_named_at_its_lamp(
    stack: DemoStack, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, accept = stack.agents["box-1"], DeskClient.accept

    def freeze_and_accept(desk: DeskClient, incident_id: str) -> None:
        agent.freeze()
        accept(desk, incident_id)

    monkeypatch.setattr(DeskClient, "accept", freeze_and_accept)
    with pytest.raises(HopError) as caught:
        follower.presses()
    # A lamp that stands still while it is lit looks accepted; then it is the closing that does not show.
    assert caught.value.hop in (hops.ACCEPTED, hops.CLOSED)
    assert caught.value.box == "box-1"
    agent.thaw()


def test_a_dead_collector_is_named(stack: DemoStack, follower: Follower) -> None:
    stack.collector.kill()
    with pytest.raises(HopError) as caught:
        follower.points([hops.Pressed("box-1", 0)])
    assert (caught.value.hop, caught.value.box) == (hops.STORED, "box-1")
