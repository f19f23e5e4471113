"""What the ledger keeps of who is on duty. Pure."""

from __future__ import annotations

from contract.time_quality import ClockSource
from duty_desk.incidents.entries import DutyEntry, DutyWhat
from duty_desk.incidents.records import Aside, Record


def duty_record(
    what: DutyWhat,
    *,
    at_ns: int,
    at_clock: ClockSource = "none",
    who: str | None = None,
    subject: str | None = None,
    incident_id: str | None = None,
    screen: str | None = None,
    detail: str | None = None,
) -> Record:
    """Return an entry with the names beside it.

    Args:
        what: What happened.
        at_ns: When, by the centre's clock.
        at_clock: What kept that clock.
        who: Who did it; None for the desk itself.
        subject: The account it is about.
        incident_id: The incident it is about.
        screen: At which screen.
        detail: Which shift, channel or fault, without names of people.
    """
    asides = {name: Aside.of(text) for name, text in (("who", who), ("subject", subject)) if text is not None}
    entry = DutyEntry(
        at_ns=at_ns,
        at_clock=at_clock,
        what=what,
        who=None if who is None else asides["who"].hash,
        subject=None if subject is None else asides["subject"].hash,
        incident_id=incident_id,
        screen=screen,
        detail=None if detail is None else detail[:120],
    )
    return Record(entry, asides)
