"""A broker's files in their folder: what is written, whose it is, and what is left when it cannot be."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provisioning.authority import Authority
from provisioning.brokers import render
from provisioning.brokers.accounts import ensure_password, ensure_share_group, read_password
from provisioning.brokers.apply import Applied, apply, render_broker
from provisioning.brokers.cli import app
from provisioning.brokers.families import up
from provisioning.brokers.placing import place
from provisioning.brokers.running import reload
from provisioning.errors import KeyFileError, UnusableError
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from tests.provisioning.brokers.stand import WITNESS, Stand, await_listening, free_broker, make_authority

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority for the whole module."""
    return make_authority(tmp_path_factory.mktemp("made") / "authority", ["box-1"])


@pytest.fixture
def authority(made: Authority, tmp_path: Path) -> Authority:
    """Return a copy of it that nothing was rendered in."""
    subprocess.run(["cp", "-a", str(made.folder), str(tmp_path / "authority")], check=True)
    return Authority.open(tmp_path / "authority")


def test_all_that_is_secret_is_for_its_owner_only(authority: Authority) -> None:
    files = render_broker(authority.folder, "telemetry", revoked=[], broker=free_broker("telemetry"))
    private = [files.folder / name for name in (render.PASSWORDS, render.KEY, render.DEVICE_ACL, render.CENTRE_ACL)]
    for path in (*private, *files.passwords.values(), authority.accounts / "collector.group"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert set(files.passwords) == {"bell", "books", "collector-1", "desk", "provisioning", "wall"}


def test_rendering_again_changes_nothing(authority: Authority) -> None:
    broker = free_broker("alarm")
    first = render_broker(authority.folder, "alarm", revoked=[], broker=broker)
    assert len(first.changed) == 5
    before = {path.name: path.stat().st_ino for path in first.folder.iterdir()}
    assert not render_broker(authority.folder, "alarm", revoked=[], broker=broker).changed
    assert {path.name: path.stat().st_ino for path in first.folder.iterdir()} == before


def test_revoking_changes_the_device_acl_alone(authority: Authority) -> None:
    render_broker(authority.folder, "alarm", revoked=[])
    (done,) = apply(authority.folder, ["box-1"])
    assert done == Applied("alarm", frozenset({render.DEVICE_ACL}), reloaded=None, restart=False)


def test_a_password_lost_on_disk_is_made_again_and_the_others_stay(authority: Authority) -> None:
    files = render_broker(authority.folder, "alarm", revoked=[])
    lines = (files.folder / render.PASSWORDS).read_text().splitlines()
    desk = read_password(files.passwords["desk"])
    files.passwords["desk"].unlink()
    again = render_broker(authority.folder, "alarm", revoked=[])
    assert again.changed == {render.PASSWORDS}
    assert read_password(files.passwords["desk"]) != desk
    after = (files.folder / render.PASSWORDS).read_text().splitlines()
    assert [old == new for old, new in zip(lines, after, strict=True)] == [True, False, True]


def test_a_password_that_others_may_read_is_refused(tmp_path: Path) -> None:
    ensure_password(tmp_path, "desk")
    path = tmp_path / "accounts" / "desk.password"
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        ensure_password(tmp_path, "desk")


def test_a_password_that_vault_encrypted_is_named_and_nobody_is_told_to_delete_it(authority: Authority) -> None:
    password = authority.accounts / "desk.password"
    command = ["render", "--folder", str(authority.folder)]
    assert CliRunner().invoke(app, command).exit_code == 0
    vaulted = "$ANSIBLE_VAULT;1.1;AES256\n6231336539666234306139\n"
    password.write_text(vaulted)
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 78
    assert f"{password}: encrypted by Ansible Vault; run: ansible-vault decrypt {password}" in told.stderr
    assert "where the clear files are; delete nothing" in told.stderr
    assert password.read_text() == vaulted


@pytest.mark.parametrize("text", ["", "\n", "short\n", "a" * 40 + ":\n", "a" * 40 + "\n\n", "é" * 40 + "\n"])
def test_what_is_no_password_of_ours_is_refused(tmp_path: Path, text: str) -> None:
    ensure_password(tmp_path, "desk")
    path = tmp_path / "accounts" / "desk.password"
    path.write_text(text)
    with pytest.raises(UnusableError, match="no password of 32"):
        ensure_password(tmp_path, "desk")


def test_the_share_group_is_made_once(tmp_path: Path) -> None:
    assert ensure_share_group(tmp_path) == ensure_share_group(tmp_path)


def test_without_a_certificate_nothing_is_rendered(tmp_path: Path) -> None:
    authority = Authority.init(tmp_path / "authority")
    with pytest.raises(UnusableError, match=r"broker\.pem: no such file; first: siaga provision"):
        render_broker(authority.folder, "alarm", revoked=[])
    assert not authority.broker_folder("alarm").exists()


def test_a_replaced_file_keeps_its_group_but_gives_others_nothing(tmp_path: Path) -> None:
    path = tmp_path / render.DEVICE_ACL
    path.write_text("old")
    path.chmod(0o644)
    assert place(tmp_path, {render.DEVICE_ACL: "new"}, "mosquitto") == {render.DEVICE_ACL}
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.read_text() == "new"


def test_nothing_is_replaced_when_one_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old a")
    (tmp_path / ".new-b").mkdir()  # in the way of the second temporary
    with pytest.raises(UnusableError):
        place(tmp_path, {"a": "new a", "b": "new b"}, "mosquitto")
    assert (tmp_path / "a").read_text() == "old a"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".new-b", "a"]


@AS_ROOT
def test_what_root_replaces_stays_its_owners(tmp_path: Path) -> None:
    path = tmp_path / render.DEVICE_ACL
    path.write_text("old")
    os.chown(path, 65534, 65534)
    place(tmp_path, {render.DEVICE_ACL: "new"}, "mosquitto")
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


@pytest.fixture
def host() -> Iterator[Path]:
    """Yield a folder that Mosquitto's own user can enter, unlike the authority's and pytest's."""
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@AS_ROOT
@pytest.mark.slow
def test_mosquitto_started_by_root_becomes_its_user_and_reads_its_files_at_start_and_reload(
    authority: Authority, host: Path, tmp_path: Path
) -> None:
    at = host / "alarm"
    broker = free_broker("alarm").model_copy(update={"user": "mosquitto", "at": str(at)})
    files = render_broker(authority.folder, "alarm", revoked=[], broker=broker, accounts=[WITNESS])
    subprocess.run(["cp", "-a", str(files.folder), str(at)], check=True)
    process = Process(["mosquitto", "-c", str(at / render.CONFIG)], name="as-mosquitto", folder=tmp_path)
    process.start()
    try:
        await_listening(process, broker)
        assert Path(f"/proc/{process.pid}").stat().st_uid == pwd.getpwnam("mosquitto").pw_uid
        with Stand(authority, files, process).box("box-1") as box:
            assert box.publish(up("box-1")[1], b"x") == 0x10
            place(at, {render.DEVICE_ACL: render.render_device_acl(["box-1"])}, "mosquitto")
            assert reload(at) == process.pid
            deadline = time.monotonic() + 5
            while box.publish(up("box-1")[1], b"x") != 0x87:
                assert time.monotonic() < deadline, process.output()
    finally:
        process.stop()


@pytest.mark.slow
def test_a_broker_that_is_just_starting_is_told_and_not_ended(authority: Authority, tmp_path: Path) -> None:
    files = render_broker(authority.folder, "alarm", revoked=[], broker=free_broker("alarm"))
    for _ in range(12):
        (files.folder / render.PID_FILE).unlink(missing_ok=True)
        process = Process(["mosquitto", "-c", str(files.config)], name="starting", folder=tmp_path)
        process.start()
        while reload(files.folder) is None:
            assert process.running, process.output()
        await_listening(process, files.broker)
        with Stand(authority, files, process).box("box-1") as box:
            box.ping()
        process.stop()
        assert process.returncode == 0, "it heard the signal and was there for the box"


def test_the_commands_render_and_apply(authority: Authority) -> None:
    run = CliRunner()
    folder = str(authority.folder)
    first = run.invoke(app, ["render", "--folder", folder, "--account", "collector-2"])
    assert first.exit_code == 0, first.output
    assert "user centre.collector-2\n" in (authority.broker_folder("telemetry") / render.CENTRE_ACL).read_text()
    assert run.invoke(app, ["render", "--folder", folder]).stdout.count("nothing to change") == 2
    assert "user centre.collector-2\n" in (authority.broker_folder("telemetry") / render.CENTRE_ACL).read_text()
    authority.revoke("box-1", "stolen")
    assert run.invoke(app, ["apply", "--folder", folder]).stdout.count("wrote device.acl; not running here") == 2
    wrong = run.invoke(app, ["render", "--folder", folder, "--account", "janitor"])
    assert wrong.exit_code == 78
    assert "no such service; known: " in wrong.stderr


def test_settings_are_read_from_the_brokers_own_folder(authority: Authority) -> None:
    port = free_port()
    home = authority.broker_folder("alarm")
    (home / "broker.toml").write_text(f"device_port = {port}\n")
    run = CliRunner()
    assert run.invoke(app, ["render", "--folder", str(authority.folder), "--lane", "alarm"]).exit_code == 0
    assert f"listener {port}\n" in (home / render.CONFIG).read_text()
    (home / "broker.toml").write_text("device_prot = 1\n")
    wrong = run.invoke(app, ["render", "--folder", str(authority.folder), "--lane", "alarm"])
    assert wrong.exit_code == 78
    assert "broker.toml:1: device_prot: no such key" in wrong.stderr
