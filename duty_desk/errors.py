"""What can go wrong at the desk, by what the caller should do.

DeskError
├── UnknownIncidentError   no incident has this id
├── AlreadyAcceptedError   another officer has it; the name is in `officer`
├── NotPossibleError       the incident's state does not allow the action
├── LedgerFullError        so many records wait for the ledger that it takes no more; send again later
└── LedgerBrokenError      the chain does not fit from the row in `sequence` on: somebody changed it
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
