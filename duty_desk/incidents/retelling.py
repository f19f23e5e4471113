"""Which incidents the desk tells once more on the brokers. Pure.

Who hears of incidents by message, such as the walls, may have started late or missed one: each that is not over is told
again each ROUND_S, and one that ended for ENDED_S more. In a flood at most MOST go at once, in turns, so that receipts
and lamps never wait behind them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from duty_desk.incidents.incident import Incident

ROUND_S: Final = 10.0
ENDED_S: Final = 60.0
MOST: Final = 50


class Retelling:
    """Remembers whose turn it is."""

    def __init__(self) -> None:
        self._last = ""

    def due(self, active: Iterable[Incident], ended: Iterable[Incident], now_ns: int) -> list[Incident]:
        """Return the incidents of this round, at most MOST.

        Args:
            active: Those that are not over.
            ended: Those that are.
            now_ns: The centre's clock.
        """
        lately = (each for each in ended if now_ns - each.changed_at_ns < ENDED_S * 1e9)
        known = sorted((*active, *lately), key=lambda each: each.id)
        after = [each for each in known if each.id > self._last]
        turn = (after + known[: len(known) - len(after)])[:MOST]
        if turn:
            self._last = turn[-1].id
        return turn
