"""`siaga provision revoke` and `restore`: recorded, written for the brokers, and told to those that run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.topics import ROOT
from provisioning.brokers.families import up
from tests.provisioning.brokers.stand import make_authority, running
from tests.provisioning.test_cli_ca import run

NOT_AUTHORIZED = 0x87


def test_without_a_broker_it_is_recorded_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    authority = make_authority(folder, ["box-1"])
    told = run("revoke", "box-1", "--reason", "stolen", "--folder", folder)
    assert told == "box-1 is revoked\nno broker was rendered in this folder, so none was told\n"
    assert authority.revoked == {"box-1"}
    assert run("revoke", "box-1", "--reason", "again", "--folder", folder).startswith("box-1 was revoked already\n")
    stored = json.loads((folder / "authority.json").read_bytes())["revocations"]
    assert [(each["device"], each["reason"]) for each in stored] == [("box-1", "stolen")]
    assert run("restore", "box-1", "--folder", folder).startswith("box-1 is restored\n")
    assert run("restore", "box-1", "--folder", folder).startswith("box-1 was not revoked\n")
    assert authority.revoked == frozenset()
    assert "no device box-2 is in the register" in run("revoke", "box-2", "--reason", "x", "--folder", folder, status=1)
    assert "no usable reason" in run("revoke", "box-1", "--reason", "", "--folder", folder, status=1)


@pytest.mark.slow
def test_a_running_broker_is_told_and_shuts_the_live_session_up(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    authority = make_authority(folder, ["box-1", "box-2"])
    with running(authority, "alarm") as stand, stand.box("box-1") as stolen, stand.box("box-2") as honest:
        stolen.subscribe(f"{ROOT}/down/box-1/#")
        told = run("revoke", "box-1", "--reason", "stolen", "--folder", folder)
        assert f"alarm broker: told (process {stand.process.pid})" in told
        while stolen.publish(up("box-1")[1], b"too late") != NOT_AUTHORIZED:
            pass  # until the broker has seen the signal
        assert honest.publish(up("box-2")[1], b"still here") != NOT_AUTHORIZED
        run("restore", "box-1", "--folder", folder)
        while stolen.publish(up("box-1")[1], b"back") == NOT_AUTHORIZED:
            pass
