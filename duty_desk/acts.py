"""What people do at the desk: each act becomes a record, which the desk lets happen.

Who may do what is decided before, by role (`access/roles.py`); what is possible is decided by the incident's state.
"""

from __future__ import annotations

from typing import Any

from duty_desk.desk import DutyDesk
from duty_desk.errors import AlreadyReportedError, UnknownIncidentError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import DeliveryKind, Report, Verb
from duty_desk.incidents.clock import Now
from duty_desk.incidents.entries import CancelReason
from duty_desk.incidents.records import Record


class Acts:
    """The acts, each returning the incident as the page takes it.

    All raise:
        UnknownIncidentError: There is no such incident in memory.
        LedgerFullError: Nothing more can be kept.

    Args:
        desk: The desk.
        now_ns: The centre's clock.
    """

    def __init__(self, desk: DutyDesk, now_ns: Now) -> None:
        self._desk = desk
        self._now_ns = now_ns

    def act(self, verb: Verb, incident_id: str, actor: Actor, *, note: str | None = None) -> dict[str, Any]:
        """Accept, answer, depart, resolve or close.

        An incident that is being handled can be closed in one act, which is written down as resolved, then closed.

        Raises:
            AlreadyAcceptedError: It is to be accepted, and somebody has it; the error names who.
            NotPossibleError: Its state does not allow it.
        """
        board = self._desk.board
        if verb == "close" and board.find(incident_id).state in ("accepted", "on_the_way"):
            self._desk.enact(board.act("resolve", incident_id, actor, self._now_ns()))
        return self._desk.enact(board.act(verb, incident_id, actor, self._now_ns(), note=note))

    def cancel(self, incident_id: str, actor: Actor, *, reason: CancelReason, note: str | None) -> dict[str, Any]:
        """Cancel an incident, with a reason.

        Raises:
            NotPossibleError: It is resolved or over.
        """
        record = self._desk.board.act("cancel", incident_id, actor, self._now_ns(), note=note, reason=reason)
        return self._desk.enact(record)

    def note(self, incident_id: str, actor: Actor, text: str) -> dict[str, Any]:
        """Write a note, at whatever state."""
        return self._desk.enact(self._desk.board.note(incident_id, actor, text, self._now_ns()))

    def remark(self, incident_id: str, actor: Actor, text: str) -> Record:
        """Write a note on an incident that is known to the ledger, whether memory has it or not."""
        board = self._desk.board
        record = board.remark(incident_id, actor, text, self._now_ns())
        try:
            board.find(incident_id)
        except UnknownIncidentError:
            self._desk.ledger.append(record)
        else:
            self._desk.enact(record)
        return record

    def report(self, report: Report, actor: Actor) -> dict[str, Any]:
        """Make an incident of a report; one that was sent before gives the incident it made.

        Raises:
            AlreadyReportedError: The incident it made is over for long.
        """
        known = self._desk.board.reported(report.key)
        if known is not None:
            return self._desk.view(known)
        gone = self._desk.board.reported_as(report.key)
        if gone is not None:
            raise AlreadyReportedError(gone)
        return self._desk.enact(self._desk.board.report(report, actor, self._now_ns()))

    def delivery(
        self, kind: DeliveryKind, incident_id: str, actor: Actor, *, key: str, painted_at_ns: int | None = None
    ) -> None:
        """Note how far a press came at a screen; a fact that was told before is not noted again."""
        record = self._desk.board.delivery(
            kind, incident_id, actor, self._now_ns(), key=key, painted_at_ns=painted_at_ns
        )
        if record is not None:
            self._desk.note(record)
