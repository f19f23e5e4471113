"""What a bell keeps over a restart, and what a bad disk costs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contract.bell import MAX_EVENTS, BellEvent
from contract.inventory import parse_inventory
from contract.messages import encode
from duty_desk.bell.kept import EVENTS, INVENTORY, Kept
from tests.duty_desk.conftest import INVENTORY as TOML

KNOWN = parse_inventory(TOML, source="test")


async def test_the_inventory_and_the_last_events_outlive_a_restart(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "data")
    kept.take_inventory(encode(KNOWN))
    for number in range(MAX_EVENTS + 5):
        kept.add(BellEvent(what="sounded", at_ns=number, why="desk"))
    await kept.write()
    again = Kept(tmp_path / "data")
    again.load()
    assert again.inventory == KNOWN
    assert [event.at_ns for event in again.events] == list(range(5, MAX_EVENTS + 5))


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"[1]", b'[{"what":"rang"}]', b"\xff\xff", b"[" * 100_000])
def test_files_that_are_damaged_are_left_out(tmp_path: Path, body: bytes) -> None:
    for name in (INVENTORY, EVENTS):
        (tmp_path / name).write_bytes(body)
    kept = Kept(tmp_path)
    kept.load()
    assert list(kept.events) == []
    kept.take_inventory(body + b"!")
    assert kept.inventory.buttons == []


async def test_a_disk_that_takes_nothing_is_a_fault_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file is in the way")
    kept = Kept(tmp_path / "data")
    kept.add(BellEvent(what="sounded", at_ns=1, why="desk"))
    await kept.write()
    assert "takes nothing" in str(kept.fault)
    assert len(kept.events) == 1


@pytest.mark.slow
def test_a_bell_imports_nothing_of_the_desks_ledger_and_pages() -> None:
    code = "import sys, duty_desk.bell.service, duty_desk.bell.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split()
    ours = {name for name in loaded if name.startswith("duty_desk.") and not name.startswith("duty_desk.bell")}
    assert ours == {"duty_desk.channels", "duty_desk.channels.channel", "duty_desk.control", "duty_desk.errors"}
    assert not {"sqlalchemy", "fastapi", "uvicorn", "uvloop", "edge_agent"} & set(loaded)
