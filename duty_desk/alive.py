"""What systemd hears of the desk: that it is ready, that it lives, and how it is.

Rules:
- `WATCHDOG=1` is told from the event loop that rings, hears and answers, so a loop that stands still is not fed and
  systemd starts the desk anew.
- Nothing else keeps it from being fed. A disk, a database or a broker that does not answer is a fault on the pages: the
  desk rings without them, and a restart would mend none.
- A desk that stands by is ready: it does what it is there for.
"""

from __future__ import annotations

from collections.abc import Callable

from link.alive import ROUND_S, signs_of_life
from link.notify import Notifier


class Alive:
    """Tells systemd.

    Args:
        notifier: Whom to tell.
        round_s: Between two signs of life.
    """

    def __init__(self, notifier: Notifier, round_s: float = ROUND_S) -> None:
        self.words: Callable[[], str] = lambda: "starts"
        """Tells how the desk is, in a few words."""
        self._notifier = notifier
        self._round_s = round_s

    async def run(self) -> None:
        """Tell that it lives, for ever."""
        await signs_of_life(self._notifier, lambda: self.words(), round_s=self._round_s)

    def ready(self) -> None:
        """Its pages are served."""
        self._notifier.tell("READY=1")

    def stopping(self) -> None:
        """It ends."""
        self._notifier.tell("STOPPING=1")

    def close(self) -> None:
        """Tell no more."""
        self._notifier.close()
