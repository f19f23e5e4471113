"""The pages that were sent, so that what comes back of one is understood. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from duty_desk.channels.attempts import Attempt
from duty_desk.channels.channel import Answer, Report
from duty_desk.incidents.entries import PageOutcome
from duty_desk.incidents.incident import Incident

MAX_SENT: Final = 20_000
"""Pages whose reports are understood, the latest; those of what is unanswered always are."""


@dataclass(slots=True)
class Sent:
    """What a page was about, and the last that was heard of it. Of a test `attempt` is None."""

    channel: str
    who: str | None
    attempt: Attempt | None
    outcome: PageOutcome | None = None
    answer: Answer | None = None

    def takes(self, report: Report) -> bool:
        """Take what came back, and return whether it is news: neither the same again, nor less than an answer was."""
        if (self.outcome, self.answer) == (report.outcome, report.answer):
            return False
        if self.outcome == "answered" and report.outcome != "answered":
            return False
        self.outcome, self.answer = report.outcome, report.answer
        return True


class SentPages:
    """The pages, by their ids."""

    def __init__(self) -> None:
        self._sent: OrderedDict[str, Sent] = OrderedDict()

    def keep(self, page: str, sent: Sent) -> None:
        """Remember a page."""
        self._sent[page] = sent
        while len(self._sent) > MAX_SENT:
            self._sent.popitem(last=False)

    def find(self, channel: str, page: str, incidents: Iterable[Incident]) -> Sent | None:
        """Return a page that went by this channel, or None when there is none that is known.

        Args:
            channel: By what a report of it came.
            page: Its id.
            incidents: Those that are not over, which know what was sent before the desk's start.
        """
        sent = self._sent.get(page) or self._recall(channel, page, incidents)
        return sent if sent is not None and sent.channel == channel else None

    def _recall(self, channel: str, page: str, incidents: Iterable[Incident]) -> Sent | None:
        for incident in incidents:
            since_ns = incident.unanswered_since_ns
            for each in incident.pages.values() if since_ns is not None else ():
                if each.page == page and each.channel == channel and since_ns is not None:
                    attempt = Attempt(incident.id, since_ns, each.step, each.round, channel, each.who)
                    sent = Sent(channel, each.who, attempt, each.outcome)
                    self.keep(page, sent)
                    return sent
        return None
