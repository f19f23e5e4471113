"""Who was woken how often: pages at night, by person, in the last seven days. Pure; time is given."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from duty_desk.incidents.entries import PageEntry
from duty_desk.incidents.records import Record

SPAN_NS: Final = 7 * 86_400 * 10**9
NIGHT_FROM: Final = 22
NIGHT_UNTIL: Final = 6
"""Night is from 22:00 to 06:00 by the local clock."""
MAX_PAGES: Final = 20_000
"""Pages at night remembered, the latest."""


@dataclass(frozen=True, slots=True)
class Woken:
    """How often somebody was paged at night, for different incidents, and answered such a page; in how many nights."""

    who: str
    paged: int
    answered: int
    nights: int


@dataclass(frozen=True, slots=True)
class _Page:
    at_ns: int
    who: str
    incident_id: str
    answered: bool


class Fatigue:
    """The pages at night.

    Args:
        zone: Whose night it is.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._pages: deque[_Page] = deque(maxlen=MAX_PAGES)

    def take(self, record: Record) -> None:
        """Take a record; what is no page of an incident to somebody at night says nothing."""
        entry = record.entry
        if not isinstance(entry, PageEntry) or entry.incident_id is None:
            return
        who = record.text("who")
        if who is None or entry.outcome not in ("handed", "delivered", "answered") or not self._at_night(entry.at_ns):
            return
        self._pages.append(_Page(entry.at_ns, who, entry.incident_id, entry.outcome == "answered"))

    def woken(self, now_ns: int) -> list[Woken]:
        """Return who was woken in the last seven days, the most often first."""
        lately = [page for page in self._pages if now_ns - SPAN_NS < page.at_ns <= now_ns]
        found = []
        for who in sorted({page.who for page in lately}):
            own = [page for page in lately if page.who == who]
            found.append(
                Woken(
                    who,
                    paged=len({page.incident_id for page in own}),
                    answered=len({page.incident_id for page in own if page.answered}),
                    nights=len({self._night(page.at_ns) for page in own}),
                )
            )
        return sorted(found, key=lambda each: (-each.answered, -each.paged, each.who))

    def _local(self, at_ns: int) -> datetime:
        return datetime.fromtimestamp(at_ns // 10**9, self._zone)

    def _at_night(self, at_ns: int) -> bool:
        hour = self._local(at_ns).hour
        return hour >= NIGHT_FROM or hour < NIGHT_UNTIL

    def _night(self, at_ns: int) -> int:
        """Return the number of a night, which goes over midnight."""
        local = self._local(at_ns)
        return local.toordinal() - (local.hour < NIGHT_UNTIL)
