"""A siren or a beacon that hangs on a board: its end is the board's own, so that no box that is dead leaves one on."""

from __future__ import annotations

import asyncio
import time

from edge_agent.board_outputs import Output
from edge_agent.boards import Board
from edge_agent.drivers.board import BoardPart
from firmware_bridge.messages import CommandKind


class BoardSiren:
    """One of them, for whoever commands it: as `pins.output.Output`.

    Args:
        name: `siren` or `beacon`.
        board: Its board.
        part: Which siren of the board it is.
        uri: Its URI.
        most_s: The longest it goes on one command, in seconds.
    """

    def __init__(self, name: str, board: Board, part: BoardPart, uri: str, most_s: int) -> None:
        self.name = name
        self._board = board
        self._index = part.index
        self._uri = uri
        self._most_s = most_s
        self._until_ns = 0
        self._turn = asyncio.Lock()
        board.use(Output(CommandKind.SIREN, part.index))

    @property
    def wrong(self) -> str | None:
        """What is wrong with it now; what is wrong with the board is the board's."""
        return None

    @property
    def on(self) -> bool:
        """Whether it goes, as the board confirmed."""
        return self.left_s(time.monotonic_ns()) > 0

    def left_s(self, monotonic_ns: int) -> float:
        """Return for how many seconds it goes on by itself; 0 when it is silent."""
        return max(0.0, (self._until_ns - monotonic_ns) / 1e9)

    async def set(self, on: bool, seconds: int = 0) -> float:
        """Let it go for `seconds` from now, or be silent; return for how many seconds it goes.

        Raises:
            LineError: It does not, or nobody knows whether it does; then it is to be silent.
        """
        seconds = min(seconds, self._most_s) if on else 0
        async with self._turn:
            until_ns = time.monotonic_ns() + seconds * 10**9 if seconds else None
            self._until_ns = 0
            await self._board.sound(self._index, self._uri, until_ns)
            self._until_ns = until_ns or 0
        return float(seconds)

    async def run(self) -> None:
        """Wait until cancelled: the board ends each sound by itself."""
        await asyncio.Event().wait()
