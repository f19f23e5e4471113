"""Faults 22, 27 and 28: names that cannot be looked up, a clock at 1970, and one that is set back and forth."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract import topics
from contract.topics import Lane
from siaga.stack.mosquitto import Mosquitto
from tests.edge_agent.network_faults.street import BOX, LANES, Heard, Street, lamps, street

pytestmark = pytest.mark.slow

NAMED = """
import pathlib, socket, sys
down, really = pathlib.Path(sys.argv.pop(1)), socket.getaddrinfo
def look_up(host, port, **options):
    if options.get("flags"):  # an address in digits: nobody is asked
        return really(host, port, **options)
    if down.exists():
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return really("127.0.0.1", port, **options)
socket.getaddrinfo = look_up
from edge_agent.main import main
sys.exit(main())
"""
"""The agent, on a machine whose name server can be taken away by making a file."""

STEPPED = """
import pathlib, sys, time
step, really = pathlib.Path(sys.argv.pop(1)), time.time_ns
time.time_ns = lambda: really() + int(step.read_text()) * 10**9
time.time = lambda: time.time_ns() / 1e9
from edge_agent.main import main
sys.exit(main())
"""
"""The agent, on a machine whose wall clock can be set by writing seconds to a file.

libfaketime does that too (FAKETIME_TIMESTAMP_FILE), but on a busy machine it makes threads wait for one another for up
to seconds, and what is looked at here is timers.
"""


async def test_fault_22_without_names_the_last_good_address_is_used_after_a_restart_too(
    brokers: dict[Lane, Mosquitto], tmp_path: Path
) -> None:
    down = tmp_path / "down"
    command = [sys.executable, "-P", "-c", NAMED, str(down)]
    async with street(brokers, command=command, host="localhost") as box:
        box.ears.answers = {"alarm"}
        await box.start()
        files = [box.folder / BOX / f"{lane}.address" for lane in LANES]
        await box.comes(lambda: all(file.exists() for file in files), "the addresses are kept")
        written = [file.stat().st_mtime_ns for file in files]
        down.touch()
        for proxy in box.proxies.values():
            proxy.cut()
        await box.says(lambda agent: all(agent["sessions"][lane]["connects"] >= 2 for lane in LANES), "both are back")
        box.press()
        await box.ears.until(lambda: len(_events(box)) == 1, "the press")
        await asyncio.to_thread(box.agent.stop)
        await box.start()
        box.press()
        await box.ears.until(lambda: len(_events(box)) == 2, "the press of the new start")
        assert [file.stat().st_mtime_ns for file in files] == written, "an address that did not change was written"


def _events(box: Street) -> set[str]:
    return {heard.body["event_id"] for heard in box.ears.presses()}


def faketime(offset: str) -> dict[str, str]:
    """Return an environment in which a process takes its wall clock, and only that, so many seconds off."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    assert library is not None, "libfaketime is not installed; `make setup` does it"
    only_the_wall_clock = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    return {**os.environ, "LD_PRELOAD": str(library), **only_the_wall_clock, "FAKETIME": offset}


def _offset(moment: datetime) -> str:
    return f"{(moment - datetime.now(UTC)).total_seconds():+.0f}"


async def test_fault_27_at_1970_a_press_goes_at_once_with_its_age_and_readings_wait_for_a_clock(
    brokers: dict[Lane, Mosquitto],
) -> None:
    """Over TLS; nobody but the centre tells this box the time, and not before it is let to."""
    env = faketime(_offset(datetime(1970, 1, 1, 0, 5, tzinfo=UTC)))
    async with street(brokers, env=env) as box:
        began_s = time.time()
        await box.start()
        pressed_s = box.press()
        await box.ears.until(lambda: len(box.ears.presses()) >= 2, "the press, and the same again")
        first, again = box.ears.presses()[:2]
        assert first.at_s - pressed_s < 3.0
        for heard in (first, again):
            assert heard.body["clock"] == "none"
            # libfaketime may hold up a busy process between the two.
            assert -0.1 < heard.at_s - pressed_s - heard.body["age_ms"] / 1_000 < 3.0
        assert first.body["age_ms"] < again.body["age_ms"]
        box.ears.answers = {"alarm"}  # a press without receipt would hold them back too
        await box.says(lambda agent: agent["report"]["presses"]["waiting"] == 0, "the receipt")
        # Its first reading is as old as the agent; with a trusted clock it would be out after a second.
        said = await box.says(lambda agent: agent["running_s"] > 2.5, "two and a half seconds have passed")
        assert said["report"]["clock"] == "none"
        assert said["report"]["readings"]["waiting"] > 0
        assert box.ears.batches() == []
        await box.ears.say("alarm", topics.lamp(BOX), lamps(1, "off"))
        await box.ears.until(box.ears.batches, "the readings")
        readings = box.ears.batches()[0].body["readings"]
        assert {reading["clock"] for reading in readings} == {"centre"}
        # A box has been told the time to within the way that the message took.
        assert all(began_s - 1.0 < reading["timestamp_ns"] / 1e9 < time.time() for reading in readings)
        assert "1970-01-01 00:0" in box.agent.output(), "the clock was not faked"


async def test_fault_28_a_clock_set_back_and_forth_moves_no_timer_and_no_timestamp(
    brokers: dict[Lane, Mosquitto], tmp_path: Path
) -> None:
    """A day back and ten years on: under a receiver at 5 Hz, and under a press that waits for its receipt."""
    clock = tmp_path / "step"
    clock.write_text("0")
    command = [sys.executable, "-P", "-c", STEPPED, str(clock)]
    async with street(brokers, command=command, rate_hz=5) as box:
        box.ears.answers = {"telemetry"}
        await box.start()
        await box.ears.until(box.ears.batches, "readings flow")
        for step_s in (-86_400, 10 * 365 * 86_400):
            _step(clock, step_s)
            seen = len(box.ears.batches())
            await box.ears.until(lambda seen=seen: len(box.ears.batches()) > seen, "readings go on")  # type: ignore[misc]
        pressed_s, pressed_ns = box.press(), time.time_ns()
        await box.comes(lambda: "press: sos" in box.agent.output(), "the press, told with the clock as it is")
        _step(clock, -86_400)
        await box.ears.until(lambda: len(box.ears.presses("telemetry")) >= 1, "the second path after 3 s")
        assert 2.9 < box.ears.presses("telemetry")[0].at_s - pressed_s < 5.0
        presses = box.ears.presses()
        assert all(abs(heard.body["pressed_at_ns"] - pressed_ns) < 2e9 for heard in presses)
        assert all(-0.1 < heard.at_s - pressed_s - heard.body["age_ms"] / 1_000 < 3.0 for heard in presses)
        stamps = [reading["timestamp_ns"] for heard in _in_order(box.ears.batches()) for reading in heard]
        assert all(earlier <= later for earlier, later in itertools.pairwise(stamps))
        assert all(abs(stamp - time.time_ns()) < 60e9 for stamp in stamps)
        years = {int(line[:4]) for line in box.agent.output().splitlines() if line[:2] == "20"}
        assert max(years) - min(years) >= 9, "the clock was not faked"


def _step(clock: Path, step_s: int) -> None:
    new = clock.with_suffix(".new")
    new.write_text(str(step_s))
    new.rename(clock)


def _in_order(batches: list[Heard]) -> list[list[dict[str, int]]]:
    """Return the receiver's readings, batch by batch, each batch once."""
    by_number = {heard.body["batch"]: heard.body["readings"] for heard in batches}
    return [
        [reading for reading in by_number[number] if reading["sensor"] == "gps" and reading["kind"] == "position"]
        for number in sorted(by_number)
    ]
