"""The hash chain of the ledger. Pure.

The hash of a row is the SHA-256 of its number, the hash before it and its canonical JSON, so that no row can be edited,
removed, inserted or moved without every later hash changing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from contract.errors import BodyError
from duty_desk.errors import LedgerBrokenError
from duty_desk.incidents.entries import parse_entry
from duty_desk.incidents.records import Aside

GENESIS = "0" * 64
"""What stands before the first row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the database has it: number from 1 on, hash before it, canonical JSON, its own hash."""

    sequence: int
    previous: str
    body: str
    hash: str


def row_hash(sequence: int, previous: str, body: str) -> str:
    """Return the hash of a row as 64 hexadecimal digits."""
    return hashlib.sha256(f"{sequence}\n{previous}\n{body}".encode()).hexdigest()


def link(previous: Row | None, body: str) -> Row:
    """Return the row that follows another."""
    sequence = 1 if previous is None else previous.sequence + 1
    before = GENESIS if previous is None else previous.hash
    return Row(sequence, before, body, row_hash(sequence, before, body))


def check_row(previous: Row | None, row: Row) -> None:
    """Check that a row follows another.

    Raises:
        LedgerBrokenError: It does not.
    """
    sequence = 1 if previous is None else previous.sequence + 1
    if row.sequence != sequence:
        raise LedgerBrokenError(row.sequence, f"row {sequence} is missing")
    if row.previous != (GENESIS if previous is None else previous.hash):
        raise LedgerBrokenError(row.sequence, "it does not follow the row before it")
    check_content(row)


def check_content(row: Row) -> None:
    """Check that a row has the hash of its content.

    Raises:
        LedgerBrokenError: It has not.
    """
    if row.hash != row_hash(row.sequence, row.previous, row.body):
        raise LedgerBrokenError(row.sequence, "its content was changed")


def check_asides(row: Row, asides: dict[str, Aside]) -> None:
    """Check that the texts beside a row are those whose hashes it holds; an erased one is fine.

    Raises:
        LedgerBrokenError: One is not.
    """
    if not asides:
        return
    try:
        entry = parse_entry(row.body)
    except BodyError as error:
        raise LedgerBrokenError(row.sequence, str(error)) from None
    for name, aside in asides.items():
        if getattr(entry, name, None) != aside.hash:
            raise LedgerBrokenError(row.sequence, f"the {name} beside it was changed")


def walk(rows: Iterable[tuple[Row, dict[str, Aside]]]) -> Row | None:
    """Check a whole chain; return its last row, or None when it is empty.

    Raises:
        LedgerBrokenError: It names the first row that does not fit.
    """
    last: Row | None = None
    for row, asides in rows:
        check_row(last, row)
        check_asides(row, asides)
        last = row
    return last
