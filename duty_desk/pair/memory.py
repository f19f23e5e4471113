"""`pair.json` in the data folder: what a desk of two remembers of its own over a restart.

- `name`: whose it is. What was copied from another desk's folder tells nothing of who owned.
- `epoch`: the one it owned, until it stood down or gave it back. So its next run takes over from itself at once, and
  goes on alone where no database answers.
- `again`: it took over from itself and has not owned for a minute since. If it ends once more, the other comes first.
- `files`: of each mirrored file the version and hash it last had in common with the database.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

NAME: Final = "pair.json"


@dataclass
class Memory:
    """The file, as it is known. One thread at a time writes it."""

    path: Path
    name: str
    epoch: int | None = None
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    again: bool = False

    def save(self) -> None:
        """Write it, whole or not at all.

        Raises:
            OSError: It cannot be.
        """
        body = {
            "name": self.name,
            "epoch": self.epoch,
            "again": self.again,
            "files": {name: list(known) for name, known in self.files.items()},
        }
        replace_file(self.path, json.dumps(body).encode())


def read_memory(folder: Path, name: str) -> Memory:
    """Return what the desk of a name remembers; nothing where the file is missing or damaged, which costs some seconds.

    Of a file that came along from another desk it is what its copies are, and not who owned.
    """
    path = folder / NAME
    try:
        body: Any = json.loads(path.read_bytes())
        epoch = body["epoch"]
        files = {str(name): (int(version), str(sha256)) for name, (version, sha256) in body["files"].items()}
        whose = body.get("name")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Memory(path, name)
    if whose != name:
        return Memory(path, name, files=files)
    return Memory(path, name, epoch if isinstance(epoch, int) else None, files, body.get("again") is True)


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file in one step; it is on the disk when this returns. It is its folder's owner's.

    Raises:
        OSError: It cannot be written; the one before is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(made, mode)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(made, owner.st_uid, owner.st_gid)
        os.replace(made, path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
