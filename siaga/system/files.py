"""The units' files in a folder: written, and compared with the table they are made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from siaga.system.units import SCRIPTS, UNITS

_SUFFIXES: Final = (".service", ".timer", ".socket", ".target")


def wanted() -> dict[str, str]:
    """Return the text of each unit by its file's name."""
    return {unit.file: unit.text() for unit in UNITS}


def differing(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """Return in one line each what in a folder is not as the table has it; empty: all is.

    Args:
        folder: The folder with the units.
        texts: What they should be, by file name.
    """
    told = []
    for name, text in texts.items():
        try:
            found = (folder / name).read_text(encoding="utf-8")
        except OSError as error:
            told.append(f"{name}: {error.strerror}")
            continue
        if found != text:
            told.append(f"{name}: not as the table has it")
    told += [f"{name}: is not there, but a unit starts it" for name in SCRIPTS if not (folder / name).is_file()]
    there = sorted(path.name for path in folder.glob("*") if path.suffix in _SUFFIXES)
    return told + [f"{name}: is in no table" for name in there if name not in texts]


def write(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """Write what differs, and take away units that the table no longer has; return the names of both.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    for path in sorted(folder.glob("siaga-*")):
        if path.suffix in _SUFFIXES and path.name not in texts:
            path.unlink()
            changed.append(path.name)
    return changed
