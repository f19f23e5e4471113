"""What the ledger keeps of who came, went, or changed who may come. Pure."""

from __future__ import annotations

from typing import Final

from contract.time_quality import ClockSource
from duty_desk.incidents.entries import AuditEntry, AuditWhat
from duty_desk.incidents.records import Aside, Record

UNKNOWN: Final = "?"
"""Stands for a typed name without an account: it may be a password in the wrong field."""


def audit_record(
    what: AuditWhat,
    *,
    who: str,
    at_ns: int,
    at_clock: ClockSource = "none",
    subject: str | None = None,
    screen: str | None = None,
    detail: str | None = None,
) -> Record:
    """Return an entry with the names beside it.

    Args:
        what: What happened.
        who: Who did it: an account's name, or `command line: <user of the machine>`.
        at_ns: When, by the centre's clock.
        at_clock: What kept that clock.
        subject: The account or token it was done to.
        screen: At which screen.
        detail: A fixed word, such as the new role.
    """
    asides = {"who": Aside.of(who)}
    if subject is not None:
        asides["subject"] = Aside.of(subject)
    entry = AuditEntry(
        at_ns=at_ns,
        at_clock=at_clock,
        what=what,
        who=asides["who"].hash,
        subject=asides["subject"].hash if subject is not None else None,
        screen=screen,
        detail=detail,
    )
    return Record(entry, asides)
