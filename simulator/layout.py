"""Where the simulator's devices are found in its folder, and what they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BUTTON: Final = "sos"
SIREN: Final = "siren"
"""The output of a board that stands for a siren."""

DUTY_ROOM: Final = "duty-room"
"""The board in the duty room: its output stands for the bell's siren, its button silences it."""

_CHIP: Final = "-board.tty"


def box_name(number: int) -> str:
    """Return the name of the n-th box, from 1."""
    return f"box-{number}"


def sensor_name(number: int) -> str:
    """Return the name of the n-th tracker of a box, from 1: `gps`, `gps-2`, …"""
    return "gps" if number == 1 else f"gps-{number}"


def board_path(folder: Path, box: str) -> Path:
    """Return the socket of a box's board."""
    return folder / f"{box}.sock"


def tracker_path(folder: Path, box: str, sensor: str) -> Path:
    """Return the tty of a box's tracker."""
    return folder / f"{box}-{sensor}.tty"


def chip_path(folder: Path, box: str) -> Path:
    """Return the tty of a box's microcontroller board."""
    return folder / f"{box}{_CHIP}"


def chip_boards(folder: Path) -> list[Path]:
    """Return the sockets of the boards in a folder that are microcontroller boards."""
    return sorted(board_path(folder, tty.name.removesuffix(_CHIP)) for tty in folder.glob(f"*{_CHIP}"))


def counts_path(folder: Path) -> Path:
    """Return the file the simulator leaves its own counts in when it stops."""
    return folder / "simulator.json"
