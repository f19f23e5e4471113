"""`siaga edge new-driver` writes a driver that works; the one in the docs is built, installed and run by a box."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edge_agent.drivers.registry import BUILT_IN
from edge_agent.new_driver import run_new_driver, write_driver

EXAMPLE = Path(__file__).parents[2] / "docs/own-driver"


def files(folder: Path) -> dict[str, bytes]:
    """Return what a folder has, without what running it left."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def run(*words: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run this Python in a folder, with another one on its path."""
    own = {} if path is None else {"PYTHONPATH": str(path)}
    environ = {**os.environ, **own, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_the_example_in_the_docs_is_what_is_written_and_short(tmp_path: Path) -> None:
    write_driver("tide-gauge", tmp_path / "new")
    assert files(tmp_path / "new") == files(EXAMPLE)
    assert len((EXAMPLE / "siaga_tide_gauge/driver.py").read_text().splitlines()) <= 60


@pytest.mark.slow
def test_what_is_written_passes_its_own_test_until_it_breaks_its_word(tmp_path: Path) -> None:
    out = io.StringIO()
    assert run_new_driver("bell-2", tmp_path, out) == 0
    assert "siaga_bell_2/driver.py" in out.getvalue()
    test = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    done = run(*test, cwd=tmp_path / "bell-2")
    assert "2 passed" in done.stdout, done.stdout
    driver = tmp_path / "bell-2/siaga_bell_2/driver.py"
    driver.write_text(driver.read_text().replace("xor, found[1]", "xor, found[2]"))
    done = run(*test, cwd=tmp_path / "bell-2")
    assert "1 failed" in done.stdout
    assert "testcases/levels, whole: [] came out" in done.stdout


@pytest.mark.slow
def test_the_example_is_built_installed_and_read_by_a_box(tmp_path: Path) -> None:
    built = run("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=EXAMPLE)
    assert built.returncode == 0, built.stderr
    installed = tmp_path / "site-packages"
    with zipfile.ZipFile(tmp_path / "siaga_tide_gauge-0.1.0-py3-none-any.whl") as wheel:
        wheel.extractall(installed)
    log = EXAMPLE / "siaga_tide_gauge/testcases/levels/input.txt"
    asked = ("-m", "siaga.main", "edge", "read", f"replay://{log}", "--driver", "tide-gauge", "--json")
    done = run(*asked, cwd=tmp_path, path=installed)
    assert done.returncode == 0, done.stderr
    read = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["sensor"], one["fields"]) for one in read] == [
        ("tide-gauge", {"level_m": level}) for level in (1.234, 1.235, -0.12)
    ]
    assert "1 bad checksum, 1 unmatched" in done.stderr or "1 unmatched, 1 bad checksum" in done.stderr
    # Without it, the box tells what there is.
    assert run(*asked, cwd=tmp_path).returncode == 78


@pytest.mark.parametrize("name", ["Tide", "tide_gauge", "-tide", "tide-", "../tide", "", "a" * 64, "nmea"])
def test_a_name_that_cannot_be_used_is_78_and_writes_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nmea" in BUILT_IN
    assert run_new_driver(name, tmp_path, io.StringIO()) == 78
    assert "example: tide-gauge" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tide").mkdir()
    assert run_new_driver("tide", tmp_path, io.StringIO()) == 1
    assert "File exists" in capsys.readouterr().err
    assert list((tmp_path / "tide").iterdir()) == []
