"""What can go wrong at the desk, by what the caller should do.

DeskError
├── UnknownIncidentError   no incident has this id
├── AlreadyAcceptedError   another officer has it; the name is in `officer`
├── AlreadyReportedError   a report of this key made an incident that is over; there is nothing to send again
├── NotPossibleError       the incident's state does not allow the action
├── LedgerFullError        so many records wait for the ledger that it takes no more; send again later
├── LedgerBrokenError      the chain does not fit from the row in `sequence` on: somebody changed it
├── HeadMissingError       the chain lacks a head that was told before: its end was cut off, or it was written anew
├── NoHeadsError           a file that should have heads has none: look whether it is the right one
├── DerivedError           the chain is whole, but a table derived from it says something else: make it anew
├── NothingToEraseError    no such text stands beside this incident's rows, or none any more
├── LeaseLostError         another desk of the pair owns what happens from now on; this one writes nothing more
├── LedgerThereError       a ledger stands already where one should be copied to; take an empty database
├── LedgerUnreadableError  what the ledger has cannot be told now; what memory has still can
├── NotOnDutyError         who is not on duty, nor soon, takes nothing over
├── ArchiveBusyError       so many searches wait that it takes no more, or one took too long; ask again, or for less
├── ChannelError           a page could not be handed over by this channel; the next one is used
├── NotCommandedError      a box was not commanded: there is no key, or it gave no answer; the text says which
├── DrillError             a drill cannot begin, or end; `code` says why
└── ContactError           where somebody is reached cannot be kept: `code` never changes, the text says what to do
"""

from __future__ import annotations

from contract.errors import SiagaError


class DeskError(SiagaError):
    """The root of what the desk raises."""


class UnknownIncidentError(DeskError):
    """No incident has this id."""

    def __init__(self, incident_id: str) -> None:
        self.incident_id = incident_id
        super().__init__(f"no incident {incident_id}")


class AlreadyAcceptedError(DeskError):
    """The incident was accepted before; `officer` has it."""

    def __init__(self, incident_id: str, officer: str) -> None:
        self.incident_id = incident_id
        self.officer = officer
        super().__init__(f"{officer} has already accepted this incident")


class AlreadyReportedError(DeskError):
    """A report of this key was recorded before; its incident is over and no longer in memory."""

    def __init__(self, incident_id: str) -> None:
        self.incident_id = incident_id
        super().__init__(f"this report was recorded before, as incident {incident_id}")


class NotPossibleError(DeskError):
    """The incident's state does not allow the action."""

    def __init__(self, incident_id: str, state: str, action: str) -> None:
        self.incident_id = incident_id
        self.state = state
        self.action = action
        super().__init__(f"{action} is not possible: the incident is {state}")


class LedgerFullError(DeskError):
    """So many records wait for the ledger that it takes no more."""


class LedgerBrokenError(DeskError):
    """The hash chain does not fit from this row on."""

    def __init__(self, sequence: int, reason: str) -> None:
        self.sequence = sequence
        self.reason = reason
        super().__init__(f"row {sequence}: {reason}")


class HeadMissingError(DeskError):
    """No row has a head that was told before. `last_row` is the last before it that the chain has, None for none."""

    def __init__(self, line: int, head: str, last_row: int | None) -> None:
        self.line = line
        self.head = head
        self.last_row = last_row
        before = "nor one told before it" if last_row is None else f"the last one told before it is of row {last_row}"
        super().__init__(f"line {line}: no row has the head {head}, {before}: rows were cut off or written anew")


class NoHeadsError(DeskError):
    """A file that should have heads has none."""


class DerivedError(DeskError):
    """A table derived from the chain does not follow from it."""

    def __init__(self, table: str, difference: str) -> None:
        self.table = table
        self.difference = difference
        super().__init__(f"table {table}: {difference}")


class NothingToEraseError(DeskError):
    """No such text stands beside the incident's rows."""


class LeaseLostError(DeskError):
    """Another desk of the pair has taken over."""


class LedgerThereError(DeskError):
    """There is a ledger already."""


class LedgerUnreadableError(DeskError):
    """The ledger cannot be read."""


class NotOnDutyError(DeskError):
    """Who is not on duty by the roster, nor within the hour, takes nothing over."""

    def __init__(self, login: str) -> None:
        super().__init__(f"{login} is not on duty, nor within the hour; the roster says who is: siaga desk roster show")


class ArchiveBusyError(DeskError):
    """Too many searches wait, or this one took too long."""


class ChannelError(DeskError):
    """A page could not be handed over. `detail` is a short reason without names, for the ledger and the screens.

    `gone`: this person's address is not valid any more (a subscription that ended), so that it is forgotten.
    """

    def __init__(self, detail: str, *, gone: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail[:120]
        self.gone = gone


class NotCommandedError(DeskError):
    """A box was not commanded: there is no key, or it gave no answer."""


class ContactError(DeskError):
    """An address or a push subscription cannot be kept. `code` never changes."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


class DrillError(DeskError):
    """A drill cannot begin, or end. `code` never changes; `detail` names what is meant."""

    def __init__(self, code: str, detail: str | None = None) -> None:
        self.code = code
        self.detail = detail
        super().__init__(code if detail is None else f"{code}: {detail}")
