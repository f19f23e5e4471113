"""A secret that lies encrypted on the control machine is whole on its machine, and in no log on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ansible.roles import ANSIBLE

_SECRET = "a secret of nobody"
_PLAY = """\
- name: What comes of it
  hosts: all
  gather_facts: false
  tasks:
    - name: A file
      ansible.builtin.copy:
        src: "{{ city }}/desk.password"
        dest: "{{ city }}/placed"
        mode: "0600"
      no_log: true
    - name: A variable
      ansible.builtin.copy:
        content: "{{ duty_desk_settings }}"
        dest: "{{ city }}/desk.toml"
        mode: "0600"
      no_log: true
    - name: A certificate
      ansible.builtin.debug:
        msg: "{{ lookup('siaga.platform.certificate', city ~ '/desk.password') }}"
"""


@pytest.mark.slow
def test_files_and_variables_that_vault_encrypted_are_read_by_whoever_has_its_password(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("open\n")
    (tmp_path / "desk.password").write_text(_SECRET)
    (tmp_path / "secrets.yml").write_text(f"duty_desk_settings: 'token = \"{_SECRET}\"'\n")
    (tmp_path / "play.yml").write_text(_PLAY)
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg")}
    password = ("--vault-password-file", tmp_path / "vault")

    def run(program: str, *words: str | Path) -> str:
        command = [Path(sys.executable).with_name(program), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return f"{done.returncode} {done.stdout}{done.stderr}"

    assert run("ansible-vault", "encrypt", tmp_path / "desk.password", tmp_path / "secrets.yml", *password)[0] == "0"
    assert (tmp_path / "desk.password").read_text().startswith("$ANSIBLE_VAULT;")
    play = ("-i", "localhost,", "-c", "local", "-e", f"city={tmp_path}", "-e", f"@{tmp_path / 'secrets.yml'}")
    told = run("ansible-playbook", *play, *password, "-vvv", tmp_path / "play.yml")

    assert told[0] == "0", told
    assert _SECRET not in told
    assert (tmp_path / "placed").read_text() == _SECRET
    assert (tmp_path / "desk.toml").read_text() == f'token = "{_SECRET}"'
    assert "no certificate in PEM" in told, "it was decrypted, and is none"
