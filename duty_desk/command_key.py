"""The key that the desk signs its commands with: read once at the start, and what is wrong with it in words."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.errors import PrivateFileError
from contract.secret import refuse_others
from contract.signed import load_signing_key

MAKE_ONE: Final = 'siaga provision command-key make, then desk.toml: command_key = "desk.key"'
_MOST_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class CommandKey:
    """The key, or why there is none. Without both nobody asked for one."""

    key: Ed25519PrivateKey | None = None
    fault: str | None = None


NO_KEY: Final = CommandKey()
"""Nobody asked for one."""


def read_command_key(path: Path | None, *, sirens: bool) -> CommandKey:
    """Return the desk's command key. That it cannot be used keeps no desk from ringing: it is a fault on the pages.

    Args:
        path: Its file; None: desk.toml names none.
        sirens: Whether there are sirens to command.
    """
    if path is None:
        return CommandKey(fault=f"no box can be told to sound: {MAKE_ONE}") if sirens else NO_KEY
    try:
        with path.open("rb") as file:
            refuse_others(str(path), os.fstat(file.fileno()).st_mode)
            return CommandKey(load_signing_key(file.read(_MOST_BYTES)))
    except OSError as error:
        return CommandKey(fault=f"{path} cannot be read: {error.strerror}; {MAKE_ONE}")
    except PrivateFileError as error:
        return CommandKey(fault=str(error))
    except ValueError as error:
        return CommandKey(fault=f"{path}: {error}; {MAKE_ONE}")
