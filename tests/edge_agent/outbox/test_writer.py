"""SQLite files that are damaged, read-only or gone never stop the agent."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.identity import new_event_id, new_stream_id
from contract.messages import Press
from edge_agent.alarm_lane import KeptPress
from edge_agent.outbox.alarms import AlarmOutbox, HeldButton
from edge_agent.outbox.writer import OutboxError


def kept(sequence: int = 0) -> KeptPress:
    press = Press(
        event_id=new_event_id(),
        device="box-1",
        button="sos",
        cause="press",
        status="Actual",
        pressed_at_ns=1,
        clock="none",
        age_ms=0,
        stream=new_stream_id(),
        sequence=sequence,
    )
    return KeptPress(press, "boot-1", 42)


@pytest.fixture
def alarms(tmp_path: Path) -> Iterator[AlarmOutbox]:
    outbox = AlarmOutbox(tmp_path)
    outbox.writer.start()
    yield outbox
    outbox.writer.stop()


async def reopened(tmp_path: Path) -> tuple[list[KeptPress], dict[str, HeldButton]]:
    outbox = AlarmOutbox(tmp_path)
    outbox.writer.start()
    try:
        return await outbox.load()
    finally:
        outbox.writer.stop()


async def test_a_committed_press_is_there_after_a_restart(alarms: AlarmOutbox, tmp_path: Path) -> None:
    first, second = kept(0), kept(1)
    await alarms.add(first)
    await alarms.add(second)
    presses, held = await reopened(tmp_path)
    assert presses == [first, second]
    assert held == {"sos": HeldButton("boot-1", 42)}


async def test_removed_and_released_are_gone(alarms: AlarmOutbox, tmp_path: Path) -> None:
    press = kept()
    await alarms.add(press)
    await alarms.remove(press.press.event_id)
    await alarms.released("sos")
    assert await reopened(tmp_path) == ([], {})


async def test_the_alarm_file_is_synced_at_each_commit(alarms: AlarmOutbox) -> None:
    def pragmas(connection: sqlite3.Connection) -> tuple[str, int]:
        return (
            connection.execute("PRAGMA journal_mode").fetchone()[0],
            connection.execute("PRAGMA synchronous").fetchone()[0],
        )

    assert await alarms.writer.run(pragmas) == ("wal", 2)


@pytest.mark.parametrize("damage", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5_000])
async def test_fault_7_a_corrupt_file_is_set_aside_and_a_new_one_opened(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "alarms.db").write_bytes(damage)
    outbox = AlarmOutbox(tmp_path)
    outbox.writer.start()
    try:
        assert await outbox.load() == ([], {})
        await outbox.add(kept())
        assert outbox.writer.set_aside == 1
        assert (tmp_path / "alarms.db.corrupt-1").read_bytes() == damage
        assert len((await outbox.load())[0]) == 1
    finally:
        outbox.writer.stop()


async def test_fault_5_a_folder_that_cannot_be_written_is_an_error_the_caller_can_handle(tmp_path: Path) -> None:
    # A file where the folder should be: unlike a mode bit, it stops root as well.
    (tmp_path / "card").write_text("")
    outbox = AlarmOutbox(tmp_path / "card")
    outbox.writer.start()
    try:
        with pytest.raises(OutboxError, match=r"alarms\.db"):
            await outbox.add(kept())
        assert outbox.writer.fault is not None
    finally:
        outbox.writer.stop()


async def test_a_press_written_by_a_newer_version_does_not_hide_the_others(alarms: AlarmOutbox, tmp_path: Path) -> None:
    good = kept()
    await alarms.add(good)

    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO press VALUES ('x', x'7b7d', 'boot-1', 1)")

    await alarms.writer.run(spoil)
    presses, _ = await alarms.load()
    assert presses == [good]

    def unreadable(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
        return connection.execute("SELECT * FROM unreadable").fetchall()

    assert await alarms.writer.run(unreadable) == [("x", b"{}")]


async def test_a_row_of_a_wrong_type_does_not_hide_the_others_and_is_counted(alarms: AlarmOutbox) -> None:
    good = kept()
    await alarms.add(good)

    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO press VALUES ('x', 'text, not bytes', 'boot-1', 1)")
        connection.execute("INSERT INTO held VALUES ('y', 'boot-1', 'noon')")

    await alarms.writer.run(spoil)
    assert await alarms.load() == ([good], {"sos": HeldButton("boot-1", 42)})
    assert alarms.unreadable == 1


async def test_a_job_that_fails_unforeseen_does_not_end_the_thread(alarms: AlarmOutbox) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        raise AttributeError("unforeseen")

    with pytest.raises(OutboxError, match="unforeseen"):
        await alarms.writer.run(fail)
    await alarms.add(kept())


async def test_fault_8_a_commit_that_fails_is_not_counted_as_stored(alarms: AlarmOutbox, tmp_path: Path) -> None:
    await alarms.load()

    def full(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    await alarms.writer.run(full)
    with pytest.raises(OutboxError, match="full"):
        await asyncio.gather(*(alarms.add(kept(number)) for number in range(300)))
    presses, _ = await alarms.load()
    assert len(presses) < 300
    assert alarms.writer.set_aside == 0, "a full disk is no damage"


async def test_the_queue_is_bounded_and_a_stop_is_not_held_up_by_a_stalled_card(tmp_path: Path) -> None:
    outbox = AlarmOutbox(tmp_path)
    outbox.writer.start()
    goes_on = threading.Event()

    def stall(connection: sqlite3.Connection) -> None:
        goes_on.wait(10)

    jobs = [asyncio.create_task(outbox.writer.run(stall)) for _ in range(1_001)]
    await asyncio.sleep(0.05)
    with pytest.raises(OutboxError, match="1000 writes wait"):
        await asyncio.gather(outbox.add(kept(0)), outbox.add(kept(1)))
    begun = time.monotonic()
    assert not outbox.writer.stop(0.2)
    assert time.monotonic() - begun < 5
    goes_on.set()
    await asyncio.gather(*jobs, return_exceptions=True)
    assert outbox.writer.stop()


async def test_a_press_whose_button_was_let_go_meanwhile_is_not_told_as_held(alarms: AlarmOutbox) -> None:
    press = kept()
    await alarms.add(press, held=False)
    assert await alarms.load() == ([press], {})
