"""A ledger copied row by row to another place, whose chain is checked before a single row stands there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, insert, select

from duty_desk.errors import LedgerBrokenError, LedgerThereError
from duty_desk.incidents.records import Aside
from duty_desk.ledger.chain import Row, walk
from duty_desk.ledger.derived import mend
from duty_desk.ledger.place import Place
from duty_desk.ledger.tables import ASIDE, ENTRY, EPOCH, last_row, open_engine, read_rows, upgrade
from duty_desk.ledger.verify import Verdict, verify

_TOGETHER: Final = 1_000
_BUSY_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Moved:
    """What was copied: how many rows of the chain, how many texts beside it, and the check of it where it is now."""

    rows: int
    texts: int
    verdict: Verdict


def move(source: Place, target: Place, progress: Callable[[int], None] | None = None) -> Moved:
    """Copy a ledger; nobody writes to it meanwhile. The source stays as it is.

    Args:
        source: The ledger.
        target: An empty database, or a file that is not there.
        progress: Called now and then with the rows copied so far.

    Raises:
        LedgerBrokenError: The source, or the copy, is not whole: nothing stands at the target.
        LedgerThereError: There is a ledger at the target.
        SQLAlchemyError, OSError: One of both cannot be opened.
    """
    verify(source)
    if isinstance(target, Path):
        target.parent.mkdir(parents=True, exist_ok=True)
    with (
        open_engine(source, busy_timeout_ms=_BUSY_MS).begin() as old,
        open_engine(target, busy_timeout_ms=_BUSY_MS).begin() as new,
    ):
        upgrade(old)
        upgrade(new)
        if last_row(new) is not None:
            raise LedgerThereError(f"{target}: there is a ledger already")
        rows, texts = _copy(old, new, progress)
        _check(old, new)
    mend(open_engine(target, busy_timeout_ms=_BUSY_MS))
    return Moved(rows, texts, verify(target))


def _copy(old: Connection, new: Connection, progress: Callable[[int], None] | None) -> tuple[int, int]:
    rows = texts = 0
    source = read_rows(old)
    while some := list(islice(source, _TOGETHER)):
        new.execute(insert(ENTRY), [_entry(row) for row, _ in some])
        beside = [_text(row, name, aside) for row, asides in some for name, aside in asides.items()]
        if beside:
            new.execute(insert(ASIDE), beside)
        rows, texts = rows + len(some), texts + len(beside)
        if progress is not None:
            progress(rows)
    # What lamps are told must stay above what they were told before.
    epochs = [dict(row) for row in old.execute(select(EPOCH)).mappings()]
    if epochs:
        new.execute(insert(EPOCH), epochs)
    return rows, texts


def _check(old: Connection, new: Connection) -> None:
    """Check the copy as it stands in its own transaction.

    Raises:
        LedgerBrokenError: It is not what was copied.
    """
    first, last = last_row(old), walk(read_rows(new))
    if first != last:
        raise LedgerBrokenError(0 if last is None else last.sequence, "the copy does not end as the ledger does")
    counted = [connection.execute(select(func.count()).select_from(ASIDE)).scalar_one() for connection in (old, new)]
    if counted[0] != counted[1]:
        raise LedgerBrokenError(0 if last is None else last.sequence, f"{counted[1]} of {counted[0]} texts were copied")


def _entry(row: Row) -> dict[str, object]:
    return {"sequence": row.sequence, "previous": row.previous, "body": row.body, "hash": row.hash}


def _text(row: Row, name: str, aside: Aside) -> dict[str, object]:
    return {"sequence": row.sequence, "field": name, "salt": aside.salt, "text": aside.text}
