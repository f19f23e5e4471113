"""The demo's board is built when a source is newer than it, and where it cannot be built that is said."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from siaga.demo.stack import DemoStack, Size
from simulator.firmware import FirmwareError, built_firmware


def write(folder: Path, at_s: float) -> None:
    for name in ("siaga-uno.elf", "simhost"):
        (folder / name).touch()
        os.utime(folder / name, (at_s, at_s))


def test_what_is_newer_than_each_source_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    write(tmp_path, time.time() + 60)
    assert built_firmware(tmp_path) == tmp_path
    write(tmp_path, 1)
    with pytest.raises(FirmwareError, match=r"there is no avr-gcc; `scripts/setup.sh demo`"):
        built_firmware(tmp_path)


def test_a_build_that_fails_says_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("avr-gcc", "gcc"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'main.c: no room on the disk' >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(FirmwareError, match=r"not built \(main.c: no room on the disk\); see: make firmware"):
        built_firmware(tmp_path / "out")


def test_without_a_compiler_the_demo_has_no_board_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = DemoStack(tmp_path / "demo", Size(boxes=2), board=tmp_path / "firmware")
    monkeypatch.setenv("PATH", "")
    assert (stack.prepare_board() or "").startswith("there is no avr-gcc; ")
    assert stack.chip is None
    (tmp_path / "firmware").mkdir()
    write(tmp_path / "firmware", time.time() + 60)
    assert stack.prepare_board() is None
    assert stack.chip == "box-2"
    assert stack.simulator.argv[-4:] == ["--board", "box-2", "--firmware", str(tmp_path / "firmware")]
