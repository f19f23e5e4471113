"""What the roles make of a wheelhouse: a broken one is named in one line, before anything is changed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.roles import COLLECTION

_EDGE, _CENTRE, _OURS = (
    "serialx-1.15-py3-none-any.whl",
    "fastapi-0.165-py3-none-any.whl",
    "siaga-0.1.0-py3-none-any.whl",
)


@pytest.fixture(scope="module")
def look() -> Callable[[Path, str], dict[str, Any]]:
    """The plugin's function."""
    spec = importlib.util.spec_from_file_location("wheelhouse", COLLECTION / "plugins/lookup/wheelhouse.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[Path, str], dict[str, Any]] = module.look
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A wheelhouse of three wheels."""
    sums = {}
    for name in (_EDGE, _CENTRE, _OURS):
        (tmp_path / name).write_bytes(name.encode())
        sums[name] = hashlib.sha256(name.encode()).hexdigest()
    for extra, wheel in (("edge", _EDGE), ("centre", _CENTRE)):
        lines = [
            f"{one.split('-')[0]}=={one.split('-')[1]} \\\n    --hash=sha256:{sums[one]}" for one in (wheel, _OURS)
        ]
        (tmp_path / f"requirements-{extra}.txt").write_text("\n".join(lines) + "\n")
    manifest = {"version": "0.1.0", "arch": "x86_64", "python": "3.11", "digest": "0123456789abcdef", "files": sums}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def test_a_machine_gets_its_own_wheels_and_no_others(look: Callable[..., Any], folder: Path) -> None:
    edge = look(folder, "edge")

    assert edge["fault"] == ""
    assert edge["name"] == "0.1.0-01234567"
    assert edge["arch"] == "x86_64"
    assert sorted(edge["files"]) == sorted([_EDGE, _OURS, "requirements-edge.txt"])
    assert sorted(look(folder, "centre")["files"]) == sorted([_CENTRE, _OURS, "requirements-centre.txt"])


def _truncate(folder: Path) -> None:
    (folder / _EDGE).write_bytes(b"half")


def _remove(folder: Path) -> None:
    (folder / _EDGE).unlink()


def _no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _no_json(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"version": ')


def _list(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]")


def _no_requirements(folder: Path) -> None:
    (folder / "requirements-edge.txt").unlink()


def _untold(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"][_EDGE]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _without_us(folder: Path) -> None:
    text = (folder / "requirements-edge.txt").read_text()
    (folder / "requirements-edge.txt").write_text(text.split("siaga==")[0])


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (_truncate, f"{_EDGE}: not the file that manifest.json tells of"),
        (_remove, f"{_EDGE}: No such file or directory"),
        (_no_manifest, "manifest.json: no such file"),
        (_no_json, "not a wheelhouse"),
        (_list, "not a wheelhouse"),
        (_no_requirements, "requirements-edge.txt: no such file"),
        (_untold, "wants 1 wheel not in manifest.json"),
        (_without_us, "has no wheel of siaga itself"),
    ],
)
def test_a_broken_wheelhouse_is_named_in_one_line_that_says_what_to_do(
    look: Callable[..., Any], folder: Path, broken: Callable[[Path], None], said: str
) -> None:
    broken(folder)
    fault = look(folder, "edge")["fault"]

    assert said in fault
    assert "make wheelhouse" in fault
    assert "\n" not in fault
