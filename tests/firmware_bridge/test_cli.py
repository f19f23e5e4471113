"""`siaga bridge` on ports that answer nothing, and on the words it has for what a board tells."""

from __future__ import annotations

import subprocess
import sys

import pytest

from firmware_bridge.messages import UNKNOWN_BUTTON, Beat, EventKind, Hello, LineClass
from firmware_bridge.session import Told
from firmware_bridge.told import Happened
from firmware_bridge.told_words import told_text

HELLO = Hello(1, "siaga-1.0", "uno-328p", 2, 2, 2, 1, boots=3, reset_cause=2)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            HELLO,
            "board uno-328p, firmware siaga-1.0, protocol 1: "
            "2 buttons, 2 lines, 2 lamps, 1 sirens; start 3, reset cause 2",
        ),
        (
            Beat(61_500, (LineClass.NORMAL, LineClass.OPEN), 0b10, 1, 7),
            "up 62 s, lines normal, open, buttons down 1, 7 presses ever, 1 events wait",
        ),
        (Happened(7, EventKind.PRESS, 0, 1, 900_000_000, 4_000_000), "press 0: 1, number 7, 100 ms ago ±4"),
        (
            Happened(8, EventKind.PRESS, UNKNOWN_BUTTON, 1, None, None),
            "press an unknown button: 1, number 8, at an unknown moment",
        ),
        (Happened(9, EventKind.LINE, 1, LineClass.SHORT, None, None), "line 1: short, number 9, at an unknown moment"),
    ],
)
def test_what_a_board_tells_has_words(told: Told, words: str) -> None:
    assert told_text(told, 1_000_000_000).words("en") == words


@pytest.mark.slow
def test_a_port_that_is_not_there_is_told_with_what_to_do() -> None:
    port = "serial:///dev/none-such?baudrate=115200"  # as it stands in box.toml
    told = subprocess.run(
        [sys.executable, "-m", "siaga.main", "bridge", "monitor", port, "--seconds", "0.5", "--lang", "id"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert told.returncode == 0, told.stderr
    assert "port tidak dapat dibuka: periksa kabelnya" in told.stdout
    assert "(cannot be opened: No such file" in told.stdout
    assert "check cable and supply" in told.stdout or "boards here: " in told.stdout
