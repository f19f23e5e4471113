"""The box's own entry point: it imports what the agent needs and nothing more, and starts the same agent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from contract.errors import EX_CONFIG
from edge_agent.main import main
from siaga.demo.files import Identity, Ports, box_toml
from siaga.stack.ports import free_port
from siaga.stack.trust import Trust
from simulator.layout import box_name

REPO = Path(__file__).parents[2]
TOO_HEAVY = frozenset(
    [
        "typer",
        "click",
        "rich",
        "pygments",
        "shellingham",
        "hypothesis",
        "pytest",
        "fastapi",
        "starlette",
        "uvicorn",
        "uvloop",
        "sqlalchemy",
        "alembic",
        "aiohttp",
        "httpx",
        "pydantic_settings",
        "cryptography",
        "mqtt5",
        "serialx",
        "gpiod",
        "multiprocessing",
        "unittest",
        "siaga",
        "simulator",
        "provisioning",
        "collector",
        "duty_desk",
        "store",
    ]
)
"""What an agent with a simulated button and no tty has no use for."""

_STARTED = """
import runpy, sys
sys.argv = ["siaga-edge", "--config", sys.argv[1], "--log-level", "warning"]
try:
    runpy.run_module("edge_agent.main", run_name="__main__")
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def box_file(folder: Path) -> Path:
    """Write the configuration of a box with a simulated button and nobody to dial; return its path."""
    trust = Trust(folder / "authority")
    trust.issue_devices([box_name(1)])
    authority = trust.authority
    paths = authority.device_certificate(box_name(1)), authority.device_key(box_name(1))
    identity = Identity(authority.trust, (("certificate", str(paths[0])), ("key", str(paths[1]))))
    ports = Ports(*(free_port() for _ in range(7)))
    path = folder / "box.toml"
    path.write_text(box_toml(folder, folder / "hardware", box_name(1), 0, ports, identity))
    return path


@pytest.mark.slow
def test_a_started_agent_has_imported_nothing_that_a_box_has_no_use_for(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", _STARTED, str(box_file(tmp_path))]
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=env)
    data = tmp_path / box_name(1)
    try:
        # No board is there, so it is never ready; once its outboxes stand, all its parts run.
        while process.poll() is None and not (data / "telemetry.db").exists():
            signal.sigtimedwait([], 0.02)
    finally:
        process.send_signal(signal.SIGTERM)
    told, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors.decode()
    imported = set(told.decode().split())
    assert {"edge_agent", "aiomqtt", "pydantic"} <= imported
    assert sorted(imported & TOO_HEAVY) == []


def test_a_configuration_that_cannot_be_used_exits_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "none.toml")]) == EX_CONFIG
    assert "none.toml: cannot be read" in capsys.readouterr().err


def test_a_level_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--config", "box.toml", "--log-level", "loud"])
    assert ended.value.code == 2
    assert "debug" in capsys.readouterr().err


def test_the_command_is_installed() -> None:
    scripts = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["siaga-edge"] == "edge_agent.main:main"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json"])
def test_fault_43_a_log_disk_that_is_full_costs_lines_and_the_service_goes_on(tmp_path: Path, form: str) -> None:
    config = box_file(tmp_path)
    port = free_port()
    command = [sys.executable, "-P", "-m", "edge_agent.main", "--config", str(config), "--log-level", "debug"]
    command += ["--log-format", form, "--metrics-port", str(port)]
    with Path("/dev/full").open("wb") as full:
        env = {**os.environ, "PYTHONPATH": str(REPO)}
        process = subprocess.Popen(command, stdout=full, stderr=full, cwd=tmp_path, env=env)
    try:
        lost, deadline_s = 0.0, time.monotonic() + 20
        while lost < 5:
            assert time.monotonic() < deadline_s
            assert process.poll() is None, "nothing is told, and nothing ends"
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
                lost = float(answer.read().decode().split("\nsiaga_edge_log_lost_total ")[1].split()[0])
            signal.sigtimedwait([], 0.05)
        done = subprocess.run(
            [sys.executable, "-m", "siaga.main", "edge", "status", "--config", str(config)],
            capture_output=True,
            check=False,
            cwd=REPO,
            timeout=20,
        )
        assert done.returncode == 0, done.stderr
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
