"""The other versions that `make test-deploy` upgrades to are wheels that pip takes, and whose hashes agree."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.deploy.wheels import spoil, variant


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    """A wheelhouse of one wheel."""
    folder = tmp_path / "x86_64"
    folder.mkdir()
    wheel = folder / "siaga-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("edge_agent/agent.py", "x = 1\n" * 1_000)
        made.writestr("siaga-0.1.0.dist-info/METADATA", "Metadata-Version: 2.4\nName: siaga\nVersion: 0.1.0\n")
        made.writestr("siaga-0.1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "requirements-edge.txt").write_text(f"siaga==0.1.0 --hash=sha256:{digest}\n")
    (folder / "manifest.json").write_text(json.dumps({"version": "0.1.0", "arch": "x86_64", "digest": "", "files": {}}))
    return folder


def test_a_variant_is_whole_under_its_own_version(wheelhouse: Path, tmp_path: Path) -> None:
    folder = variant(wheelhouse, tmp_path / "new", "0.1.1") / "x86_64"

    wheel = folder / "siaga-0.1.1-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert (folder / "requirements-edge.txt").read_text() == f"siaga==0.1.1 --hash=sha256:{digest}\n"
    told = json.loads((folder / "manifest.json").read_text())
    assert (told["version"], told["files"][wheel.name]) == ("0.1.1", digest)
    with zipfile.ZipFile(wheel) as made:
        assert "Version: 0.1.1\n" in made.read("siaga-0.1.1.dist-info/METADATA").decode()
        rows = list(csv.reader(io.StringIO(made.read("siaga-0.1.1.dist-info/RECORD").decode())))
        assert {row[0] for row in rows} == set(made.namelist())


def test_a_broken_variant_ends_when_its_agent_is_imported(wheelhouse: Path, tmp_path: Path) -> None:
    folder = variant(wheelhouse, tmp_path / "new", "0.1.2", broken=True) / "x86_64"

    with zipfile.ZipFile(folder / "siaga-0.1.2-py3-none-any.whl") as made, pytest.raises(SystemExit):
        exec(made.read("edge_agent/agent.py"), {})


def test_a_spoiled_wheelhouse_has_a_wheel_that_its_manifest_does_not_know(wheelhouse: Path, tmp_path: Path) -> None:
    folder = spoil(variant(wheelhouse, tmp_path / "new", "0.1.1") / "x86_64", tmp_path / "spoiled") / "x86_64"

    told = json.loads((folder / "manifest.json").read_text())["files"]
    wheel = next(folder.glob("*.whl"))
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() != told[wheel.name]
