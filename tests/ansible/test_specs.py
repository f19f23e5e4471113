"""What a role says it takes is what it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ansible import roles

_NEEDED_BY_ALL = {"siaga_city"}
"""The one variable without a default: where the city is."""


@pytest.mark.parametrize("role", roles.names())
def test_the_specification_has_the_defaults_and_nothing_else_is_optional(role: str) -> None:
    told = {name: one["default"] for name, one in roles.options(role).items() if not one.get("required")}

    assert told == roles.defaults(role)
    assert list(told) == list(roles.defaults(role)), "in the same order, so that a person can compare them"


@pytest.mark.parametrize("role", roles.names())
def test_a_variable_is_called_after_its_role_and_each_is_used(role: str) -> None:
    folder = roles.ROLES / role
    used = "\n".join(
        path.read_text(encoding="utf-8")
        for part in ("tasks", "templates", "handlers", "vars")
        for path in sorted((folder / part).glob("*"))
    )

    for name in roles.options(role):
        assert name.startswith(f"{role}_")
        assert re.search(rf"\b{name}\b", used), f"{name} is not used"


def test_each_role_is_in_the_collections_readme_and_says_who_it_is() -> None:
    readme = (roles.COLLECTION / "README.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `([a-z_]+)` \|", readme, re.MULTILINE)) == set(roles.names())


def test_what_the_roles_share_is_told_for_all_machines() -> None:
    texts = [path.read_text(encoding="utf-8") for path in roles.ROLES.glob("*/defaults/main.yml")]
    shared = {name for text in texts for name in re.findall(r"\b(siaga_[a-z_]+)\b(?! \|)", text)}
    known = set(roles.read(roles.ANSIBLE / "group_vars/all.yml"))

    # A screen's number and a device's name are its own machine's.
    assert shared - known - _NEEDED_BY_ALL == {"siaga_screen"}


def test_the_centre_lacks_a_secret_for_each_collector_and_the_page(tmp_path: Path) -> None:
    needed = roles.told_to("centre", "preflight_needs", tmp_path, collector_replicas=2)
    files = {Path(one["path"]).relative_to(tmp_path).as_posix(): one["make"] for one in needed}

    assert files["authority/accounts/collector-2.password"] == "siaga provision broker render --account collector-2"
    assert "tls/centre.key" in files
    without = roles.told_to("centre", "preflight_needs", tmp_path, duty_desk_front=False)
    assert not any("/tls/" in one["path"] for one in without)


def test_what_a_certificate_must_name_is_what_boxes_services_and_browsers_dial(tmp_path: Path) -> None:
    more = {"siaga_alarm_host": "alarm.kota.example", "duty_desk_names": ["piket.kota.example"]}
    found = roles.told_to("centre", "preflight_certificates", tmp_path, **more)
    names = {Path(one["path"]).relative_to(tmp_path).as_posix(): one["names"] for one in found}

    assert names == {
        "authority/brokers/alarm/broker.pem": ["alarm.kota.example", "127.0.0.1"],
        "authority/brokers/telemetry/broker.pem": ["192.0.2.1", "127.0.0.1"],
        "tls/centre.pem": ["piket.kota.example"],
    }
    needed = {one["path"] for one in roles.told_to("centre", "preflight_needs", tmp_path)}
    assert {one["path"] for one in found} <= needed, "that one is missing is told first"


def test_what_a_silent_task_would_miss_is_missed_before(tmp_path: Path) -> None:
    needed = {one["path"] for group in ("centre", "boxes", "bells") for one in _needed(group, tmp_path)}
    for name in ("accounts/desk", "accounts/books", "accounts/wall", "accounts/bell", "accounts/collector-1"):
        assert f"{tmp_path}/authority/{name}.password" in needed
    assert f"{tmp_path}/boxes/box-1.toml" in needed


def _needed(group: str, city: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = roles.told_to(group, "preflight_needs", city)
    return found


def test_only_a_city_with_a_bell_opens_the_ports_of_the_centres_own_services(tmp_path: Path) -> None:
    groups = {"centre": ["centre"], "bells": ["bell"]}

    assert roles.told_to("centre", "base_tcp_ports", tmp_path) == [80, 443, 8883, 8884]
    assert roles.told_to("centre", "base_tcp_ports", tmp_path, groups=groups) == [80, 443, 8883, 8884, 8893, 8894]


def test_a_word_of_the_command_line_is_taken_for_the_truth_value_it_says() -> None:
    """`-e backup_replace=true` gives a text, which Ansible takes for no truth value, and a template for true."""
    values = {name for role in roles.names() for name, one in roles.options(role).items() if one["type"] == "bool"}
    names = "|".join([*values, "siaga_walls", "siaga_grafana"])
    used = re.compile(rf"\b({names})\b(?!:|=)(?! \| (?:default\(true\) \| )?bool\b)")
    files = [path for part in ("tasks", "handlers", "templates") for path in roles.ROLES.glob(f"*/{part}/*")]
    found = [
        f"{path.name}: {line.strip()}"
        for path in [*files, *roles.ANSIBLE.glob("*.yml"), *roles.ANSIBLE.glob("group_vars/*.yml")]
        for line in path.read_text(encoding="utf-8").splitlines()
        if used.search(line) and not line.lstrip().startswith("#")
    ]
    assert found == []


def test_secrets_are_in_no_log() -> None:
    silent = re.compile(r"no_log: true")
    for path in sorted(roles.ROLES.glob("*/tasks/*.yml")):
        for task in path.read_text(encoding="utf-8").split("\n- name: "):
            if "ansible.builtin.copy:" in task and re.search(r"\.(key|password)\b|centre\.passwd", task):
                assert silent.search(task), f"{path.relative_to(roles.ROLES)}: {task.splitlines()[0]}"


def test_the_control_machine_gets_the_ansible_that_was_tried() -> None:
    pinned = re.search(r"^ansible-core\S+", (roles.ANSIBLE / "requirements.txt").read_text(), re.MULTILINE)
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()

    assert pinned is not None
    assert f'"{pinned.group()}"' in project
    assert pinned.group().removeprefix("ansible-core") in (roles.COLLECTION / "meta/runtime.yml").read_text()
