"""`make bench-bridge`: from a pin's edge on a board to the agent, with the real firmware in simavr.

In simulated time to the last byte on the wire, which says what the board takes; and in real time from the press to the
driver's alarm, with the simulator, the pty, the link and this machine's other work in it.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, conclude, keep_samples, percentile
from edge_agent.boards import Board
from edge_agent.drivers.board import Raised, parse_board_uri
from edge_agent.inputs import ButtonState
from tests.firmware_bridge.simhost import simhost
from tests.firmware_bridge.simulator import EVENT, EVENT_ACK, Simulator, build_firmware, frames, simulator

WIRE_MS: Final = 20.0
PRESSES: Final = 500
REAL_PRESSES: Final = 100


def simulated_ms(built: Path, presses: int) -> list[float]:
    """Return how long each press took from its edge to the last byte on the wire, in simulated time."""
    dice, taken_ms = random.Random(7), []
    with simulator(built) as board:
        board.meet()
        for number in range(1, presses + 1):
            board.tell(f"bounce {dice.randrange(4)} {number}")
            board.run(dice.randrange(100))
            board.tell(f"press {number % 2} 80")
            edge_us, told_us = None, None
            while told_us is None:
                for line in board.run(20):
                    if edge_us is None and line.startswith("edge") and line.endswith(" 1"):
                        edge_us = int(line.split(" ")[1])
                    told_us = told_us or _told(board, line, number)
            assert edge_us is not None
            taken_ms.append((told_us - edge_us) / 1000)
            for line in board.run(250):
                _told(board, line, number)
    return taken_ms


def _told(board: Simulator, line: str, number: int) -> int | None:
    """Acknowledge what a line of the simulator tells; return when press `number` was told."""
    found = None
    for at_us, frame in frames([line]):
        if frame.type == EVENT:
            board.send(EVENT_ACK, {0: frame.payload[0]})
            found = at_us if frame.payload[0] == number else found
    return found


async def real_ms(built: Path, presses: int) -> list[float]:
    """Return how long each press took to the driver's alarm, in real time."""
    taken_ms: list[float] = []
    told: asyncio.Queue[tuple[Raised, int]] = asyncio.Queue()
    opened = asyncio.Event()
    with simhost(built) as simulated:
        port = simulated.pty
        board = Board(port, {"sos": parse_board_uri(f"board://{port}?button=0", ("button",))}, "boot", Counter())
        board.restored({}, [], {"sos": ButtonState("boot", None)})
        work = asyncio.create_task(
            board.run(
                lambda raised: told.put_nowait((raised, time.monotonic_ns())),
                lambda _: None,
                forgot=lambda: None,
                opened=opened.set,
            )
        )
        await opened.wait()
        for _ in range(presses):
            began_ns = time.monotonic_ns()
            simulated.do("press 0 60")
            raised, at_ns = await told.get()
            taken_ms.append((at_ns - began_ns) / 1e6)
            assert raised.number is not None
            board.press_stored(raised.number)
            await asyncio.sleep(0.15)  # until it is let go
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    return taken_ms


def main() -> int:
    """Build the firmware, press, and print the figures."""
    presses = int(os.environ.get("PRESSES", str(PRESSES)))
    with tempfile.TemporaryDirectory() as folder:
        print(build_firmware(Path(folder)).strip())
        wire_ms = simulated_ms(Path(folder), presses)
        agent_ms = asyncio.run(real_ms(Path(folder), REAL_PRESSES))
    rows = [("wire", each) for each in wire_ms] + [("agent", each) for each in agent_ms]
    path = keep_samples("bridge", ["to", "ms"], rows)
    figures = [
        Figure("edge to last byte, simulated, p50", percentile(wire_ms, 0.5), None, "ms"),
        Figure("edge to last byte, simulated, p99", percentile(wire_ms, 0.99), WIRE_MS, "ms"),
        Figure("edge to last byte, simulated, slowest", max(wire_ms), None, "ms"),
        Figure("press to alarm, real time, p50", percentile(agent_ms, 0.5), None, "ms"),
        Figure("press to alarm, real time, p99", percentile(agent_ms, 0.99), None, "ms"),
    ]
    return conclude(figures, path)


if __name__ == "__main__":
    sys.exit(main())
