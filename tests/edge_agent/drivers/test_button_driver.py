from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from edge_agent.drivers.button.driver import open_lamp, watch_button
from edge_agent.errors import LineError
from simulator.board import Board


def _uri(path: Path, line: str = "sos") -> str:
    return f"sim://{path}?line={line}"


async def test_a_press_of_a_simulated_button_comes_with_the_boards_own_moment(tmp_path: Path) -> None:
    async with Board(tmp_path / "b") as board, aclosing(watch_button(_uri(board.path))) as edges:
        first = await anext(edges)
        assert (first.active, first.initial) == (False, True)
        press = board.press("sos", hold_ms=1)
        down, up = await anext(edges), await anext(edges)
        assert (down.active, down.timestamp_ns, down.sequence, down.initial) == (True, press.timestamp_ns, 1, False)
        assert (up.active, up.sequence, up.initial) == (False, 2, False)
        assert down.timestamp_ns < up.timestamp_ns <= time.monotonic_ns()


async def test_a_button_that_is_down_already_is_seen_at_opening(tmp_path: Path) -> None:
    async with Board(tmp_path / "b") as board:
        board.press("sos", hold_ms=60_000)
        async with aclosing(watch_button(_uri(board.path))) as edges:
            first = await anext(edges)
            assert (first.active, first.initial) == (True, True)


async def test_a_lamp_of_a_simulated_board(tmp_path: Path) -> None:
    async with Board(tmp_path / "b") as board, open_lamp(_uri(board.path)) as lamp:
        await lamp.set(True)
        await lamp.set(False)
        async with asyncio.timeout(5):
            while len(board.lamp("sos")[1]) < 2:  # noqa: ASYNC110  # the board has nothing to await
                await asyncio.sleep(0)
        on, changes = board.lamp("sos")
        assert (on, [change for _, change in changes[-2:]]) == (False, [True, False])


async def test_a_board_that_goes_away_is_a_lost_line(tmp_path: Path) -> None:
    board = Board(tmp_path / "b")
    await board.__aenter__()
    async with aclosing(watch_button(_uri(board.path))) as edges, open_lamp(_uri(board.path)) as lamp:
        await anext(edges)
        await board.__aexit__(None, None, None)
        with pytest.raises(LineError, match="simulated board"):
            await anext(edges)
        with pytest.raises(LineError):
            await lamp.set(True)


async def test_no_board_is_a_line_error(tmp_path: Path) -> None:
    with pytest.raises(LineError, match="start the simulated board"):
        await anext(watch_button(_uri(tmp_path / "b")))
    with pytest.raises(LineError, match="start the simulated board"):
        async with open_lamp(_uri(tmp_path / "b")):
            pass


async def test_an_unknown_line_of_the_board_is_a_line_error(tmp_path: Path) -> None:
    async with Board(tmp_path / "b") as board:
        with pytest.raises(LineError, match="the simulated board answered"):
            await anext(watch_button(_uri(board.path, "fire")))


async def test_what_the_user_of_a_lamp_raises_is_not_taken_for_the_lamps(tmp_path: Path) -> None:
    async with Board(tmp_path / "b") as board:
        with pytest.raises(ConnectionError):
            async with open_lamp(_uri(board.path)):
                raise ConnectionError("the broker is gone")


@pytest.mark.skipif(Path("/dev/gpiochip0").exists(), reason="this machine has a GPIO chip")
async def test_no_gpio_chip_is_a_line_error() -> None:
    with pytest.raises(LineError, match="No such file or directory"):
        await anext(watch_button("gpio://gpiochip0/17"))
    with pytest.raises(LineError, match="No such file or directory"):
        async with open_lamp("gpio://gpiochip0/27"):
            pass
