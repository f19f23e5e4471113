"""The simulated board keeps the protocol its clients are written against."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from simulator.board import Board
from simulator.control import BoardControl, Lamp
from simulator.panel import MAX_LAMP_CHANGES, Panel, PanelError

MS = 1_000_000


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, request: object) -> None:
        self.writer.write(json.dumps(request).encode() + b"\n")

    async def receive(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self.reader.readline(), 5)
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, request: object) -> dict[str, Any]:
        self.send(request)
        return await self.receive()


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[Board]:
    async with Board(tmp_path / "board.sock") as board:
        yield board


async def connect(board: Board) -> Client:
    return Client(*await asyncio.open_unix_connection(board.path))


async def test_a_watcher_gets_the_level_at_once_and_each_edge_in_sequence(board: Board) -> None:
    watcher, hand = await connect(board), await connect(board)
    before = time.monotonic_ns()
    level = await watcher.ask({"watch": "sos"})
    assert (level["line"], level["level"], level["sequence"]) == ("sos", False, 0)
    press = await hand.ask({"press": "sos", "hold_ms": 5})
    down, up = await watcher.receive(), await watcher.receive()
    assert (down["level"], down["sequence"]) == (True, 1)
    assert (up["level"], up["sequence"]) == (False, 2)
    assert before < press["timestamp_ns"] == down["timestamp_ns"] < up["timestamp_ns"] < time.monotonic_ns()
    assert up["timestamp_ns"] - down["timestamp_ns"] >= 4_000_000
    for client in (watcher, hand):
        client.writer.close()


async def test_a_press_while_nobody_watches_is_in_the_list_and_in_the_level(board: Board) -> None:
    hand = await connect(board)
    first = await hand.ask({"press": "sos", "hold_ms": 60_000})
    assert first["number"] == 1
    assert await hand.ask({"presses": "sos"}) == {"presses": [first]}
    watcher = await connect(board)
    level = await watcher.ask({"watch": "sos"})
    assert (level["level"], level["sequence"], level["timestamp_ns"]) == (True, 1, first["timestamp_ns"])
    assert "pressed already" in (await hand.ask({"press": "sos"}))["error"]
    assert await hand.ask({"presses": "sos"}) == {"presses": [first]}
    for client in (watcher, hand):
        client.writer.close()


async def test_a_lamp_outlives_the_client_that_set_it(board: Board) -> None:
    agent = await connect(board)
    agent.send({"lamp": "sos", "on": True})
    agent.send({"lamp": "sos", "on": True})
    agent.writer.close()
    await agent.writer.wait_closed()
    hand = await connect(board)
    answer = await hand.ask({"lamp_of": "sos"})
    assert answer["on"] is True
    [[timestamp_ns, on]] = answer["changes"]
    assert on is True
    assert timestamp_ns <= time.monotonic_ns()
    hand.writer.close()


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[1]\n",
        b"{}\n",
        b'{"watch":7}\n',
        b'{"lamp":"sos"}\n',
        b'{"lamp":"sos","on":1}\n',
        b'{"watch":"door"}\n',
        b'{"press":"sos","hold_ms":0}\n',
        b'{"press":"sos","hold_ms":true}\n',
        b"\xff\n",
    ],
)
async def test_a_wrong_request_is_answered_in_words_and_the_connection_lives(board: Board, line: bytes) -> None:
    client = await connect(board)
    client.writer.write(line)
    assert list(await client.receive()) == ["error"]
    assert await client.ask({"presses": "sos"}) == {"presses": []}
    client.writer.close()


async def test_a_line_without_end_is_cut_off_and_the_board_lives(board: Board) -> None:
    client = await connect(board)
    client.writer.write(b"x" * 100_000)
    assert await asyncio.wait_for(client.reader.read(), 5) == b""
    client.writer.close()
    other = await connect(board)
    assert await other.ask({"presses": "sos"}) == {"presses": []}
    other.writer.close()


async def test_a_watcher_that_does_not_read_loses_edges_and_holds_no_memory(board: Board) -> None:
    watcher = await connect(board)
    await watcher.ask({"watch": "sos"})
    panel_edges = 0
    for _ in range(10_000):
        board.press("sos", hold_ms=60_000)
        board._releases["sos"].cancel()
        board._release("sos")
        panel_edges += 2
    [server_side] = board._watchers
    assert server_side.transport.get_write_buffer_size() <= 65_536 + 200
    assert len(board.presses("sos")) == 10_000
    watcher.writer.close()


async def test_a_path_too_long_for_a_socket_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(PanelError, match="too long for a socket"):
        async with Board(tmp_path / ("x" * 120)):
            pass


async def test_the_hand_presses_and_sees(board: Board) -> None:
    def hand() -> tuple[int, int, Lamp]:
        with BoardControl(board.path) as control:
            number = control.press(hold_ms=1).number
            with pytest.raises(PanelError, match="no line 'door'"):
                control.press("door")
            return number, len(control.presses()), control.lamp()

    assert await asyncio.to_thread(hand) == (1, 1, Lamp(on=False, changes=[]))


def test_only_the_last_lamp_changes_are_kept() -> None:
    panel = Panel(("sos",), 0)
    for change in range(200):
        panel.set_lamp("sos", change % 2 == 0, change)
    _, changes = panel.lamp("sos")
    assert len(changes) == MAX_LAMP_CHANGES
    assert changes[-1] == (199, False)


@pytest.mark.parametrize(
    ("half_ms", "age_ms", "pattern", "since_ms"),
    [(500, 100, "slow", 500), (100, 50, "fast", 100), (280, 50, "other", None), (100, 1_500, "off", 700)],
)
def test_the_pattern_is_what_a_person_sees(half_ms: int, age_ms: int, pattern: str, since_ms: int | None) -> None:
    lamp = Lamp(on=False, changes=[(number * half_ms * MS, number % 2 == 0) for number in range(8)])
    since_ns = None if since_ms is None else since_ms * MS
    assert lamp.pattern((7 * half_ms + age_ms) * MS) == (pattern, since_ns)


def test_a_blink_counts_from_the_end_of_its_first_half_and_three_flashes_are_no_blink() -> None:
    slow_then_fast = [0, 500, 1_000, 1_200, 1_300, 1_400, 1_500, 1_600, 1_700, 1_800]
    lamp = Lamp(on=False, changes=[(at * MS, number % 2 == 0) for number, at in enumerate(slow_then_fast)])
    assert lamp.pattern(1_850 * MS) == ("fast", 1_300 * MS)
    not_delivered = [0, 80, 200, 280, 400, 480, 1_000, 1_080, 1_200, 1_280, 1_400, 1_480]
    for shown in range(1, 13):
        changes = [(at * MS, number % 2 == 0) for number, at in enumerate(not_delivered[:shown])]
        assert Lamp(on=shown % 2 == 1, changes=changes).pattern(changes[-1][0] + MS) == ("other", None)


def test_a_steady_lamp_is_solid() -> None:
    assert Lamp(on=True, changes=[(0, True)]).pattern(2_000 * MS) == ("solid", 0)
    assert Lamp(on=True, changes=[(0, True)]).pattern(500 * MS) == ("other", None)
