"""The desk's command key: made once, changed without a siren that is deaf in between, and nobody else's to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.command import KIND, seal
from contract.errors import ForgedError
from contract.identity import new_event_id
from contract.messages import Command
from contract.signed import load_signing_key, load_verifying_keys, verify
from provisioning.authority import Authority
from provisioning.command_keys import (
    begin_command_rotation,
    desk_key_file,
    finish_command_rotation,
    make_command_key,
    public_file,
)
from provisioning.errors import ExistsError, KeyFileError, RefusedError, UnusableError
from tests.provisioning.test_cli_ca import run


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return an authority."""
    return Authority.init(tmp_path / "ca")


def signed(authority: Authority) -> bytes:
    """Return a command as the desk would sign it now."""
    key = load_signing_key(desk_key_file(authority.folder).read_bytes())
    command = Command(id=new_event_id(), device="box-1", expires_at_ns=1, command="siren", on=False)
    return seal(command, key, version=1, issued_at_ns=1)


def trusted(public: bytes, envelope: bytes) -> bool:
    """Return whether a box with these public keys obeys."""
    try:
        verify(envelope, load_verifying_keys(public), device="box-1", kind=KIND, newer_than=None)
    except ForgedError:
        return False
    return True


def test_a_change_of_keys_is_trusted_at_each_step_and_the_old_key_no_more_at_the_end(authority: Authority) -> None:
    folder = authority.folder
    assert make_command_key(authority)
    assert not make_command_key(authority), "one that is there stays"
    first, by_first = public_file(folder).read_bytes(), signed(authority)
    assert trusted(first, by_first)
    begin_command_rotation(authority)
    both = public_file(folder).read_bytes()
    # The desk signs as before: boxes that have the new file and boxes that have the old one obey.
    assert trusted(first, signed(authority))
    assert trusted(both, signed(authority))
    with pytest.raises(ExistsError, match="under way"):
        begin_command_rotation(authority)
    finish_command_rotation(authority)
    assert trusted(both, signed(authority)), "a box that has the file of the change already trusts the new key"
    assert not trusted(first, signed(authority))
    last = public_file(folder).read_bytes()
    assert trusted(last, signed(authority))
    assert not trusted(last, by_first)
    with pytest.raises(RefusedError, match="no change of the command key"):
        finish_command_rotation(authority)
    assert sorted(path.name for path in desk_key_file(folder).parent.iterdir()) == ["commands.pub", "desk.key"]


def test_it_signs_no_configuration_and_a_change_of_the_authority_leaves_it(authority: Authority) -> None:
    make_command_key(authority)
    assert not trusted(authority.signing_public.read_bytes(), signed(authority))


def test_the_private_half_is_its_owners_alone_and_a_damaged_one_is_told(authority: Authority) -> None:
    make_command_key(authority)
    key = desk_key_file(authority.folder)
    assert (key.stat().st_mode & 0o777, public_file(authority.folder).stat().st_mode & 0o777) == (0o600, 0o644)
    key.write_bytes(key.read_bytes()[:40])
    with pytest.raises(KeyFileError, match="restore it from a backup"):
        make_command_key(authority)
    key.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        begin_command_rotation(authority)


def test_without_a_key_or_an_authority_it_is_said_what_to_do(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match="siaga provision command-key make"):
        begin_command_rotation(authority)
    folder = authority.folder
    told = run("command-key", "make", "--folder", folder)
    assert f'command_key = "desk.key": {desk_key_file(folder)}' in told
    assert f'command_keys = "commands.pub": {public_file(folder)}' in told
    assert "it stays" in run("command-key", "make", "--folder", folder)
    assert "finish" in run("command-key", "rotate", "--folder", folder)
    assert "restart it" in run("command-key", "finish", "--folder", folder)
    assert "no change" in run("command-key", "finish", "--folder", folder, status=1)
    assert "no authority here" in run("command-key", "make", "--folder", tmp_path, status=78)
