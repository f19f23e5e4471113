"""Nobody follows a machine that could not be judged, also when it is not there to be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ansible.roles import play

_PLAY = """\
- name: Boxes, two at a time
  hosts: all
  gather_facts: false
  serial: 2
  tasks:
    - name: Who is changed together
      ansible.builtin.set_fact:
        upgrade_together: "{{ ansible_play_batch }}"
    - name: What only one of them survives
      ansible.builtin.raw: "true"
    - name: Nobody was lost on the way
      ansible.builtin.include_role:
        name: siaga.platform.upgrade
        tasks_from: together.yml
    - name: Who goes on
      ansible.builtin.debug:
        msg: "goes on: {{ inventory_hostname }}"
"""


@pytest.mark.slow
def test_whoever_is_not_reached_any_more_stops_those_that_would_follow(tmp_path: Path) -> None:
    here = {"ansible_connection": "local"}
    # Nobody listens there.
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    done = play(tmp_path, _PLAY, {"hosts": {"box-1": here, "box-2": away, "box-3": here}})

    assert "goes on: " not in done.stdout, done.stdout + done.stderr
    assert "box-1: done, but box-2, changed at the same time, is not reached any more" in done.stdout
