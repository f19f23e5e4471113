"""Tells when a siren of the demo begins to sound, and when it is silent again: nobody hears a simulated one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from simulator.control import BoardControl
from simulator.layout import SIREN, board_path
from simulator.panel import PanelError


class SirenWatch:
    """Looks at the boards of boxes that have a siren.

    Args:
        hardware: The folder of the boards.
        boxes: Those that have one.
    """

    def __init__(self, hardware: Path, boxes: Iterable[str]) -> None:
        self._hardware = hardware
        self._sounds = dict.fromkeys(boxes, False)

    def look(self) -> list[str]:
        """Return a line for each that changed since the last look."""
        told = []
        for box, before in self._sounds.items():
            try:
                with BoardControl(board_path(self._hardware, box)) as board:
                    now = board.lamp(SIREN).on
            except (OSError, PanelError, ValueError):
                continue  # the simulator is started again
            if now != before:
                told.append(f"{box}: the siren {'SOUNDS' if now else 'is silent'}")
            self._sounds[box] = now
        return told
