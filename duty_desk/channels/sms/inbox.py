"""What came by SMS and was no answer to a page, for people to read: a citizen, or the operator's advertisement."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from duty_desk.channels.sms.spool import Kept

_WAIT_S: Final = 2.0


def kept(path: Path, most: int) -> list[Kept]:
    """Return the latest messages that were not obeyed, the latest first; none without a file. It waits for the disk.

    Args:
        path: sms.db; only read, beside the desk and gammu-smsd.
        most: How many at most.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)) as file:
        rows = file.execute(
            "SELECT at_ns, number, text, verdict FROM siaga_reply WHERE verdict LIKE 'kept%'"
            " ORDER BY rowid DESC LIMIT ?",
            (most,),
        )
        return [Kept(*row) for row in rows]
