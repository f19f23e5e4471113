"""A file that rots, is cut short, deleted, replaced, obstructed or locked away: the outbox goes on, and says so."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from edge_agent.alarm_lane import KeptPress
from edge_agent.outbox import files
from edge_agent.outbox.alarms import AlarmOutbox
from edge_agent.outbox.writer import OutboxError, Writer
from tests.edge_agent.card_faults.session import press
from tests.edge_agent.card_faults.sweep import Forge, Session

PRESSES: Final = 12


@pytest.fixture
def alarms(tmp_path: Path) -> Iterator[AlarmOutbox]:
    outbox = AlarmOutbox(tmp_path)
    outbox.writer.start()
    yield outbox
    outbox.writer.stop()


async def opened(folder: Path) -> tuple[list[KeptPress], AlarmOutbox]:
    """Open a folder as an agent does at its start; return the presses in it, and the outbox, stopped."""
    outbox = AlarmOutbox(folder)
    outbox.writer.start()
    try:
        presses, _ = await outbox.load()
        fresh = press(900)
        await outbox.add(fresh)
        assert fresh in (await outbox.load())[0], "it takes the next press"
    finally:
        outbox.writer.stop()
    return presses, outbox


async def template(folder: Path, tmp_path: Path) -> None:
    """Leave a folder as a kill leaves it: half of the presses in the file, half in its log."""
    live = tmp_path / "live"
    live.mkdir()
    outbox = AlarmOutbox(live)
    outbox.writer.start()
    for number in range(PRESSES):
        await outbox.add(press(number))
        if number == PRESSES // 2:
            outbox.writer.checkpoint_bytes = 1
    await outbox.load()
    outbox.writer.checkpoint_bytes = 1_000_000
    for number in range(PRESSES, 2 * PRESSES):
        await outbox.add(press(number))
    await outbox.load()
    shutil.copytree(live, folder)
    outbox.writer.stop()


def spoil(folder: Path, draw: random.Random) -> str:
    """Damage one of the files; return what was done."""
    path = draw.choice(sorted(folder.iterdir()))
    content = bytearray(path.read_bytes())
    how = draw.choice(["bits", "bytes", "sector", "page", "cut"])
    at = draw.randrange(len(content))
    match how:
        case "bits":
            for _ in range(draw.randint(1, 8)):
                content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        case "bytes":
            content[at : at + 16] = draw.randbytes(len(content[at : at + 16]))
        case "sector" | "page":
            size = 512 if how == "sector" else 4_096
            start = at // size * size
            content[start : start + size] = draw.choice([bytes(size), b"\xff" * size, draw.randbytes(size)])
        case "cut":
            del content[at:]
    path.write_bytes(content)
    return f"{path.name} {how} at {at}"


@pytest.mark.slow
async def test_fault_07_whatever_rots_the_outbox_opens_and_goes_on(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await template(tmp_path / "template", tmp_path)
    whole = [press(number) for number in range(2 * PRESSES)]
    kept_whole = found = altered = 0
    rounds = 100
    for seed in range(rounds):
        folder = tmp_path / f"card-{seed}"
        shutil.copytree(tmp_path / "template", folder)
        done = spoil(folder, random.Random(seed))
        presses, outbox = await opened(folder)
        assert outbox.writer.fault is None, f"{seed}: {done}"
        found += sum(kept in whole for kept in presses)
        altered += sum(kept not in whole for kept in presses)
        kept_whole += presses == whole
        shutil.rmtree(folder)
    record_property(
        "told", f"{rounds} damaged outboxes: {found} of {rounds * len(whole)} presses left, {altered} altered"
    )
    # A page of the table or of the log takes its own presses with it; the others are read out of the damaged file.
    assert found > 0.8 * rounds * len(whole)
    assert kept_whole > 0.5 * rounds


@pytest.mark.parametrize("how", ["lost", "one letter"])
async def test_presses_are_read_out_of_a_file_whose_index_is_spoilt(
    tmp_path: Path, alarms: AlarmOutbox, how: str
) -> None:
    """With another letter in the index a press could be read, but never be deleted again."""
    for number in range(PRESSES):
        await alarms.add(press(number))
    page = await alarms.writer.run(
        lambda connection: connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name LIKE 'sqlite_autoindex_press%'"
        ).fetchone()[0]
    )
    alarms.writer.stop()
    content = bytearray((tmp_path / "alarms.db").read_bytes())
    index = slice((page - 1) * 4_096, page * 4_096)
    known = press(3).press.event_id.encode()
    assert known in content[index]
    content[index] = bytes(4_096) if how == "lost" else content[index].replace(known, known[:-1] + b"x")
    (tmp_path / "alarms.db").write_bytes(content)
    presses, outbox = await opened(tmp_path)
    assert presses == [press(number) for number in range(PRESSES)]
    assert outbox.writer.set_aside == 1
    assert (tmp_path / "alarms.db.corrupt-1").exists()


async def test_a_text_that_is_no_utf_8_hides_no_other_press(tmp_path: Path, alarms: AlarmOutbox) -> None:
    for number in range(3):
        await alarms.add(press(number))
    await alarms.writer.run(
        lambda connection: connection.execute("UPDATE press SET boot = CAST(x'ff80' AS TEXT) WHERE rowid = 2")
    )
    presses, held = await alarms.load()
    assert [kept.press.event_id for kept in presses] == [press(number).press.event_id for number in range(3)]
    assert len(held) == 3


@pytest.mark.parametrize("gone", ["alarms.db", "alarms.db-wal"])
async def test_a_file_that_is_deleted_under_us_is_begun_anew_and_said(
    tmp_path: Path, alarms: AlarmOutbox, gone: str
) -> None:
    await alarms.add(press(1))
    (tmp_path / gone).unlink()
    await alarms.add(press(2))
    assert alarms.writer.set_aside == 1, "whoever believed a press to be there must keep it again"
    alarms.writer.stop()
    presses, _ = await opened(tmp_path)
    assert press(2) in presses


@pytest.mark.parametrize("name", ["alarms.db", "alarms.db-wal", "alarms.db-shm"])
async def test_a_folder_in_the_place_of_a_file_is_set_aside(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    presses, outbox = await opened(tmp_path)
    assert presses == []
    assert outbox.writer.set_aside == 1


async def test_at_most_three_damaged_files_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / "alarms.db").write_bytes(f"damage {number}".encode() * 1_000)
        await opened(tmp_path)
    aside = sorted(path.name for path in tmp_path.glob("alarms.db.corrupt-*"))
    assert aside == ["alarms.db.corrupt-3", "alarms.db.corrupt-4", "alarms.db.corrupt-5"]
    assert len(aside) == files.MOST_ASIDE


@pytest.fixture
def strangers_folder() -> Iterator[Path]:
    """Yield a folder that another user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    folder.chmod(0o755)
    (folder / "card").mkdir(mode=0o755)
    yield folder
    (folder / "card").chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [0o444, 0o000], ids=["readable", "not even readable"])
async def test_a_file_that_belongs_to_another_user_is_a_fault_and_read_where_it_can_be(
    strangers_folder: Path, mode: int
) -> None:
    card = strangers_folder / "card"
    await opened(card)
    (card / "alarms.db").chmod(mode)
    card.chmod(0o555)
    (strangers_folder / "forge").mkdir(mode=0o777)
    (strangers_folder / "forge").chmod(0o777)
    with Forge(strangers_folder / "forge") as forge:
        told = dict(forge.run(Session("a stranger", "stranger", 1, "nothing"), card))
    assert "alarms.db" in told["not kept"]
    assert "alarms.db" in told["fault"]
    if mode:
        assert told["presses"] == [press(900).press.event_id]
    else:
        assert "alarms.db" in told["not read"]


async def test_a_checkpoint_that_fails_is_a_fault_until_the_card_takes_something(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "x.db", "CREATE TABLE IF NOT EXISTS t (x);", synchronous="FULL", checkpoint_bytes=1)
    writer.start()
    try:

        def refuse(connection: sqlite3.Connection) -> None:
            # No function of SQLite's stands for a card that fails at this very moment; it is asked as `execute`.
            connection.set_authorizer(
                lambda action, first, second, third, fourth: (
                    sqlite3.SQLITE_DENY
                    if action == sqlite3.SQLITE_PRAGMA and first == "wal_checkpoint"
                    else sqlite3.SQLITE_OK
                )
            )

        await writer.run(refuse)
        await writer.run(lambda connection: connection.execute("INSERT INTO t VALUES (1)"))
        await writer.run(lambda connection: connection.execute("SELECT * FROM t").fetchall())
        assert writer.fault is not None
        await writer.run(lambda connection: connection.set_authorizer(None))
        await writer.run(lambda connection: connection.execute("INSERT INTO t VALUES (2)"))
        await writer.run(lambda connection: None)
        assert writer.fault is None
        assert files.size_bytes(tmp_path / "x.db-wal") == 0, "the log was written into the file"
    finally:
        writer.stop()


async def test_an_error_does_not_hide_behind_a_job_that_changes_nothing(alarms: AlarmOutbox) -> None:
    await alarms.load()

    def fill_up(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    await alarms.writer.run(fill_up)
    with pytest.raises(OutboxError, match="full") as refused:
        await asyncio.gather(*(alarms.add(press(number)) for number in range(300)))
    assert refused.value.full
    await alarms.released("button-9")
    assert alarms.writer.fault is not None
    await alarms.remove(press(0).press.event_id)
    assert alarms.writer.fault is None
