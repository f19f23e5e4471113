"""The page that a screen's unit opens is a screen of the room, and its watch restarts a browser that stands still.

That the units are units: `tests/siaga/system/test_units.py`.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[3]


def test_the_address_is_that_of_a_screen_of_the_room() -> None:
    unit = (REPO / "systemd" / "siaga-screen.service").read_text(encoding="utf-8")
    command = unit.partition("ExecStart=")[2].partition("\nUser")[0]
    assert command.split()[-1] == "${WALL}/wall/${SCREEN}?kiosk"
    assert 'has("kiosk")' in (REPO / "dashboards" / "server" / "page" / "watch.js").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("told", "restarts"),
    [
        ({"7": {"state": "frozen", "since_ms": -100_000}}, True),
        ({"7": {"state": "gone", "since_ms": -100_000}}, True),
        ({"7": {"state": "frozen", "since_ms": -60_000}}, False),
        ({"7": {"state": "good", "since_ms": -900_000}}, False),
        ({"8": {"state": "gone", "since_ms": -900_000}}, False),
        (None, False),
    ],
)
def test_the_watch_restarts_a_browser_that_stands_still_and_no_other(
    tmp_path: Path, told: dict[str, dict[str, object]] | None, restarts: bool
) -> None:
    now_ms = int(time.time() * 1_000)
    for screen in (told or {}).values():
        screen["since_ms"] = now_ms + int(str(screen["since_ms"]))
    tools = {
        "systemctl": 'case "$1" in show) echo 0;; *) echo "$@" >> done;; esac',
        "curl": "exit 22" if told is None else f"echo '{json.dumps(told)}'",
        "logger": "exit 0",
        "cut": "echo 1000",
    }
    for name, text in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    script = REPO / "systemd" / "siaga-screen-watch"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "WALL": "http://wall.example:8090", "SCREEN": "7"}
    subprocess.run(["sh", str(script)], env=environment, cwd=tmp_path, check=True, timeout=30, capture_output=True)
    assert (tmp_path / "done").exists() is restarts
