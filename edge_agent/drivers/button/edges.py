"""Makes a true history of a button's level from edges of which some may be missing or doubled. No I/O.

| what comes | what is told |
|---|---|
| the level at opening | it, marked initial |
| the opposite level, next number | an edge |
| the same level, next number | nothing: a bounce, or the level was read before its edge was |
| the opposite level, after a gap | an edge; what was lost in between undid itself |
| the same level, after a gap | both edges of it: the lost one takes the moment of the one that came |
| after any gap | the level is read again, and told if it is another |

So a press whose release alone was seen is still a press, and one press never becomes two.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edge:
    """A change of a button. `active`: pressed. `timestamp_ns` is CLOCK_MONOTONIC. `sequence` counts the line's edges,
    a gap shows loss. `initial` marks the level read at opening, which comes first, once. `synthetic` marks one that
    nobody pressed: it is a test (`trial.py`)."""

    active: bool
    timestamp_ns: int
    sequence: int
    initial: bool
    synthetic: bool = False


class EdgeHistory:
    """One line's history since it was opened.

    `lost` counts the edges that never came. `level_in_doubt` says that the level has to be read again and given to
    `level`.
    """

    def __init__(self) -> None:
        self.lost = 0
        self.level_in_doubt = False
        self._active: bool | None = None
        self._sequence: int | None = 0

    def opened(self, active: bool, timestamp_ns: int, sequence: int | None) -> Edge:
        """Take the level at opening, and the number of the last edge before it; None: not known, and none is lost."""
        self._active = active
        self._sequence = sequence
        return Edge(active, timestamp_ns, sequence or 0, initial=True)

    def edge(self, active: bool, timestamp_ns: int, sequence: int) -> list[Edge]:
        """Take an edge; return what to tell."""
        missing = 0 if self._sequence is None else sequence - self._sequence - 1
        self._sequence = sequence
        edges: list[Edge] = []
        if missing > 0:
            self.lost += missing
            self.level_in_doubt = True
            if active == self._active:
                edges.append(Edge(not active, timestamp_ns, sequence - 1, initial=False))
        elif active == self._active:
            return []
        self._active = active
        return [*edges, Edge(active, timestamp_ns, sequence, initial=False)]

    def synthetic(self, timestamp_ns: int) -> Edge:
        """Return the edge of a test; the history knows nothing of it."""
        return Edge(True, timestamp_ns, self._sequence or 0, initial=False, synthetic=True)

    def level(self, active: bool, timestamp_ns: int) -> list[Edge]:
        """Take the level, read again; return what to tell."""
        self.level_in_doubt = False
        if active == self._active:
            return []
        self._active = active
        return [Edge(active, timestamp_ns, self._sequence or 0, initial=False)]
