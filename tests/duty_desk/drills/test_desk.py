"""A drill on a real desk: from the command to the report, with a real press in the middle of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from typing import Any

import pytest

from contract import topics
from contract.identity import new_event_id
from duty_desk.control import ask
from duty_desk.duty.past import read_past
from duty_desk.incidents.entries import DutyEntry
from tests.duty_desk.access.conftest import until
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.pages.conftest import act

pytestmark = pytest.mark.slow

SCRIPT = """
name = "Latihan Braga"
[[steps]]
device = "box-1"
button = "sos"
[[steps]]
at_s = 0.3
call = "accident"
note = "dua motor"
"""


async def drill(desk: Desk, *arguments: str) -> tuple[int, str]:
    """Run a command; return its status and what it said."""

    def run() -> subprocess.CompletedProcess[str]:
        command = [*desk.command("drill", *arguments), "--lang", "en"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    told = await asyncio.to_thread(run)
    return told.returncode, told.stdout + told.stderr


def asked(desk: Desk, what: dict[str, Any]) -> dict[str, Any]:
    """Ask the running desk."""
    return ask(desk.folder / "data", {"drill": what}, 10) or {}


async def until_open(desk: Desk, count: int) -> list[dict[str, Any]]:
    """Wait for so many open incidents, by when they came."""
    await until(lambda: len(opened(desk)) == count, 15)
    return opened(desk)


def opened(desk: Desk) -> list[dict[str, Any]]:
    """Return the open incidents, by when they came."""
    found = [one for one in desk.incidents() if one["state"] == "open"]
    return sorted(found, key=lambda one: one["received_at_ms"])


def ends(desk: Desk) -> list[str]:
    """Return how drills ended, by the ledger."""
    return [
        entry.detail or ""
        for entry in (record.entry for record in read_past(desk.ledger, time.time_ns()))
        if isinstance(entry, DutyEntry) and entry.what == "drill_ended"
    ]


async def test_from_the_command_to_the_report_and_a_real_press_pages_as_ever(desk: Desk) -> None:
    script = desk.folder / "braga.toml"
    script.write_text(SCRIPT)
    status, told = await drill(desk, "start", str(script))
    assert (status, "'Latihan Braga'" in told) == (0, True), told
    by_origin = {one["origin"]: one for one in await until_open(desk, 2)}
    pressed, called = by_origin["press"], by_origin["call"]
    assert (pressed["status"], called["status"]) == ("Exercise", "Exercise")
    assert pressed["ringing"]
    assert called["ringing"]

    again = {"start": {"name": "b", "steps": [{"device": "box-1", "button": "sos"}]}, "who": "x"}
    assert asked(desk, again) == {"error": "runs already", "detail": "Latihan Braga"}
    async with box(desk.alarm) as street:
        await street.alarm(press_body(event_id=new_event_id()))
        await street.receipt("stored")
    real = (await until_open(desk, 3))[-1]
    assert (real["status"], real["presses"], real["ringing"]) == ("Actual", 1, True)

    for one in (pressed, called):
        act(desk, one["id"], "accept")
    await until(lambda: asked(desk, {}) == {"runs": False}, 15)
    await until(lambda: ends(desk) == ["Latihan Braga: done"], 15)
    status, told = await drill(desk, "report", "--json")
    assert status == 0, told
    lines = [json.loads(line) for line in told.splitlines()]
    # A desk that stood still opens both at once.
    assert sorted((line["origin"], line["officer"], line["drill"]) for line in lines) == [
        ("call", "Petugas 1", "Latihan Braga"),
        ("press", "Petugas 1", "Latihan Braga"),
    ]
    assert all(line["accept_s"] >= 0 and line["depart_s"] is None for line in lines)


async def test_a_restart_ends_a_drill_with_a_line_in_the_ledger_and_every_page_knows_which_runs(desk: Desk) -> None:
    script = {"name": "Latihan malam", "steps": [{"device": "box-1", "button": "sos"}, {"at_s": 600, "call": "fire"}]}
    assert asked(desk, {"start": script, "who": "Pengawas 1"})["runs"]
    shown = desk.get("/api/beat")["drill"]
    assert (shown["name"], shown["steps"], shown["done"]) == ("Latihan malam", 2, 1)
    assert abs(shown["began_ms"] - desk.get("/api/beat")["now_ms"]) < 60_000
    assert desk.get("/healthz")["drill"] is True
    async with box(desk.alarm) as street:
        await street.wait(topics.HEARTBEAT, lambda beat: beat.get("drill") == "Latihan malam")
    assert ends(desk) == []
    desk.process.stop()
    desk.start()
    await until(lambda: len(opened(desk)) == 1, 15)
    await until(lambda: ends(desk) == ["Latihan malam: restarted"], 15)
    assert desk.get("/api/beat")["drill"] is None
    status, told = await drill(desk, "status")
    assert (status, "'Latihan malam' was ended by the desk's restart" in told) == (0, True), told
    status, told = await drill(desk, "report")
    assert (status, "ended by a restart of the desk" in told) == (0, True), told


async def test_a_live_drill_is_one_press_at_a_box_marked_as_an_exercise_and_over_with_its_answer(
    desk: Desk,
) -> None:
    async with box(desk.alarm) as street:
        status, told = await drill(desk, "start", "--box", "box-1", "--button", "sos")
        assert (status, "'box-1/sos'" in told) == (0, True), told
        (pressed,) = await until_open(desk, 1)
        assert (pressed["status"], pressed["origin"], pressed["presses"]) == ("Exercise", "press", 1)
        assert (pressed["device"], pressed["button"], pressed["ringing"]) == ("box-1", "sos", True)
        await street.wait(topics.HEARTBEAT, lambda beat: beat.get("drill") == "box-1/sos")
        street.received.clear()
        act(desk, pressed["id"], "accept")
        await until(lambda: asked(desk, {}) == {"runs": False}, 15)
        await street.wait(topics.HEARTBEAT, lambda beat: beat.get("drill") is None)
    assert len(desk.incidents()) == 1
    await until(lambda: [each.partition(":")[0] for each in ends(desk)] == ["box-1/sos"], 15)


async def test_what_cannot_begin_says_why(desk: Desk) -> None:
    status, told = await drill(desk, "start", "--box", "box-1", "--button", "no-such")
    assert (status, "box-1/no-such" in told) == (1, True)
    assert asked(desk, {"stop": True, "who": "x"})["error"] == "none runs"
    assert asked(desk, {"start": {"name": "b"}, "who": "x"})["error"] == "not understood"
    assert asked(desk, {"begin": 1})["error"] == "not understood"
    assert desk.incidents() == []
    desk.process.stop()
    status, told = await drill(desk, "status")
    assert (status, "siaga desk run" in told) == (3, True)
