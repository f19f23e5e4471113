"""What systemd-analyze says of units: whether they are ones, and how exposed each would be."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contract.errors import SiagaError
from siaga.system.unit import Service, Timer

_TIMEOUT_S: Final = 60
_OVERALL: Final = re.compile(r"Overall exposure level for (\S+): ([0-9.]+)")
_NOT_HERE: Final = re.compile(r"Command (\S+) is not executable")


class AnalyzeError(SiagaError):
    """systemd-analyze is not here or gave no answer: says what to install."""


def exposures(services: Sequence[Service]) -> dict[str, float]:
    """Return for each unit's file how exposed it is, from 0 to 10, as of its text.

    Raises:
        AnalyzeError: There is no systemd-analyze, or it told nothing of a unit.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = _write(Path(folder), services)
        told = _analyze("security", "--offline=true", "--no-pager", *paths).stdout
    # It tells of a template as of its instance `i`.
    found = {name.replace("@i.", "@."): float(value) for name, value in _OVERALL.findall(told)}
    for service in services:
        if service.file not in found:
            raise AnalyzeError(f"systemd-analyze security says nothing of {service.file}")
    return found


def unsound(units: Sequence[Service | Timer]) -> list[str]:
    """Return what `systemd-analyze verify` finds wrong, but programs that are not installed here.

    Raises:
        AnalyzeError: There is no systemd-analyze.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = _write(Path(folder), units)
        done = _analyze("verify", "--man=no", *paths)
    # Of the machine's own units it tells too.
    names = tuple(unit.file.replace("@.", "@") for unit in units)
    lines = [line for line in done.stderr.splitlines() if line.startswith(names) or folder in line]
    return [line.replace(f"{folder}/", "") for line in lines if not _NOT_HERE.search(line)]


def _write(folder: Path, units: Sequence[Service | Timer]) -> list[str]:
    paths = []
    for unit in units:
        path = folder / unit.file
        path.write_text(unit.text(), encoding="utf-8")
        paths.append(str(path))
    return paths


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except FileNotFoundError:
        raise AnalyzeError("systemd-analyze is not installed: apt install systemd") from None
