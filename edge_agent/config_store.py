"""The file `config.json` in the data folder: what a box remembers of pushed configurations (`config_state.py`).

It is written beside, synced and renamed, so that a kill or a power cut leaves the old or the new one, never a part.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from contract.messages import decode, encode
from edge_agent.config_state import ConfigState

NAME: Final = "config.json"
_MOST_BYTES: Final = 4 * 65_536
"""Two configurations, each of which came in 64 kB of JSON."""


class ConfigStore:
    """The file of a data folder. Its methods block, and may be called on any thread.

    Args:
        folder: The data folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._lock = threading.Lock()

    def read(self) -> ConfigState | None:
        """Return what is remembered, or None when nothing was ever pushed.

        Raises:
            OSError: The card cannot be read now.
            BodyError: The file is damaged.
        """
        try:
            with self.path.open("rb") as file:
                body = file.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            return None
        return decode(ConfigState, body, max_bytes=_MOST_BYTES)

    def write(self, state: ConfigState) -> None:
        """Put a state on the card.

        Raises:
            OSError: It may not be there; the one before it is, or it is.
        """
        beside = self.path.with_name(f".{NAME}.new")
        with self._lock:
            try:
                opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                with open(opened, "wb") as file:
                    file.write(encode(state))
                    file.flush()
                    os.fsync(opened)
                os.replace(beside, self.path)
            except OSError:
                with suppress(OSError):
                    beside.unlink()
                raise
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
