"""The screen's units in the docs are units, its script is a script, and the page they open is a screen of the room."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[3]
DOCS = (REPO / "docs" / "walls.md").read_text()


def _block(after: str, language: str, number: int = 0) -> str:
    """Return a block of code in the docs, counted from a word on."""
    text = DOCS[DOCS.index(after) :]
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(blocks[number])


def _units() -> dict[str, str]:
    watch = "`/etc/systemd/system/siaga-screen-watch.service`"
    return {
        "siaga-screen.service": _block("`/etc/systemd/system/siaga-screen.service`", "ini"),
        "siaga-screen-watch.service": _block(watch, "ini"),
        "siaga-screen-watch.timer": _block(watch, "ini", 1),
    }


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_units_are_units(tmp_path: Path) -> None:
    for name, text in _units().items():
        # What they start is not installed where the tests run.
        assert "/usr/bin/cage" in text or "/usr/local/lib/siaga-screen-watch" in text or name.endswith(".timer")
        (tmp_path / name).write_text(re.sub(r"/usr/bin/cage|/usr/local/lib/siaga-screen-watch", "/bin/true", text))
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in _units())],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    ours = [line for line in told.stderr.splitlines() if "siaga-screen" in line]
    assert (ours, told.returncode) == ([], 0)


def test_the_address_is_that_of_a_screen_of_the_room() -> None:
    command = _units()["siaga-screen.service"].partition("ExecStart=")[2].partition("\nRestart")[0]
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
    script = tmp_path / "watch"
    script.write_text(_block("`/usr/local/lib/siaga-screen-watch`", "sh"))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "WALL": "http://wall.example:8090", "SCREEN": "7"}
    subprocess.run(["sh", str(script)], env=environment, cwd=tmp_path, check=True, timeout=30, capture_output=True)
    assert (tmp_path / "done").exists() is restarts
