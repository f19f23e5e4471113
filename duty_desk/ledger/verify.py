"""The whole check of a ledger: its chain, the texts beside it, what was derived from it, and heads kept elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Final

from sqlalchemy import Connection, Select, inspect, select

from contract.errors import BodyError
from duty_desk.errors import DerivedError, LedgerBrokenError, NoHeadsError
from duty_desk.incidents.board import MAX_SEEN
from duty_desk.incidents.entries import Entry, parse_entry
from duty_desk.ledger.chain import Row, check_asides, check_row
from duty_desk.ledger.derived import clear, derive, follows, lost
from duty_desk.ledger.heads import Heads, Read
from duty_desk.ledger.place import Place
from duty_desk.ledger.tables import INCIDENT, INCIDENT_ROW, SEEN, open_reader, read_rows, scratch
from duty_desk.ledger.texts import Texts

_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """A ledger that is whole. `heads` is what was in the file of heads, None without one; `derived` is False where the
    derived tables are behind, which the desk mends at its next start.
    """

    rows: int
    head: str | None
    derived: bool
    heads: Read | None


def verify(path: Place, against: Iterable[str] | None = None, progress: Callable[[int], None] | None = None) -> Verdict:
    """Check a ledger beside a desk that may be writing it.

    Args:
        path: The SQLite file, or the database.
        against: Lines with heads that were kept elsewhere.
        progress: Called now and then with the rows checked so far.

    Raises:
        LedgerBrokenError: It names the first row that does not fit.
        HeadMissingError: The chain is whole in itself, but lacks a head that was told before.
        NoHeadsError: There is no head in `against`.
        DerivedError: The chain is whole, but a derived table says something else.
    """
    with scratch() as other:
        heads, texts = Heads(other), Texts(other)
        # Heads are read first: of what was told before the chain is looked at, it must have everything.
        read = None if against is None else heads.read(against)
        if read is not None and read.heads == 0:
            raise NoHeadsError(f"no head in {read.lines} lines: expected JSON lines with ledger_head or hash")
        engine = open_reader(path)
        with engine.connect() as connection:
            clear(other)
            last: Row | None = None
            for batch in _batches(_checked(connection, texts)):
                last = batch[-1][0]
                heads.seen([{"hash": row.hash, "sequence": row.sequence} for row, _ in batch])
                derive(other, [(row.sequence, entry) for row, entry in batch], last)
                if progress is not None:
                    progress(last.sequence)
            texts.check()
            heads.check()
            up_to_date = False
            if inspect(connection).has_table("derived"):
                if (missing := lost(connection)) is not None:
                    raise missing
                if up_to_date := follows(connection, last):
                    _compare(connection, other)
    return Verdict(0 if last is None else last.sequence, None if last is None else last.hash, up_to_date, read)


def _checked(connection: Connection, texts: Texts) -> Iterator[tuple[Row, Entry]]:
    """Yield each row with its entry, once it is known to fit.

    Raises:
        LedgerBrokenError: It names the first row that does not fit.
    """
    last: Row | None = None
    for row, asides in read_rows(connection):
        check_row(last, row)
        check_asides(row, asides)
        try:
            entry = parse_entry(row.body)
        except BodyError as error:
            raise LedgerBrokenError(row.sequence, str(error)) from None
        texts.row(row.sequence, entry, asides)
        yield row, entry
        last = row


def _batches(rows: Iterator[tuple[Row, Entry]]) -> Iterator[list[tuple[Row, Entry]]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _compare(connection: Connection, other: Connection) -> None:
    """Hold the derived tables against those just made of the chain.

    Raises:
        DerivedError: It names the first difference.
    """
    tables: list[tuple[str, Select[Any]]] = [
        ("incident", select(INCIDENT).order_by(INCIDENT.c.first)),
        ("incident_row", select(INCIDENT_ROW).order_by(INCIDENT_ROW.c.first, INCIDENT_ROW.c.sequence)),
        ("seen", select(SEEN).order_by(SEEN.c.sequence.desc(), SEEN.c.device, SEEN.c.key).limit(MAX_SEEN)),
    ]
    for name, query in tables:
        with (
            connection.execute(query, execution_options={"yield_per": _BATCH}) as found,
            other.execute(query, execution_options={"yield_per": _BATCH}) as expected,
        ):
            for one, two in zip_longest(found, expected):
                if one is None or two is None or tuple(one) != tuple(two):
                    raise DerivedError(name, _difference(one, two))


def _difference(found: Any, expected: Any) -> str:
    """Return where a derived row differs, and what the chain says."""
    if found is None:
        return f"a row is missing: {tuple(expected)}"
    if expected is None:
        return f"a row too many: {tuple(found)}"
    fields = [name for name in found._fields if getattr(found, name) != getattr(expected, name)]
    whose = f"incident {expected.id}: " if "id" in expected._fields else f"{tuple(expected)}: "
    return whose + ", ".join(
        f"{name} is {getattr(found, name)!r}, the chain says {getattr(expected, name)!r}" for name in fields
    )
