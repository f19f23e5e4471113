"""A ledger that cannot be written for a while, under a desk that must ring all the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import pytest

from contract import topics
from contract.identity import new_event_id
from duty_desk.ledger.tables import open_reader, read_rows
from duty_desk.ledger.verify import verify
from tests.duty_desk.conftest import Desk, box, press_body

RINGS_S = 1.0
"""A press rings within this, whatever the ledger does."""


async def rings_and_is_recorded_after(
    desk: Desk, outage: contextlib.AbstractAsyncContextManager[None], hold_s: float, presses: int = 6
) -> float:
    """Press while the ledger is out, for `hold_s` or until the desk says so: nothing is lost, nothing told too early.

    Returns:
        How long the last press waited for its record once the ledger was back.
    """
    async with box(desk.alarm) as street:
        before, *during = (new_event_id() for _ in range(presses + 1))
        await street.alarm(press_body(event_id=before))
        await street.receipt("stored", event_id=before)
        async with outage:
            for event_id in during:
                await street.alarm(press_body(event_id=event_id))
                await _within(RINGS_S, street.receipt("ringing", event_id=event_id))
                await asyncio.sleep(hold_s / presses)
            street.received[:] = [one for one in street.received if one[0] != topics.HEARTBEAT]
            await street.wait(topics.HEARTBEAT, lambda body: body["recording"] is False)
            stored = [body for _, body in street.received if body.get("stage") == "stored"]
            assert [body["event_id"] for body in stored] == [before]
        back = time.monotonic()
        for event_id in during:
            receipt = await street.receipt("stored", event_id=event_id)
            assert receipt["ledger_head"] is not None
        waited_s = time.monotonic() - back
        await street.wait(topics.HEARTBEAT, lambda body: body["recording"] is True and body["open_incidents"] == 1)
        heads = [json.dumps(body) for _, body in street.received]
    assert keys(desk.ledger) == [before, *during]
    verdict = verify(desk.ledger, heads)
    assert verdict.derived
    return waited_s


async def _within(limit_s: float, receipt: Awaitable[object]) -> None:
    async with asyncio.timeout(limit_s):
        await receipt


def keys(path: Path) -> list[str]:
    """Return the presses in a ledger, in order."""
    with open_reader(path).connect() as connection:
        entries = [json.loads(row.body) for row, _ in read_rows(connection)]
    return [entry["alarm"]["key"] for entry in entries if entry["kind"] == "press"]


@contextlib.asynccontextmanager
async def locked(desk: Desk) -> AsyncIterator[None]:
    """Hold the ledger's lock, as another process may."""
    with contextlib.closing(sqlite3.connect(desk.ledger, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        yield
        lock.execute("ROLLBACK")


@contextlib.asynccontextmanager
async def no_room(desk: Desk) -> AsyncIterator[None]:
    """Let no file of the desk be written, as on a full disk: each write fails (EFBIG, setrlimit(2))."""
    soft, hard = resource.prlimit(desk.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(desk.process.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(desk.process.pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.asynccontextmanager
async def full(folder: Path) -> AsyncIterator[None]:
    """Fill a small disk to the last byte (ENOSPC)."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4_096):
            pass
    assert os.statvfs(folder).f_bavail == 0
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a tmpfs of a size; who uses it must have ended by the end."""
    folder.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "siaga-ledger", str(folder)], capture_output=True, text=True
    )
    if made.returncode != 0:
        pytest.skip(f"no tmpfs may be mounted here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
