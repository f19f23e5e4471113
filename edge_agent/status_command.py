"""`siaga edge status`: ask the running agent; when none runs, read what waits on the card."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.parse import quote

from contract.errors import EX_CONFIG, BodyError, ConfigError
from contract.messages import Press, decode
from edge_agent.config import BoxSettings, load_box_settings
from edge_agent.status import AgentStatus, BoxStatus, CardStatus, FileStatus, waiting_presses
from edge_agent.status_socket import MAX_BYTES, Place, SilentAgentError, ask, places
from edge_agent.status_texts import Language, default_language
from edge_agent.status_words import in_words

NOT_RUNNING: Final = 3
"""Exit status when no agent runs; the card was read. As LSB's `status` has it."""
UNKNOWN: Final = 4
"""Exit status when an agent is there but gave no answer that can be used. As LSB's `status` has it."""

_WATCH_S: Final = 1.0
_FILES: Final = ("alarms.db*", "telemetry.db*")
_BATCH_TABLES: Final = {"batch", "kept"}
"""`batch` is what version 0.1 wrote; an agent that starts moves it."""


def run_status(
    config: Path,
    *,
    as_json: bool,
    out: TextIO,
    watch: bool = False,
    language: Language | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Print how a box is; return the exit status (0, 3, 4 or 78).

    Args:
        config: The box's configuration, `box.toml`.
        as_json: Whether to print one JSON object (`BoxStatus`) a line instead of words.
        out: Where to print.
        watch: Look again each second until interrupted; then the exit status is that of the last look.
        language: Of the words; None: the terminal's.
        pause: Waits so many seconds between two looks.
    """
    try:
        settings = load_box_settings(config)
    except ConfigError as error:
        print(f"siaga edge: {error}", file=sys.stderr)
        return EX_CONFIG
    tried = places(settings.data_dir, settings.runtime_dir, os.environ)
    code = UNKNOWN
    try:
        while True:
            # The screen is cleared only once there is something to put on it.
            clear = "\033[H\033[J" if watch and not as_json and out.isatty() else ""
            try:
                box = _look(settings, tried)
            except (SilentAgentError, BodyError) as error:
                hint = "; is it of another version? restart it" if isinstance(error, BodyError) else ""
                print(f"{clear}siaga edge: {error}{hint}", file=sys.stderr)
                code = UNKNOWN
            else:
                words = (
                    json.dumps(box.model_dump(mode="json"), ensure_ascii=False)
                    if as_json
                    else in_words(box, str(config), language or default_language())
                )
                print(clear + words, file=out, flush=True)
                code = 0 if box.agent is not None else NOT_RUNNING
            if not watch:
                return code
            pause(_WATCH_S)
    except KeyboardInterrupt:
        return code


def _look(settings: BoxSettings, tried: list[Place]) -> BoxStatus:
    folder = settings.data_dir
    answer = ask(tried)
    agent = None if answer is None else decode(AgentStatus, answer, max_bytes=MAX_BYTES)
    card = read_card(folder) if agent is None else None
    return BoxStatus(device=settings.device, data_dir=str(folder), agent=agent, card=card, files=_files(folder))


def read_card(folder: Path) -> CardStatus:
    """Return what waits in the outbox files; they are only read, and what cannot be read is told in `faults`."""
    found: dict[str, Any] = {}
    faults: list[str] = []
    for name, read in (("alarms.db", _read_presses), ("telemetry.db", _read_batches)):
        path = folder / name
        try:
            if path.exists():
                found |= _read(path, read)
        except (OSError, sqlite3.Error) as error:
            faults.append(f"{path}: {error}")
    return CardStatus(**found, faults=faults)


def _read(path: Path, read: Callable[[sqlite3.Connection], dict[str, Any]]) -> dict[str, Any]:
    wal = path.with_name(path.name + "-wal")
    # Without a WAL the file has everything, and SQLite need not make files beside it to read it.
    how = "mode=ro" if wal.exists() and wal.stat().st_size else "immutable=1"
    with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?{how}", uri=True, timeout=1.0)) as connection:
        return read(connection)


def _read_presses(connection: sqlite3.Connection) -> dict[str, Any]:
    unreadable = connection.execute("SELECT count(*) FROM unreadable").fetchone()[0]
    presses: list[Press] = []
    count = 0
    for (body,) in connection.execute("SELECT body FROM press ORDER BY rowid"):
        count += 1
        try:
            presses.append(decode(Press, body if isinstance(body, bytes) else b""))
        except BodyError:
            unreadable += 1
    return {"presses": count, "unreadable": unreadable, "waiting": waiting_presses(presses)}


def _read_batches(connection: sqlite3.Connection) -> dict[str, Any]:
    found = {"batches": 0, "readings": 0}
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for table in sorted(there & _BATCH_TABLES):
        batches, readings = connection.execute(f"SELECT count(*), coalesce(sum(readings), 0) FROM {table}").fetchone()
        found = {"batches": found["batches"] + batches, "readings": found["readings"] + readings}
    return found


def _files(folder: Path) -> list[FileStatus]:
    files = []
    for path in sorted(path for pattern in _FILES for path in folder.glob(pattern)):
        try:
            files.append(FileStatus(name=path.name, size_bytes=path.stat().st_size))
        except FileNotFoundError:
            continue  # a WAL comes and goes
    return files
