"""By what people can be reached, as their last pages went: tried, worked, confirmed, failed. Pure.

What is known of a channel and a person comes from the outcomes of pages, tests among them, as the ledger has them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from duty_desk.incidents.entries import DutyEntry, PageEntry
from duty_desk.incidents.records import Record

MAX_WAYS: Final = 10_000
"""Channels of people remembered; the one unused for longest makes room."""
CONSOLE: Final = "console"
"""What stands for the channel where somebody confirmed at a screen that they are there."""

WayState = Literal["untested", "working", "confirmed", "failed"]


@dataclass(slots=True)
class Way:
    """One channel of one person; times in ns by the centre's clock. `fault` is why the last page failed, or None."""

    tried_ns: int | None = None
    worked_ns: int | None = None
    confirmed_ns: int | None = None
    fault: str | None = None

    def state(self, since_ns: int) -> WayState:
        """Return what it is known to be since a moment; a failure counts however old it is."""
        if self.fault is not None:
            return "failed"
        if self.confirmed_ns is not None and self.confirmed_ns >= since_ns:
            return "confirmed"
        if self.worked_ns is not None and self.worked_ns >= since_ns:
            return "working"
        return "untested"


class Reach:
    """What is known of everybody's channels."""

    def __init__(self) -> None:
        self._ways: OrderedDict[tuple[str, str], Way] = OrderedDict()

    def take(self, record: Record) -> None:
        """Take a record of a page's outcome, or of a channel that was confirmed; others say nothing."""
        entry = record.entry
        if isinstance(entry, PageEntry):
            who = record.text("who")
            if who is not None and entry.outcome != "skipped":
                self._outcome(self._way(who, entry.channel), entry)
        elif isinstance(entry, DutyEntry) and entry.what == "channel_confirmed":
            who = record.text("subject")
            if who is not None and entry.detail is not None:
                self._confirmed(self._way(who, entry.detail), entry.at_ns)

    def way(self, who: str, channel: str) -> Way:
        """Return what is known of a person's channel."""
        return self._ways.get((who, channel)) or Way()

    def works(self, who: str, channels: Iterable[str], since_ns: int) -> bool | None:
        """Return whether one of the channels is known to work; None as long as one that may was not tried since.

        Without a channel nothing works.
        """
        states = {self.way(who, channel).state(since_ns) for channel in channels}
        if states & {"working", "confirmed"}:
            return True
        return None if "untested" in states else False

    def _outcome(self, way: Way, entry: PageEntry) -> None:
        way.tried_ns = entry.at_ns
        if entry.outcome == "failed":
            way.fault = entry.detail or "failed"
        elif entry.outcome == "answered":
            self._confirmed(way, entry.at_ns)
        else:
            way.worked_ns, way.fault = entry.at_ns, None

    def _confirmed(self, way: Way, at_ns: int) -> None:
        way.tried_ns = way.worked_ns = way.confirmed_ns = at_ns
        way.fault = None

    def _way(self, who: str, channel: str) -> Way:
        way = self._ways.setdefault((who, channel), Way())
        self._ways.move_to_end((who, channel))
        while len(self._ways) > MAX_WAYS:
            self._ways.popitem(last=False)
        return way
