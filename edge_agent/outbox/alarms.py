"""The outbox of presses: each is committed the moment it happens and deleted on its `stored` receipt.

Beside the presses it remembers, for each button, the edge of the press that is still held down: a box that restarts
under a pressed button knows whether it has this press already. Of each board it remembers, in the same commit, which of
its numbered presses are stored.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from contract.errors import BodyError
from contract.messages import Press, decode, encode
from edge_agent.alarm_lane import KeptPress
from edge_agent.outbox.writer import Writer

_SCHEMA = """
CREATE TABLE IF NOT EXISTS press (
    event_id TEXT PRIMARY KEY, body BLOB NOT NULL, boot TEXT NOT NULL, monotonic_ns INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS held (button TEXT PRIMARY KEY, boot TEXT NOT NULL, monotonic_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS board_press (port TEXT, number INTEGER, PRIMARY KEY (port, number));
CREATE TABLE IF NOT EXISTS unreadable (event_id TEXT PRIMARY KEY, body BLOB NOT NULL);
"""

MOST_BOARD_PRESSES = 128
"""Numbers kept of each board; it has at most 32 presses on the way."""

_FORGET_OLD = """
DELETE FROM board_press WHERE port = :port
AND number <= (SELECT max(number) FROM board_press WHERE port = :port) - :most
"""


@dataclass(frozen=True, slots=True)
class HeldButton:
    """The edge of a press whose button was not seen released."""

    boot: str
    monotonic_ns: int


class AlarmOutbox:
    """The file `alarms.db` in the data folder."""

    def __init__(self, folder: Path) -> None:
        self.writer = Writer(
            folder / "alarms.db", _SCHEMA, synchronous="FULL", salvaged=("press", "held", "board_press"), checked=True
        )
        self.board_presses: dict[str, list[int]] = {}
        """The numbers of the presses of each board that were stored, by its port, as `load` found them."""
        self.unreadable = 0
        """Presses set beside by `load`, because they could not be read."""

    async def load(self) -> tuple[list[KeptPress], dict[str, HeldButton]]:
        """Return the presses without receipt, oldest first, and the buttons held down.

        Raises:
            OutboxError: The file cannot be read.
        """
        presses, held, unreadable = await self.writer.run(_load)
        self.board_presses = await self.writer.run(_load_board_presses)
        self.unreadable += unreadable
        return presses, held

    async def add(self, kept: KeptPress, *, held: bool = True) -> None:
        """Commit a press, and (`held`) that its button is still held.

        Raises:
            OutboxError: It is not on the card.
        """
        row = (kept.press.event_id, encode(kept.press), kept.boot, kept.monotonic_ns)
        edge = (kept.press.button, kept.boot, kept.monotonic_ns)

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR IGNORE INTO press VALUES (?, ?, ?, ?)", row)
            if held:
                connection.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?)", edge)
            if kept.board is not None:
                connection.execute("INSERT OR IGNORE INTO board_press VALUES (?, ?)", kept.board)
                connection.execute(_FORGET_OLD, {"port": kept.board[0], "most": MOST_BOARD_PRESSES})

        await self.writer.run(job)

    async def forget_board(self, port: str) -> None:
        """Forget the numbers of a board that counts anew.

        Raises:
            OutboxError: They are still on the card.
        """
        await self.writer.run(lambda connection: connection.execute("DELETE FROM board_press WHERE port = ?", (port,)))

    async def remove(self, *event_ids: str) -> None:
        """Forget presses, in one commit.

        Raises:
            OutboxError: They are still on the card and will be sent again after a restart; the desk absorbs them.
        """

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM press WHERE event_id = ?", [(event_id,) for event_id in event_ids])

        await self.writer.run(job)

    async def released(self, button: str) -> None:
        """Forget that a button is held.

        Raises:
            OutboxError: As `remove`.
        """

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM held WHERE button = ?", (button,))

        await self.writer.run(job)


def _load(connection: sqlite3.Connection) -> tuple[list[KeptPress], dict[str, HeldButton], int]:
    presses = []
    unreadable = 0
    # By rowid, not by event id: its time is the wall clock's, which may have stood at 1970.
    query = "SELECT rowid, event_id, body, boot, monotonic_ns FROM press ORDER BY rowid"
    for row, event_id, body, boot, monotonic_ns in connection.execute(query).fetchall():
        press = _press(body)
        if press is not None and isinstance(boot, str) and isinstance(monotonic_ns, int):
            presses.append(KeptPress(press, boot, monotonic_ns))
            continue
        # Written by a newer version, or a bad sector: set beside, never in the way of the others.
        unreadable += 1
        connection.execute("INSERT OR REPLACE INTO unreadable VALUES (?, ?)", (event_id, body))
        connection.execute("DELETE FROM press WHERE rowid = ?", (row,))
    held = {
        button: HeldButton(boot, monotonic_ns)
        for button, boot, monotonic_ns in connection.execute("SELECT * FROM held").fetchall()
        if isinstance(boot, str) and isinstance(monotonic_ns, int)
    }
    return presses, held, unreadable


def _load_board_presses(connection: sqlite3.Connection) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for port, number in connection.execute("SELECT port, number FROM board_press").fetchall():
        if isinstance(port, str) and isinstance(number, int):
            found.setdefault(port, []).append(number)
    return found


def _press(body: object) -> Press | None:
    # A column of SQLite holds any type, whatever was declared.
    if not isinstance(body, bytes):
        return None
    try:
        return decode(Press, body)
    except BodyError:
        return None
