"""The roles as Ansible reads them, within this process: defaults, specifications, templates; and a play that is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

ANSIBLE: Final = Path(__file__).parents[2] / "ansible"
COLLECTION: Final = ANSIBLE / "collections/ansible_collections/siaga/platform"
ROLES: Final = COLLECTION / "roles"


@cache
def loader() -> Any:
    """Return Ansible's reader of files, which knows our collection."""
    init_plugin_loader([str(ANSIBLE / "collections")])
    return DataLoader()


def names() -> list[str]:
    """Return the names of all roles."""
    return sorted(path.name for path in ROLES.iterdir() if path.is_dir())


def read(path: Path) -> Any:
    """Return what a YAML file says; nothing for one that is not there."""
    return loader().load_from_file(str(path), trusted_as_template=True) if path.exists() else {}


def defaults(role: str) -> dict[str, Any]:
    """Return a role's defaults."""
    found: dict[str, Any] = read(ROLES / role / "defaults/main.yml")
    return found


def options(role: str) -> dict[str, Any]:
    """Return what a role's specification says of each variable."""
    found: dict[str, Any] = read(ROLES / role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return found


def told_to(group: str, variable: str, city: Path, **told: Any) -> Any:
    """Return what the machines of a group are told by `group_vars`.

    Args:
        group: The group.
        variable: The variable.
        city: The city's folder.
        told: What is not as `group_vars` has it.
    """
    shared = read(ANSIBLE / "group_vars/all.yml") | read(ANSIBLE / f"group_vars/{group}.yml")
    return _templar(shared | _machine(city) | told).template(trust_as_template(f"{{{{ {variable} }}}}"))


def render(role: str, template: str, city: Path, **told: Any) -> str:
    """Return a role's template as its defaults have it.

    Args:
        role: The role.
        template: The template's name.
        city: The city's folder.
        told: What is not as the defaults have it, and what a task adds.
    """
    variables = read(ANSIBLE / "group_vars/all.yml") | defaults(role) | read(ROLES / role / "vars/main.yml")
    text = (ROLES / role / "templates" / template).read_text(encoding="utf-8")
    return str(_templar(variables | _machine(city) | told).template(trust_as_template(text)))


def play(folder: Path, text: str, machines: Mapping[str, Any], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a play as `ansible-playbook` does, by our settings; return what it printed.

    Args:
        folder: Where the play and its inventory are written.
        text: The play.
        machines: The inventory's group `all`: `hosts`, and `vars` for all of them.
        environment: What is not as in ours.
    """
    (folder / "hosts.yml").write_text(json.dumps({"all": machines}))
    (folder / "play.yml").write_text(text)
    ours = {"ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", folder / "hosts.yml", folder / "play.yml"],
        env={**os.environ, **ours, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _templar(variables: dict[str, Any]) -> Any:
    return Templar(loader=loader(), variables=variables)


def _machine(city: Path) -> dict[str, Any]:
    return {
        "inventory_hostname": "box-1",
        "playbook_dir": str(ANSIBLE),
        "siaga_city": str(city),
        "groups": {"centre": ["centre"], "boxes": ["box-1"]},
        "hostvars": {"centre": {"ansible_host": "192.0.2.1"}},
    }
