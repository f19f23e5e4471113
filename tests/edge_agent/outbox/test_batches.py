"""The outbox of readings: what is kept comes back, and what it costs the card."""

from __future__ import annotations

import os
import random
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from contract.batch import MAX_BATCH_BYTES, Batch, Reading, decode_batch, encode_batch
from contract.identity import new_stream_id
from edge_agent.batch_commands import Key, NewRow
from edge_agent.outbox.batches import RESERVE_BYTES, BatchOutbox
from edge_agent.outbox.writer import OutboxError

STREAM = new_stream_id()
S = 10**9


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[BatchOutbox]:
    outbox = BatchOutbox(tmp_path)
    outbox.writer.start()
    yield outbox
    outbox.writer.stop()


def key(number: int) -> Key:
    return (STREAM, number)


def body(number: int, *, positions: int = 0) -> bytes:
    readings = [Reading(timestamp_ns=1, sensor="s", kind="water_level", fields={"level_m": 1.5}, clock="ntp")]
    readings += [
        Reading(timestamp_ns=second * S, sensor="gps", kind="position", fields={"latitude": 1.0}, clock="gnss")
        for second in range(positions)
    ]
    return encode_batch(Batch(device="box-1", stream=STREAM, batch=number, readings=readings))


def row(number: int, *, positions: int = 0, sent: bool = False) -> NewRow:
    return NewRow(key(number), positions + 1, body(number, positions=positions), sent)


async def test_batches_are_kept_listed_loaded_and_forgotten(outbox: BatchOutbox) -> None:
    sizes = (await outbox.keep([row(2, positions=50), row(1, sent=True)])).value
    rows = (await outbox.index()).value
    assert [(one.key[1], one.readings, one.sent, one.thinned) for one in rows] == [
        (2, 51, False, False),
        (1, 1, True, False),
    ], "in the order in which they were kept"
    assert [one.size for one in rows] == sizes
    assert (await outbox.load(key(2))).value == body(2, positions=50)
    await outbox.forget([key(2)])
    assert (await outbox.load(key(2))).value is None
    assert (await outbox.load(key(1))).value == body(1)


async def test_bodies_lie_there_compressed(outbox: BatchOutbox) -> None:
    (size,) = (await outbox.keep([row(1, positions=299)])).value
    assert size < len(body(1, positions=299)) / 5


async def test_thinning_changes_body_readings_and_mark_and_keeps_the_order(outbox: BatchOutbox) -> None:
    await outbox.keep([row(1, positions=60), row(2, positions=5)])
    (first,) = (await outbox.thin([key(1), key(9)])).value
    assert (first.key, first.lost) == (key(1), 58)
    rows = (await outbox.index()).value
    assert [(one.key[1], one.readings, one.thinned) for one in rows] == [(1, 3, True), (2, 6, False)]
    assert rows[0].size == first.size
    left = (await outbox.load(key(1))).value
    assert left is not None
    assert [one["timestamp_ns"] // S for one in decode_batch(left)["readings"]] == [0, 29, 59]


async def test_the_pieces_of_a_batch_stand_in_its_place_and_count_as_sent(outbox: BatchOutbox) -> None:
    await outbox.keep([row(1, positions=60)])
    pieces = (await outbox.cut(key(1), key(100), 1_000)).value
    assert sum(one.readings for one in pieces) == 61
    assert all(one.sent for one in pieces)
    assert (await outbox.index()).value == pieces
    for one in pieces:
        part = (await outbox.load(one.key)).value
        assert part is not None
        assert len(part) <= 1_000
    assert (await outbox.cut(key(1), key(200), 1_000)).value == []


async def test_a_body_that_cannot_be_read_is_none(outbox: BatchOutbox) -> None:
    bad = {1: b"x\x9cbroken", 2: "text", 3: b"", 4: None, 5: zlib.compress(b"{" + b" " * MAX_BATCH_BYTES)}

    def spoil(connection: sqlite3.Connection) -> None:
        for number, what in bad.items():
            if what is not None:
                connection.execute("INSERT INTO kept VALUES (?, ?, 1, 0, 0, ?)", (*key(number), what))

    await outbox.writer.run(spoil)
    assert [(await outbox.load(key(number))).value for number in bad] == [None] * 5
    assert (await outbox.thin([key(1)])).value == []


async def test_a_file_of_version_0_1_is_taken_over(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "telemetry.db") as old:
        old.execute(
            "CREATE TABLE batch (stream TEXT NOT NULL, number INTEGER NOT NULL, readings INTEGER NOT NULL,"
            " body BLOB NOT NULL, PRIMARY KEY (stream, number))"
        )
        old.executemany("INSERT INTO batch VALUES (?, ?, 1, ?)", [(*key(number), body(number)) for number in (3, 2)])
    old.close()
    for _ in range(2):
        outbox = BatchOutbox(tmp_path)
        outbox.writer.start()
        try:
            rows = (await outbox.index()).value
            assert [(one.key[1], one.sent) for one in rows] == [(3, True), (2, True)]
            assert (await outbox.load(key(2))).value == body(2)
        finally:
            outbox.writer.stop()


async def test_each_answer_tells_how_many_files_were_set_aside(outbox: BatchOutbox, tmp_path: Path) -> None:
    assert (await outbox.keep([row(1)])).file == 0
    for part in tmp_path.glob("telemetry.db*"):
        part.unlink()
    answer = await outbox.keep([row(2)])
    assert answer.file == 1
    assert [one.key for one in (await outbox.index()).value] == [key(2)]


async def test_the_file_neither_grows_nor_is_overwritten_when_batches_come_and_go(
    outbox: BatchOutbox, tmp_path: Path
) -> None:
    draw = random.Random(1)

    def noise(number: int) -> NewRow:
        return NewRow(key(number), 1, draw.randbytes(15_000), sent=False)

    async def pages() -> int:
        def job(connection: sqlite3.Connection) -> int:
            assert connection.execute("PRAGMA secure_delete").fetchone()[0] == 0
            return int(connection.execute("PRAGMA page_count").fetchone()[0])

        return await outbox.writer.run(job)

    await outbox.keep([noise(number) for number in range(20)])
    before = await pages()
    for number in range(20, 60):
        await outbox.forget([key(number - 20)])
        await outbox.keep([noise(number)])
    assert await pages() <= before + 5


async def test_fault_6_a_full_card_gives_its_reserve_up_and_can_delete(outbox: BatchOutbox, tmp_path: Path) -> None:
    await outbox.keep([row(number, positions=200) for number in range(20)])
    await outbox.index()
    reserve = tmp_path / "telemetry.reserve"
    assert 0 < reserve.stat().st_size <= RESERVE_BYTES

    def full(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    await outbox.writer.run(full)
    with pytest.raises(OutboxError, match="full") as failed:
        await outbox.keep([NewRow(key(99), 1, random.Random(1).randbytes(200_000), sent=False)])
    assert failed.value.full
    log = tmp_path / "telemetry.db-wal"
    assert log.stat().st_size > 0
    await outbox.make_room()
    assert not reserve.exists()
    assert log.stat().st_size == 0, "its room can be used"
    await outbox.forget([key(number) for number in range(20)])
    assert reserve.exists(), "taken again when there is room"


async def test_a_reserve_taken_on_a_card_that_was_nearly_full_grows_when_there_is_room(
    outbox: BatchOutbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one of some size nothing can be deleted from a full card, and nothing is sent before that."""
    reserve = tmp_path / "telemetry.reserve"
    really, blocks = os.statvfs, [1]

    def free(path: Path) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=blocks[0], f_frsize=really(path).f_frsize)

    monkeypatch.setattr(os, "statvfs", free)
    await outbox.index()
    assert not reserve.exists(), "there is no room"
    sizes = []
    for blocks[0] in (16, 24, 40, 10**6):
        await outbox.forget([])
        sizes.append(reserve.stat().st_size)
    frame = really(tmp_path).f_frsize
    assert sizes == [2 * frame, 2 * frame, 5 * frame, RESERVE_BYTES]
