"""The stack's authority is the product's own: an operator's commands work on its folder."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from provisioning.cli import app
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust


def test_the_operators_commands_leave_a_broker_as_the_stack_made_it(tmp_path: Path, trust: Trust) -> None:
    broker = Mosquitto(tmp_path, "broker", trust, "alarm", limits={"inflight_messages": 7})
    made = broker.render()
    before = made.config.read_text()
    assert f"listener {broker.device_port} 127.0.0.1" in before
    assert "max_inflight_messages 7\n" in before
    for command in (["broker", "render", "--lane", "alarm"], ["broker", "apply"]):
        done = CliRunner().invoke(app, [*command, "--folder", str(trust.folder)])
        assert (done.exit_code, "nothing to change" in done.output) == (0, True), done.output
    assert made.config.read_text() == before
    assert trust.authority.broker_key("alarm").stat().st_uid == Path(tmp_path).stat().st_uid
