"""The pure parts of the board's C, built for this machine with sanitizers and run here."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Final

import cbor2
import pytest

_ROOM: Final = Path(__file__).resolve().parents[2] / "firmware_bridge"
_TESTS: Final = Path(__file__).parent / "c"
_PARTS: Final = ("frame", "cbor", "debounce", "line", "pattern", "journal", "board")
_NAMES: Final = re.findall(r'^    \{"(\w+)", test_\w+\},$', (_TESTS / "main.c").read_text(), re.MULTILINE)
_FLAGS: Final = [
    "-std=c11",
    "-O1",
    "-g",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover",
]


@pytest.fixture(scope="module")
def pure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program with all C tests."""
    folder = tmp_path_factory.mktemp("pure")
    parts = [str(_ROOM / "firmware" / f"{part}.c") for part in _PARTS]
    # With sanitizers gcc warns of conversions that it makes itself.
    _run("gcc", "-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only", *parts)
    tests = sorted(str(path) for path in _TESTS.glob("*.c"))
    _run("gcc", *_FLAGS, f"-I{_ROOM / 'firmware'}", *tests, *parts, "-o", str(folder / "pure"))
    return folder / "pure"


@pytest.mark.slow
@pytest.mark.parametrize("name", _NAMES)
def test_c(pure: Path, name: str) -> None:
    """Each test of the C program, by its name."""
    _run(str(pure), name, told=_vectors() if name == "vectors" else "")


@pytest.mark.slow
def test_the_docs_tell_the_bands_as_computed(pure: Path) -> None:
    docs = (_ROOM.parent / "docs" / "firmware.md").read_text()
    for row in _run(str(pure), "bands").splitlines():
        name, least, most = row.split(" ")
        assert re.search(rf"^\| {name} \|.*\| {least}–{most} % \|", docs, re.MULTILINE), row


def _vectors() -> str:
    vectors = json.loads((_ROOM / "vectors.json").read_text())
    lines = []
    for each in vectors["accepted"]:
        # The numbers under the keys that mean something to a board; it passes over all else.
        payload = cbor2.loads(bytes.fromhex(each["payload_hex"]))
        present = sum(1 << key for key, value in payload.items() if key < 8 and type(value) is int)
        lines.append(f"accept {each['type']} {each['seq']} {present} {each['payload_hex']} {each['wire_hex']}")
    lines += [f"refuse {each['reason']} {each['wire_hex']}" for each in vectors["refused"]]
    return "\n".join(lines) + "\n"


def _run(*command: str, told: str = "") -> str:
    done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return done.stdout
