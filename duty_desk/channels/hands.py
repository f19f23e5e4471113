"""Hands one page over to a channel, with a limit on how long that takes and on how many do so at once."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from duty_desk.channels.channel import SEND_S, Channel, ChannelError, Page
from duty_desk.incidents.entries import PageOutcome
from duty_desk.within import within

MAX_AT_ONCE: Final = 32
"""Pages that one channel may be sending at once; what is due beyond that follows as they end."""
NO_ANSWER: Final = f"no answer within {SEND_S:g} s"

_log = logging.getLogger("siaga.desk.pager")


@dataclass(frozen=True, slots=True)
class Gone:
    """How a page went. `theirs`: it was this person's own address that failed, not the channel."""

    outcome: PageOutcome
    took_ms: int
    detail: str | None = None
    theirs: bool = False


class Hands:
    """The places of each channel, and who takes them.

    Args:
        monotonic_ns: The monotonic clock.
        send_s: What an attempt may take.
    """

    def __init__(self, monotonic_ns: Callable[[], int], send_s: float = SEND_S) -> None:
        self._monotonic_ns = monotonic_ns
        self._send_s = send_s
        self._taken: Counter[str] = Counter()

    def room(self, channel: str) -> int:
        """Return how many more pages a channel takes now."""
        return MAX_AT_ONCE - self._taken[channel]

    def take(self, channel: str) -> None:
        """Take a place, to be given back by `hand` or `give_back`."""
        self._taken[channel] += 1

    def give_back(self, channel: str) -> None:
        """Give back a place that was not used."""
        self._taken[channel] -= 1

    async def hand(self, page: Page, channel: Channel) -> Gone:
        """Hand a page over, for which a place was taken; return how that went, whatever happens in the channel.

        A channel that does not even end when it is told to is left behind, and keeps its place until it does.
        """
        began_ns = self._monotonic_ns()
        sending = asyncio.create_task(_handed(channel, page), name=f"desk-send-{channel.name}")
        sending.add_done_callback(lambda _: self.give_back(channel.name))
        try:
            known = await within(sending, self._send_s) and not sending.cancelled()
        finally:
            sending.cancel()
        outcome, detail, theirs = sending.result() if known else ("failed", NO_ANSWER, False)
        return Gone(outcome, (self._monotonic_ns() - began_ns) // 1_000_000, detail, theirs)


async def _handed(channel: Channel, page: Page) -> tuple[PageOutcome, str | None, bool]:
    try:
        handed = await channel.send(page)
    except ChannelError as error:
        return "failed", error.detail, error.gone
    except Exception as error:  # noqa: BLE001 - what one channel did not foresee must not keep the others from being used
        _log.exception("channel %s failed", channel.name)
        return "failed", type(error).__name__, False
    return "handed", handed.detail, False
