"""Whether each text that a row names still stands beside it, or a later row tells of its erasure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from sqlalchemy import Connection, text

from duty_desk.errors import LedgerBrokenError
from duty_desk.incidents.entries import Entry, ErasedEntry, PersonErasedEntry
from duty_desk.incidents.records import Aside
from duty_desk.ledger.summary import incident_of

TEXTS: Final = ("officer", "address", "caller", "note", "who", "subject", "why")
"""The fields of entries that hold the hash of a text."""


class Texts:
    """The texts that are gone, held in a scratch database as a city may erase each year's.

    Args:
        connection: To a scratch database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.execute(text("CREATE TABLE gone (incident TEXT, field TEXT, sequence INTEGER)"))
        connection.execute(text("CREATE INDEX gone_incident ON gone (incident, field)"))
        connection.execute(text("CREATE INDEX gone_sequence ON gone (sequence)"))

    def row(self, sequence: int, entry: Entry, asides: Mapping[str, Aside]) -> None:
        """Take the next row: what is not beside it must have been erased by a later one."""
        incident = incident_of(entry)
        gone = [name for name in _names(type(entry)) if getattr(entry, name) is not None and name not in asides]
        if gone:
            self._connection.execute(
                text("INSERT INTO gone VALUES (:incident, :field, :sequence)"),
                [{"incident": incident, "field": name, "sequence": sequence} for name in gone],
            )
        if isinstance(entry, ErasedEntry):
            self._connection.execute(
                text("DELETE FROM gone WHERE incident = :incident AND field = :field"),
                [{"incident": incident, "field": name} for name in entry.fields],
            )

        if isinstance(entry, PersonErasedEntry):
            self._connection.execute(
                text("DELETE FROM gone WHERE sequence = :sequence AND field = :field"),
                [{"sequence": each, "field": entry.field} for each in entry.rows],
            )

    def check(self) -> None:
        """Check that each text that is gone was erased as it should be.

        Raises:
            LedgerBrokenError: It names the first row that lacks one.
        """
        first = self._connection.execute(
            text("SELECT sequence, field FROM gone ORDER BY sequence, field LIMIT 1")
        ).one_or_none()
        if first is not None:
            raise LedgerBrokenError(
                first.sequence, f"the {first.field} beside it is gone, and no later row tells that it was erased"
            )


@cache
def _names(entry: type[Entry]) -> tuple[str, ...]:
    return tuple(name for name in TEXTS if name in entry.model_fields)
