"""The signs of life that systemd hears of a service, told from the event loop that does its work.

Rules:
- A loop that stands still tells nothing, and systemd starts the service anew.
- Nothing else keeps it from telling: a broker or a store that does not answer is a fault in words, and a restart would
  mend none. So it is ready, too, when whom it connects to is away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from link.notify import Notifier

ROUND_S: Final = 2.0
READY_AT_LATEST_S: Final = 5.0
_MOST_CHARACTERS: Final = 200


async def tell_life(
    notifier: Notifier,
    words: Callable[[], str],
    connected: asyncio.Event,
    *,
    round_s: float = ROUND_S,
    ready_at_latest_s: float = READY_AT_LATEST_S,
) -> None:
    """Tell systemd that the service is ready, and from then on that it lives and how it is, for ever.

    Args:
        notifier: Whom to tell.
        words: Returns how the service is.
        connected: Set once it is connected; it is ready then.
        round_s: Between two signs of life, in seconds.
        ready_at_latest_s: After how many seconds it is ready in any case.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ready_at_latest_s):
            await connected.wait()
    notifier.tell("READY=1")
    await signs_of_life(notifier, words, round_s=round_s)


async def signs_of_life(notifier: Notifier, words: Callable[[], str], *, round_s: float = ROUND_S) -> None:
    """Tell systemd that the loop turns and how the service is, for ever; arguments as of `tell_life`."""
    while True:
        notifier.tell("WATCHDOG=1", f"STATUS={' '.join(words().split())[:_MOST_CHARACTERS]}")
        await asyncio.sleep(round_s)
