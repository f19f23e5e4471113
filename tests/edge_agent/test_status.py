"""`siaga edge status` on a real agent between real brokers, and on what it left when it is gone."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract.errors import EX_CONFIG
from edge_agent.alarm_lane import SINGLE_PRESSES
from edge_agent.books import KILLED, LOST, POWER_CUT
from edge_agent.clock import EARLIEST_NS
from edge_agent.life_keeper import NOT_KEPT, UNREADABLE
from edge_agent.status import AgentStatus, BoxStatus
from edge_agent.status_command import NOT_RUNNING, UNKNOWN, read_card, run_status
from edge_agent.status_words import in_words
from siaga.demo.files import Identity, Ports, box_toml
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process
from siaga.stack.trust import Trust
from simulator.control import BoardControl
from simulator.layout import board_path, box_name, sensor_name
from simulator.panel import PanelError
from tests.warm import WarmProcess

REPO = Path(__file__).parents[2]
BOX = box_name(1)


@dataclass(frozen=True)
class Site:
    """A box with its hardware and brokers; nobody receives what it sends."""

    folder: Path
    config: Path
    agent: Process

    def status(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Ask how the box is."""
        command = [sys.executable, "-m", "siaga.main", "edge", "status", "--lang", "en", "--config", str(self.config)]
        command += options
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=REPO)

    def told(self) -> tuple[int, dict[str, Any]]:
        """Return the exit status and the JSON of the same command, without a process of its own."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stderr(err):
            code = run_status(self.config, as_json=True, out=out)
        return code, json.loads(out.getvalue()) if out.getvalue() else {"error": err.getvalue()}

    def until(self, path: str, wanted: int = 1) -> dict[str, Any]:
        """Ask until a number of the answer is at least `wanted`; return the answer."""
        deadline = time.monotonic() + 15
        while True:
            code, box = self.told()
            value: Any = box
            for name in path.split("."):
                value = value.get(name) if value is not None else None
            if value is not None and value >= wanted:
                assert code == 0
                return box
            assert time.monotonic() < deadline, (code, box)
            time.sleep(0.02)

    def until_on_card(self, presses: int) -> None:
        """Wait until the card has so many presses, which wait from their moment on and are written a little later."""
        deadline = time.monotonic() + 15
        while (card := read_card(self.folder / BOX)).presses != presses:
            assert time.monotonic() < deadline, card
            time.sleep(0.02)


@pytest.fixture
def site(tmp_path: Path, trust: Trust, alarm_broker: Mosquitto, telemetry_broker: Mosquitto) -> Iterator[Site]:
    """Yield a box whose agent runs."""
    trust.issue_devices([BOX])
    authority = trust.authority
    lines = ("certificate", str(authority.device_certificate(BOX))), ("key", str(authority.device_key(BOX)))
    ports = Ports(alarm_broker.device_port, 0, telemetry_broker.device_port, 0, 0, 0, 0)
    hardware = tmp_path / "hardware"
    config = tmp_path / "box.toml"
    config.write_text(box_toml(tmp_path, hardware, BOX, 1, ports, Identity(authority.trust, lines)))
    options = ["--folder", str(hardware), "--boxes", "1", "--rate-hz", "10"]
    simulator = WarmProcess(
        [sys.executable, "-m", "siaga.main", "simulator", "run", *options], name="simulator", folder=tmp_path
    )
    edge_agent = [sys.executable, "-m", "edge_agent.main", "--config", str(config)]
    agent = WarmProcess(edge_agent, name="agent", folder=tmp_path)
    simulator.start()
    simulator.wait_ready()
    agent.start()
    agent.wait_ready()
    yield Site(tmp_path, config, agent)
    agent.stop()
    simulator.stop()


def words(agent: dict[str, Any] | None = None, **report: Any) -> str:
    """Return what a technician reads of an agent whose report says so."""
    books = {"produced": 0, "receipted": 0, "waiting": 0, "dropped": {}}
    told = {
        "device": BOX,
        "boot": "boot-1",
        "timestamp_ns": EARLIEST_NS,
        "clock": "ntp",
        "software": "1",
        "readings": books,
        "presses": books,
        "faults": {},
    } | report
    whole = {"pid": 1, "running_s": 1.0, "report": told, "sessions": {}, "outboxes": {}, "presses": []} | (agent or {})
    return in_words(BoxStatus(device=BOX, data_dir="/", agent=AgentStatus.model_validate(whole)), "box.toml")


def test_a_healthy_agent_is_told_nothing_to_do() -> None:
    assert "→" not in words()


def test_readings_that_a_kill_cost_are_told_and_where_to_look() -> None:
    told = words(readings={"produced": 7, "receipted": 0, "waiting": 0, "dropped": {LOST: 7}})
    assert "7 readings lost because the agent was killed" in told
    assert "journalctl" in told
    assert "DO NOT BALANCE" not in told


@pytest.mark.parametrize(
    ("fault", "said", "hint"),
    [
        (POWER_CUT, "power was cut: the last readings are lost", "check the power supply"),
        (KILLED, "how many readings are lost is not known", "runtime_dir"),
        (NOT_KEPT, "times are not kept on the card", "check the card"),
        (UNREADABLE, "times are not kept on the card", "check the card"),
    ],
)
def test_what_is_not_known_or_not_kept_says_what_to_do(fault: str, said: str, hint: str) -> None:
    told = words(faults={fault: 1})
    assert said in told
    assert hint in told.split("→")[-1]


def test_a_clock_that_nobody_set_and_counts_from_the_floor_is_told() -> None:
    told = words({"clock_floor": True}, clock="none")
    assert "NOT trusted yet" in told
    assert "the time counts from where the last run ended" in told
    assert "it needs NTP, a GPS fix, or the centre's link" in told


def test_a_button_that_chatters_is_told() -> None:
    told = words({"chattering": {"sos": 41}})
    assert "button sos CHATTERS: 41" in told
    assert "check the button and its cable" in told


def press(site: Site) -> None:
    with BoardControl(board_path(site.folder / "hardware", BOX)) as board:
        board.press(hold_ms=20)


def balances(books: dict[str, Any]) -> bool:
    return bool(books["produced"] == books["receipted"] + books["waiting"] + sum(books["dropped"].values()))


@pytest.mark.slow
def test_a_running_agent_tells_books_sessions_clock_and_what_waits(site: Site, telemetry_broker: Mosquitto) -> None:
    press(site)
    for lane in ("alarm", "telemetry"):
        site.until(f"agent.sessions.{lane}.connects")
    site.until("agent.report.presses.waiting")
    site.until_on_card(1)
    box = site.until("agent.report.readings.waiting", wanted=5)
    agent = box["agent"]
    assert agent["pid"] == site.agent.pid
    assert balances(agent["report"]["readings"])
    assert balances(agent["report"]["presses"])
    assert [(one["button"], one["status"]) for one in agent["presses"]] == [("sos", "Actual")]
    assert agent["report"]["clock"] in ("gnss", "ntp")
    assert agent["report"]["sensors"][sensor_name(1)]["sentences"] > 0
    assert agent["sessions"]["telemetry"]["connected"]
    assert {file["name"] for file in box["files"]} >= {"alarms.db", "telemetry.db"}
    assert stat.S_IMODE((site.folder / BOX / "agent.sock").stat().st_mode) == 0o600
    telemetry_broker.kill()
    deadline = time.monotonic() + 10
    while site.told()[1]["agent"]["sessions"]["telemetry"]["connected"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    words = site.status()
    assert words.returncode == 0
    assert "NOT CONNECTED" in words.stdout
    assert "1 = 0 receipted + 1 waiting" in words.stdout
    assert "waiting: sos press Actual 20" in words.stdout
    assert "check the network and the broker" in words.stdout


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_without_an_agent_the_card_is_told_and_exit_3(site: Site, how: str) -> None:
    press(site)
    site.until_on_card(1)
    site.until("agent.report.readings.waiting", wanted=5)
    if how == "stopped":
        site.agent.stop()
    else:
        site.agent.kill()
    code, box = site.told()
    assert code == NOT_RUNNING
    assert box["agent"] is None
    assert box["card"]["presses"] == 1
    assert [one["button"] for one in box["card"]["waiting"]] == ["sos"]
    assert box["card"]["faults"] == []
    assert (box["card"]["readings"] >= 5) == (how == "stopped"), "a kill within 30 s: readings were in memory only"
    words = site.status()
    assert words.returncode == NOT_RUNNING
    assert "no agent runs" in words.stdout
    assert f"siaga-edge --config {site.config}" in words.stdout
    site.agent.start()
    site.agent.wait_ready()
    # What the last one left is in the way of nothing: the socket is bound anew.
    assert site.until("agent.report.presses.waiting")["agent"]["pid"] == site.agent.pid


@pytest.mark.slow
def test_a_chattering_button_and_no_desk_cost_33_rows_and_are_told(site: Site) -> None:
    with BoardControl(board_path(site.folder / "hardware", BOX)) as board:
        pressed = 0
        while pressed < SINGLE_PRESSES + 12:
            with suppress(PanelError):  # it is down still
                board.press(hold_ms=20)
                pressed += 1
            time.sleep(0.04)
    box = site.until("agent.chattering.sos")
    assert box["agent"]["report"]["presses"]["waiting"] == SINGLE_PRESSES + 1
    assert "button sos CHATTERS" in site.status().stdout
    site.until_on_card(SINGLE_PRESSES + 1)
    site.agent.kill()
    assert site.told()[1]["card"]["presses"] == SINGLE_PRESSES + 1


@pytest.mark.slow
def test_an_agent_that_stands_still_is_told_as_such_and_exit_4(site: Site) -> None:
    site.until("agent.pid")
    site.agent.freeze()
    begun = time.monotonic()
    done = site.status()
    site.agent.thaw()
    assert done.returncode == UNKNOWN
    assert "gave no answer within 3 s" in done.stderr
    assert time.monotonic() - begun < 30, "it waits for no more than that; to start takes a busy machine some seconds"
    done = site.status("--json")
    assert (done.returncode, json.loads(done.stdout)["agent"]["pid"]) == (0, site.agent.pid)


@pytest.mark.slow
def test_a_damaged_file_is_told(site: Site) -> None:
    site.until("agent.pid")
    site.agent.stop()
    (site.folder / BOX / "alarms.db").write_bytes(b"not a database" * 300)
    for beside in (site.folder / BOX).glob("alarms.db-*"):
        beside.unlink()  # a stop that a busy card holds up leaves its log, which has all that is lost
    code, box = site.told()
    assert code == NOT_RUNNING
    assert len(box["card"]["faults"]) == 1
    assert "alarms.db: file is not a database" in box["card"]["faults"][0]
    assert "FAULT" in site.status().stdout


@pytest.mark.slow
def test_a_configuration_that_cannot_be_used_exits_78_and_help_has_an_example(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "siaga.main", "edge", "status"]
    done = subprocess.run(
        [*command, "--config", str(tmp_path / "none.toml")], capture_output=True, text=True, check=False, cwd=REPO
    )
    assert done.returncode == EX_CONFIG
    assert "none.toml: cannot be read" in done.stderr
    told = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, cwd=REPO).stdout
    assert "Example: siaga edge status --config /etc/siaga/box.toml" in told
    assert "3 no agent runs" in " ".join(told.split())
