"""What of an agent only a restart mends, and what systemd shows of it, on a real agent whose card can stand still."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.outbox import writer as writer_module
from tests.edge_agent.test_agent import box


@pytest.mark.slow
async def test_fault_49_a_card_that_stands_still_is_a_fault_and_no_reason_to_restart_but_a_dead_thread_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "STALLED_S", 0.1)
    agent = Agent(box(tmp_path, 1), lambda: None)
    task = asyncio.create_task(agent.run())
    async with asyncio.timeout(10):
        while not (tmp_path / "data" / "alarms.db").exists():  # noqa: ASYNC110 - the file is all it shows
            await asyncio.sleep(0.01)
    portrait, writer = agent._portrait, agent._watchman.writers["alarms.db"]
    assert portrait.why_dead() is None
    released = threading.Event()

    def stall(connection: sqlite3.Connection) -> None:
        released.wait(10)

    stalled = asyncio.create_task(writer.run(stall))
    async with asyncio.timeout(10):
        while "card alarms.db" not in {fault.what for fault in agent.status().faults}:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert portrait.why_dead() is None
    assert "card alarms.db: stands still" in portrait.in_a_line()
    released.set()
    await stalled
    writer.stop()
    assert portrait.why_dead() == "the thread of alarms.db is dead"
    os.kill(os.getpid(), signal.SIGTERM)
    await task
    with closing(sqlite3.connect(tmp_path / "data" / "alarms.db")) as outbox:
        outbox.execute("SELECT count(*) FROM press").fetchone()
