"""Which drill the desk says it runs. Heartbeats and the time go in, a name comes out. Pure.

Both brokers tell the same. A desk that is not heard for UNHEARD_S says nothing any more: its drill ended with it.
"""

from __future__ import annotations

from typing import Final

from contract.messages import Heartbeat

UNHEARD_S: Final = 30.0


class DrillHeard:
    """The drill that runs, if one does."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._told_ns = 0
        self._heard_ns = 0

    def hear(self, beat: Heartbeat, now_ns: int) -> None:
        """Take what the desk says of itself; what was told before what is known says nothing new."""
        if beat.timestamp_ns >= self._told_ns or now_ns - self._heard_ns >= UNHEARD_S * 1e9:
            self._name, self._told_ns, self._heard_ns = beat.drill, beat.timestamp_ns, now_ns

    def running(self, now_ns: int) -> str | None:
        """Return the name of the drill that runs, or None."""
        return self._name if now_ns - self._heard_ns < UNHEARD_S * 1e9 else None
