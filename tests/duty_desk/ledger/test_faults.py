"""Faults 45 and 49 at the desk: a ledger that cannot be written keeps no press from ringing, and loses none."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.duty_desk.conftest import Desk
from tests.duty_desk.ledger.outage import locked, no_room, rings_and_is_recorded_after
from tests.edge_agent.card_faults.card import tampered

pytestmark = pytest.mark.slow


async def test_fault_45_disk_full_every_press_rings_and_is_stored_once_there_is_room(desk: Desk) -> None:
    assert await rings_and_is_recorded_after(desk, no_room(desk), 0.0) < 5


async def test_fault_45_locked_by_another_process_every_press_rings_and_is_stored_after_it(desk: Desk) -> None:
    assert await rings_and_is_recorded_after(desk, locked(desk), 0.0) < 5


async def test_fault_49_a_disk_that_stalls_in_a_sync_delays_the_record_and_no_ring(desk: Desk) -> None:
    assert await rings_and_is_recorded_after(desk, stalled(desk, 4), 0.0) < 10


@contextlib.asynccontextmanager
async def stalled(desk: Desk, seconds: int) -> AsyncIterator[None]:
    """Let each sync of the ledger take so long."""
    recent = Path(f"{desk.ledger}-wal")
    async with tampered(desk.process, f"fdatasync:delay_enter={seconds}s", only=recent):
        yield
