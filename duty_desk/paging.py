"""What the pager needs of the desk: steps, words, names, and acts of those who answer by a page."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from duty_desk.access.people import Account
from duty_desk.access.roles import may
from duty_desk.acts import Acts
from duty_desk.channels.channel import Answer
from duty_desk.channels.words import Language, page_words, trial_words
from duty_desk.desk import DutyDesk
from duty_desk.errors import DeskError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Board
from duty_desk.incidents.escalation import Rung
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.records import Record
from duty_desk.web.view import where

_SCREENS: Mapping[str, str] = {"sms": "SMS"}
"""What an act by a channel has for a screen; of any other channel its name with a capital letter."""

_log = logging.getLogger("siaga.desk.pager")


class PagingHost:
    """The desk, as the pager sees it.

    Args:
        desk: The desk.
        acts: What people do.
        accounts: Tells the accounts by name, as they are now.
        language: In which language pages speak.
    """

    def __init__(
        self, desk: DutyDesk, acts: Acts, accounts: Callable[[], Mapping[str, Account]], language: Language
    ) -> None:
        self._desk = desk
        self._acts = acts
        self._accounts = accounts
        self._language: Language = language

    @property
    def board(self) -> Board:
        """All incidents, as they are now."""
        return self._desk.board

    def ladder(self, incident: Incident) -> tuple[Rung, ...]:
        """Return the steps of an incident."""
        return self._desk.ringing.escalation.ladder(incident)

    def note(self, record: Record) -> None:
        """Write down, and let the board know."""
        self._desk.note(record)

    def words(self, incident: Incident, round_: int) -> tuple[str, str]:
        """Return title and text of a page."""
        return page_words(
            incident, where(incident, self._desk.places), self._language, self._desk.duty.zone, round_=round_
        )

    def trial_words(self, channel: str) -> tuple[str, str]:
        """Return title and text of a channel's test."""
        return trial_words(channel, self._language)

    def display(self, who: str) -> str:
        """Return the name of an account as people see it."""
        account = self._accounts().get(who)
        return who if account is None else account.display

    def answered(self, incident_id: str, who: str, answer: Answer, channel: str) -> None:
        """Let somebody accept by a page, or answer a press that joined; who may no longer do so does nothing."""
        account = self._accounts().get(who)
        if answer != "accept" or account is None or account.disabled or not may(account.role, "act"):
            return
        actor = Actor(account.display, account.role, _SCREENS.get(channel, channel.capitalize()))
        try:
            incident = self._desk.board.find(incident_id)
            if incident.unanswered:
                self._acts.act("accept" if incident.state == "open" else "answer", incident_id, actor)
        except DeskError as error:
            # It was accepted by somebody else in the same moment, or the ledger is full: the screens tell.
            _log.warning("an answer by %s comes to nothing: %s", channel, error)

    def paged(self, incident_id: str) -> None:
        """Take note that pages of an incident have news."""
        self._desk.paged.add(incident_id)
