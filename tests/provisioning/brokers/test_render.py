"""The texts of a broker's files."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.batch import MAX_BATCH_BYTES
from contract.errors import ConfigError
from contract.messages import MAX_ALARM_BYTES
from contract.settings import load_toml
from provisioning.brokers.families import matches
from provisioning.brokers.model import MODELS, Account, AccountError, AlarmBroker, Grant, account
from provisioning.brokers.render import (
    SALT_BYTES,
    password_fits,
    render_centre_acl,
    render_config,
    render_device_acl,
    render_password,
)

HOME = PurePosixPath("/etc/siaga/alarm")


def test_the_fleet_needs_two_lines() -> None:
    lines = [line for line in render_device_acl([]).splitlines() if line and not line.startswith("#")]
    assert lines == ["pattern write siaga/v1/up/%u/#", "pattern read siaga/v1/down/%u/#"]


def test_a_revoked_device_has_a_block_and_is_named_once() -> None:
    text = render_device_acl(["box-3", "box-1", "box-3"])
    assert text.endswith("\n\nuser box-1\ntopic deny #\n\nuser box-3\ntopic deny #\n")


@pytest.mark.parametrize("name", ["", "box\ntopic readwrite #", "Box", "box-1\n", "a" * 64, "+", "#", "box/1", "box 1"])
def test_no_name_writes_a_rule_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match="no device's name"):
        render_device_acl([name])
    with pytest.raises(AccountError):
        Account(name)


@pytest.mark.parametrize("topic", ["", "a b", "a\nuser x", "a%u"])
def test_no_topic_writes_a_rule_of_its_own(topic: str) -> None:
    with pytest.raises(AccountError):
        Grant("read", topic)


def test_an_account_without_grants_on_a_lane_is_not_there() -> None:
    accounts = [account("collector-1"), account("desk")]
    assert "centre.collector-1" not in render_centre_acl("alarm", accounts)
    assert "user centre.collector-1\ntopic read siaga/v1/up/+/telemetry\n" in render_centre_acl("telemetry", accounts)


def test_a_bell_only_reads_but_for_what_it_says_of_itself() -> None:
    bell = account("bell-2")
    written = {grant.topic for grant in (*bell.alarm, *bell.telemetry) if grant.direction == "write"}
    assert written == {"siaga/v1/bell/bell-2"}


@pytest.mark.parametrize("name", ["desk", "desk-2", "collector-17", "books", "bell", "provisioning", "wall"])
def test_a_service_is_known_by_its_role(name: str) -> None:
    assert account(name).username == f"centre.{name}"


@pytest.mark.parametrize("name", ["", "root", "desk-", "desk-x", "desktop", "collector-12345", "Desk"])
def test_an_unknown_service_is_refused(name: str) -> None:
    with pytest.raises(AccountError, match="no such service"):
        account(name)


def test_the_configuration_names_files_where_they_lie_on_the_brokers_host() -> None:
    text = render_config(AlarmBroker.model_validate({}), HOME)
    for name in ("device.acl", "centre.acl", "centre.passwd", "trust.pem", "broker.pem", "broker.key", "mosquitto.pid"):
        assert f" {HOME}/{name}\n" in text
    assert text.count("allow_anonymous false\n") == text.count("\nlistener ") == 2
    assert "allow_anonymous true" not in text
    assert "persistence false\n" in text


def test_what_the_lanes_carry_fits_their_largest_packet() -> None:
    alarm, telemetry = (model.model_validate({}).limits.packet_bytes for model in MODELS.values())
    assert MAX_ALARM_BYTES < alarm < MAX_BATCH_BYTES < telemetry


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("device_port = 0\n", r"broker.toml:1: device_port: .*; example: device_port = 8883"),
        ("centre_port = 8883\n", r"broker.toml:1: centre_port: must differ from device_port"),
        ('at = "etc"\n', r"broker.toml:1: at: "),
        ('at = "/etc\\nuser root"\n', r"broker.toml:1: at: "),
        ('device_bind = "0.0.0.0\\nallow_anonymous true"\n', r"broker.toml:1: device_bind: "),
        ('user = "mosquitto x"\n', r"broker.toml:1: user: "),
        ("[limits]\npacket_bytes = 12\n", r"broker.toml:2: limits.packet_bytes: "),
        ("device_prot = 1\n", r"broker.toml:1: device_prot: no such key"),
        ("limits = 3\n", r"broker.toml:1: limits: "),
        ('lane = "telemetry"\n', r"broker.toml:1: lane: "),
    ],
)
def test_a_mistake_in_the_settings_is_told_by_file_line_and_key(text: str, fault: str) -> None:
    from provisioning.brokers.apply import EXAMPLES

    with pytest.raises(ConfigError, match=fault):
        load_toml(text, AlarmBroker, source="broker.toml", examples=EXAMPLES)


def test_one_limit_may_be_given_and_the_others_stay() -> None:
    broker = load_toml("[limits]\nqueued_messages = 5\n", AlarmBroker, source="broker.toml")
    assert broker.limits.queued_messages == 5
    assert broker.limits.packet_bytes == AlarmBroker.model_validate({}).limits.packet_bytes


def test_a_model_is_frozen() -> None:
    with pytest.raises(ValidationError):
        AlarmBroker.model_validate({}).__setattr__("device_port", 1)


def test_a_password_line_is_as_mosquitto_passwd_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text("centre.desk:a long password\n")
    subprocess.run(["mosquitto_passwd", "-U", str(path)], check=True, capture_output=True)
    assert password_fits(path.read_text(), "centre.desk", "a long password")
    assert not password_fits(path.read_text(), "centre.desk", "another")
    assert not password_fits(path.read_text(), "centre.bell", "a long password")


@given(st.text(max_size=80))
def test_any_other_line_fits_no_password(line: str) -> None:
    assert not password_fits(line, "centre.desk", "password")


def test_a_rendered_password_fits_itself_alone() -> None:
    line = render_password("centre.desk", "one", bytes(SALT_BYTES))
    assert password_fits(line, "centre.desk", "one")
    assert not password_fits(line, "centre.desk", "two")


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a/#", "a", True),
        ("a/+", "a", False),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+/c", "a/b/c", True),
        ("a", "a/b", False),
        ("a/b", "a", False),
    ],
)
def test_a_filter_covers_what_the_standard_says(topic_filter: str, topic: str, expected: bool) -> None:
    assert matches(topic_filter, topic) is expected
