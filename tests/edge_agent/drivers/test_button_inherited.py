"""A line whose descriptor alone is left: what waits in its queue, its level, and what is no line.

A socket that keeps each write apart stands for the kernel's queue. Its level, which is asked of the kernel by an ioctl,
is given by the test.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing, closing

import pytest

from edge_agent.config import ButtonSettings
from edge_agent.drivers.button.edges import Edge
from edge_agent.drivers.button.gpio import watch_gpio, watch_request
from edge_agent.drivers.button.inherited import InheritedRequest
from edge_agent.drivers.button.trial import Trial
from edge_agent.inputs import ButtonState, watch
from edge_agent.kept_lines import KeptLines, line_name, line_names
from link.notify import Notifier
from pins.uri import GpioLine

LINE = GpioLine("gpiochip0", 17, active_low=True, bias="pull-up")
UP, DOWN = 2, 1
"""Let go is the falling edge of the logical level, pressed the rising one."""


def events(*kinds: int, first: int) -> bytes:
    """Return edges as the kernel writes them, a microsecond apart, numbered from `first`."""
    return b"".join(
        struct.pack("=QIIII24x", (first + at) * 1_000, kind, 17, first + at, first + at)
        for at, kind in enumerate(kinds)
    )


@pytest.fixture
def line() -> Iterator[tuple[int, socket.socket]]:
    """Yield the descriptor of a line, and where the kernel would write its edges."""
    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with closing(kernel):
        yield ours.detach(), kernel


@pytest.fixture
def level(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The level that the kernel tells."""
    levels = [0]
    monkeypatch.setattr(fcntl, "ioctl", lambda file, request, argument: struct.pack("=QQ", levels[0], 1))
    return levels


async def taken_over(file: int, count: int) -> list[tuple[bool, int, bool]]:
    """Return the first edges of a line that is taken over: active, its moment in µs, initial."""
    told: list[Edge] = []
    with InheritedRequest(file) as request:
        async with aclosing(watch_request(request, 17, Trial(), request.waiting())) as edges:
            async for edge in edges:
                told.append(edge)
                if len(told) == count:
                    break
    return [(edge.active, edge.timestamp_ns // 1_000, edge.initial) for edge in told]


async def test_a_short_press_while_nobody_watched_is_told_with_its_moment(line: tuple[int, socket.socket]) -> None:
    file, kernel = line
    kernel.send(events(DOWN, UP, first=40))
    assert await taken_over(file, 3) == [(False, 40, True), (True, 40, False), (False, 41, False)]


async def test_a_button_that_was_held_and_let_go_meanwhile_was_down_before(line: tuple[int, socket.socket]) -> None:
    file, kernel = line
    kernel.send(events(UP, DOWN, first=7))
    assert await taken_over(file, 3) == [(True, 7, True), (False, 7, False), (True, 8, False)]


@pytest.mark.parametrize("active", [False, True])
async def test_without_edges_the_level_counts_and_the_next_edge_is_no_loss(
    line: tuple[int, socket.socket], level: list[int], active: bool
) -> None:
    file, kernel = line
    level[0] = int(active)
    told: list[Edge] = []
    with InheritedRequest(file) as request:
        async with aclosing(watch_request(request, 17, Trial(), request.waiting())) as edges:
            told.append(await anext(edges))
            kernel.send(events(UP if active else DOWN, first=57))
            level[0] = int(not active)
            told.append(await anext(edges))
            kernel.send(events(DOWN if active else UP, first=58))
            told.append(await anext(edges))
    assert [(edge.active, edge.initial) for edge in told] == [(active, True), (not active, False), (active, False)]
    assert [edge.sequence for edge in told[1:]] == [57, 58]


async def test_a_press_that_comes_while_the_level_is_read_is_one(
    line: tuple[int, socket.socket], level: list[int]
) -> None:
    file, kernel = line
    level[0] = 1
    with InheritedRequest(file) as request:
        before = request.waiting()
        kernel.send(events(DOWN, UP, first=57))
        async with aclosing(watch_request(request, 17, Trial(), before)) as edges:
            told = [await anext(edges), await anext(edges)]
    assert [(edge.active, edge.initial, edge.sequence) for edge in told] == [(True, True, 0), (False, False, 58)]


async def test_a_descriptor_that_is_no_line_is_let_go_for_good(line: tuple[int, socket.socket]) -> None:
    file, kernel = line
    kernel.send(b"no edge")
    with closing(KeptLines(Notifier({}), [(line_name(LINE), file)], {line_name(LINE)})) as kept:
        with pytest.raises(OSError, match="no edges of a line"):
            await anext(watch_gpio(LINE, Trial(), kept))
        assert kept.take(line_name(LINE)) is None
        kernel.settimeout(5)
        assert kernel.recv(1) == b"", "nobody has it any more"
        # The next time it is requested anew; this machine has no such chip.
        with pytest.raises(OSError, match="No such file"):
            await anext(watch_gpio(LINE, Trial(), kept))


async def test_the_level_of_a_line_that_is_gone_says_so(line: tuple[int, socket.socket]) -> None:
    file, _ = line
    with InheritedRequest(file) as request, pytest.raises(OSError, match="Inappropriate ioctl"):
        request.get_value(17)


async def test_the_box_raises_a_press_that_an_earlier_agent_did_not_read(line: tuple[int, socket.socket]) -> None:
    file, kernel = line
    kernel.send(events(DOWN, UP, first=40))
    button = ButtonSettings(id="sos", uri="gpio://gpiochip0/17?active=low&bias=pull-up")
    pressed: list[int] = []
    released = asyncio.Event()
    with closing(KeptLines(Notifier({}), [(line_name(LINE), file)], line_names([button.uri]))) as kept:
        state = ButtonState("boot", None)
        watching = asyncio.create_task(
            watch(button, state, Counter(), pressed.append, released.set, lambda: None, kept=kept)
        )
        async with asyncio.timeout(5):
            while not pressed:
                await released.wait()
                released.clear()
                await asyncio.sleep(0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert pressed == [40_000]
