"""`broker check` passes what was rendered, and names the rule that a change by hand broke."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.topics import Lane
from provisioning.authority import Authority
from provisioning.brokers import render
from provisioning.brokers.apply import Rendered, render_broker
from provisioning.brokers.check import RULES, STARTS, check_broker, rendered
from provisioning.brokers.cli import app
from provisioning.brokers.model import LANES
from provisioning.brokers.trial import Trial
from tests.provisioning.brokers.stand import make_authority

pytestmark = pytest.mark.slow

Edit = Callable[[str], str]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority whose brokers' certificates are issued."""
    authority = make_authority(tmp_path_factory.mktemp("check") / "authority", ["box-1", "box-9"])
    authority.revoke("box-9", "stolen")
    return authority


def fresh(authority: Authority, lane: Lane) -> Rendered:
    """Return a lane's files as they are rendered, whatever a test did to them before."""
    for name in (render.DEVICE_ACL, render.CENTRE_ACL, render.PASSWORDS, render.TRUST, render.CONFIG):
        (authority.broker_folder(lane) / name).unlink(missing_ok=True)
    return render_broker(authority.folder, lane, revoked=authority.revoked)


@pytest.mark.parametrize("lane", LANES)
def test_every_rule_holds_for_what_is_rendered(authority: Authority, lane: Lane) -> None:
    files = fresh(authority, lane)
    before = {path.name: path.read_bytes() for path in files.folder.iterdir() if path.is_file()}
    results = list(check_broker(rendered(authority.folder, lane)))
    assert [one.rule for one in results] == [STARTS, *RULES]
    assert all(one.holds for one in results), results
    assert {path.name: path.read_bytes() for path in files.folder.iterdir() if path.is_file()} == before


def test_nobody_else_is_given_a_port_of_a_trial_before_its_broker_listens(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for any port, and whoever dials, gets another; a broker that names it listens."""
    files = fresh(authority, "alarm")
    refused: list[int] = []

    def ask(trial: Trial) -> None:
        for port in (trial.device_port, trial.centre_port):
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port))
            refused.append(port)
        start(trial)

    start = Trial._start
    monkeypatch.setattr(Trial, "_start", ask)
    with Trial(files) as trial, trial.checker() as checker:
        checker.ping()
        assert refused == [trial.device_port, trial.centre_port]


def replaced(old: str, new: str) -> Edit:
    """Return an edit that replaces every occurrence of a text that must be there."""

    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return edit


def added(more: str) -> Edit:
    """Return an edit that adds a text at the end."""
    return lambda text: text + more


def first_listener_without(line: str) -> Edit:
    """Return an edit that takes a line away where it stands first: in the devices' listener."""
    return lambda text: text.replace(line, "", 1)


BROKEN: dict[str, tuple[str, str, Edit]] = {
    "no certificate needed": (
        render.CONFIG,
        "device-certificate",
        first_listener_without("require_certificate true\n"),
    ),
    "old TLS": (
        render.CONFIG,
        "tls-version",
        lambda text: re.sub(r"ciphers .*\n", "ciphers ALL:@SECLEVEL=0\n", text).replace("tlsv1.2", "tlsv1.1"),
    ),
    "patterns for reading gone": (render.DEVICE_ACL, "device-own-topics", replaced("pattern read", "#pattern read")),
    "all may write all": (render.DEVICE_ACL, "device-writes-no-other", added("pattern write siaga/v1/up/#\n")),
    "a broader pattern": (
        render.DEVICE_ACL,
        "device-writes-no-other",
        replaced("up/%u/#", "up/+/alarm\npattern write siaga/v1/up/%u/#"),
    ),
    "a device may write its lamp": (
        render.DEVICE_ACL,
        "device-writes-no-other",
        added("pattern write siaga/v1/down/%u/#\n"),
    ),
    "the heartbeat is for all": (
        render.DEVICE_ACL,
        "device-reads-no-other",
        added("pattern read siaga/v1/desk/heartbeat\n"),
    ),
    "all may read all": (render.DEVICE_ACL, "device-reads-no-other", added("pattern read #\n")),
    "client ids are free": (
        render.CONFIG,
        "device-client-id",
        first_listener_without("use_username_as_clientid true\n"),
    ),
    "anonymous services": (
        render.CONFIG,
        "service-login",
        lambda text: (
            text[: text.rindex("allow_anonymous false")]
            + text[text.rindex("allow_anonymous false") :]
            .replace("allow_anonymous false", "allow_anonymous true")
            .replace("use_username_as_clientid true\n", "")
        ),
    ),
    "a lost password": (render.PASSWORDS, "service-login", replaced("centre.desk:", "centre.nobody:")),
    "the bell may write": (
        render.CENTRE_ACL,
        "service-writes",
        replaced("user centre.bell\n", "user centre.bell\ntopic write siaga/v1/down/+/alarm/lamp\n"),
    ),
    "the desk may not write": (
        render.CENTRE_ACL,
        "service-writes",
        replaced("topic write siaga/v1/desk/heartbeat\n", ""),
    ),
    "the bell reads reports": (
        render.CENTRE_ACL,
        "service-reads",
        replaced("user centre.bell\n", "user centre.bell\ntopic read siaga/v1/up/+/report\n"),
    ),
    "the desk is deaf": (render.CENTRE_ACL, "service-reads", replaced("topic read siaga/v1/up/+/status/+\n", "")),
    "client ids of services are free": (
        render.CONFIG,
        "service-client-id",
        lambda text: "".join(text.rsplit("use_username_as_clientid true\n", 1)),
    ),
    "packets of any size": (render.CONFIG, "packet-limit", lambda text: re.sub(r"max_packet_size .*\n", "", text)),
    "a revoked device forgotten": (render.DEVICE_ACL, "revoked-devices", replaced("user box-9\ntopic deny #\n", "")),
    "nonsense in the configuration": (render.CONFIG, STARTS, added("no_such_option true\n")),
    "an open listener more": (render.CONFIG, STARTS, added("listener 1883\nallow_anonymous true\n")),
    "an ACL that does not parse": (render.DEVICE_ACL, STARTS, added("user\n")),
}


@pytest.mark.parametrize("change", BROKEN)
def test_a_broken_rule_is_named(authority: Authority, change: str) -> None:
    name, rule, edit = BROKEN[change]
    path = fresh(authority, "alarm").folder / name
    path.write_text(edit(path.read_text()))
    results = list(check_broker(rendered(authority.folder, "alarm")))
    assert (results[-1].rule, results[-1].holds) == (rule, False), results[-1]
    assert all(one.holds for one in results[:-1])


def test_an_acl_that_stands_elsewhere_is_not_reached_by_a_revocation(authority: Authority, tmp_path: Path) -> None:
    files = fresh(authority, "alarm")
    elsewhere = tmp_path / "elsewhere.acl"
    elsewhere.write_text((files.folder / render.DEVICE_ACL).read_text())
    files.config.write_text(re.sub(r"acl_file .*/device.acl", f"acl_file {elsewhere}", files.config.read_text()))
    last = list(check_broker(rendered(authority.folder, "alarm")))[-1]
    assert (last.rule, last.holds) == ("revocation", False)
    assert "still writes after 5 s" in last.detail


def test_the_command_prints_a_table_and_exits_1_naming_the_broken_rule(authority: Authority) -> None:
    for lane in LANES:
        fresh(authority, lane)
    run = CliRunner()
    good = run.invoke(app, ["check", "--folder", str(authority.folder)])
    assert good.exit_code == 0, good.output
    assert all(f"{rule} " in good.stdout for rule in RULES)
    path = authority.broker_folder("alarm") / render.DEVICE_ACL
    path.write_text(path.read_text() + "pattern read #\n")
    bad = run.invoke(app, ["check", "--folder", str(authority.folder), "--lane", "alarm"])
    assert bad.exit_code == 1
    assert bad.stderr.startswith("broken: device-reads-no-other on the alarm broker: ")
    assert run.invoke(app, ["check", "--folder", str(authority.folder), "--lane", "telemetry"]).exit_code == 0


def test_a_check_before_a_render_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", "--folder", str(tmp_path)])
    assert result.exit_code == 78
    assert "siaga provision broker render" in result.stderr
