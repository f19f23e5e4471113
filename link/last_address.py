"""The last address a name led to, in a small file: a box that boots while names cannot be looked up has it.

Rules:
- Written only when the address is another one than before: a card is not worn by reconnecting.
- A file that is missing, damaged, of another name or port, or on a card that cannot be read, is no address. A wrong
  address in it harms nobody: the broker must prove its name by its certificate (`trust`).
- Both functions may block for as long as the card stands still; they are called on a thread that nobody waits for.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any, Final

Address = tuple[socket.AddressFamily, Any]

_MAX_BYTES: Final = 1_000


def recall(path: Path, host: str, port: int) -> Address | None:
    """Return the address that `host` last led to, None when none is known."""
    try:
        with path.open("rb") as file:
            kept = json.loads(file.read(_MAX_BYTES))
        if (kept["host"], kept["port"]) != (host, port):
            return None
        found = socket.getaddrinfo(
            str(kept["address"]), port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    family, _, _, _, sockaddr = found[0]
    return family, sockaddr


def remember(path: Path, host: str, port: int, address: Address) -> None:
    """Keep an address; a card that does not take it keeps the one before."""
    if recall(path, host, port) == address:
        return
    text = json.dumps({"host": host, "port": port, "address": str(address[1][0])})
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(OSError):
        new.write_text(text + "\n", encoding="utf-8")
        os.replace(new, path)
