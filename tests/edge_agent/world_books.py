"""What the world's tmpfs keeps of a killed agent, and whether the next life tells the true number of lost readings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.batch_commands import Key, StoredRow
from edge_agent.books import LOST, Books, Note
from edge_agent.clock import Clock
from edge_agent.gatherer import Gatherer
from edge_agent.telemetry_lane import TelemetryLane
from tests.edge_agent.world_card import Card, Life
from tests.edge_agent.world_centre import claim


@dataclass
class Tmpfs:
    """What outlives a kill, and not a reboot. `lost` is the world's own count since the boot; None: it cannot say.

    It cannot when a file was set aside that the agent had not heard of, or when the card was just making room: then
    what was lost with the agent and what was dropped by the card is not told apart.
    """

    boot: str
    set_aside: int
    note: Note | None = None
    lost: int | None = 0


class WorldBooks:
    """`Books` of one life, and the claim about them.

    Args:
        card: The card.
        life: How this life began.
        clock: The box's clock.
        gatherer: Where readings are gathered.
        lane: The telemetry lane.
        seen: Counts what happened.
    """

    def __init__(
        self, card: Card, life: Life, clock: Clock, gatherer: Gatherer, lane: TelemetryLane, seen: Counter[str]
    ) -> None:
        self._card, self._life, self._seen = card, life, seen
        self._lane = lane
        self._counted: Counter[str] = Counter()
        self._making_room = 0
        self.books = Books(
            life.boot, life.stream, clock=clock, gatherer=gatherer, lane=lane, dropped=self._counted, faults=Counter()
        )
        if not isinstance(card.tmpfs, Tmpfs) or card.tmpfs.boot != life.boot:
            card.tmpfs = Tmpfs(life.boot, card.set_aside)
        self.tmpfs = card.tmpfs
        self.books.hear(self.tmpfs.note)

    def making_room(self, change: int) -> None:
        """The card was asked to make room (+1), or has answered (-1)."""
        self._making_room += change

    def restored(self, rows: Sequence[StoredRow]) -> None:
        """The card told what it has: the lost are counted now."""
        self.books.restored({row.key: row.readings for row in rows if row.key[0] != self._life.stream})
        told, true = self._counted[LOST], self.tmpfs.lost
        if true is not None and self._card.set_aside == self.tmpfs.set_aside:
            self._seen["restarts whose lost readings were counted"] += 1
            claim(told == true, f"{told} readings are told as lost at restart, {true} were")

    def keeping(self, keys: tuple[Key, ...]) -> None:
        """The card is asked to keep these."""
        self.books.keeping(keys)

    def answered(self, keys: tuple[Key, ...]) -> None:
        """It has answered."""
        self.books.answered(keys)

    def killed(self, lost: int) -> None:
        """The agent is dead, with so many readings."""
        self.tmpfs.note = self.books.note()
        if self._making_room:
            self.tmpfs.lost = None
        elif self.tmpfs.lost is not None:
            self.tmpfs.lost += lost
