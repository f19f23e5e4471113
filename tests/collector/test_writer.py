"""The writer against a store that answers what it is told: nothing good is lost, nothing bad is retried for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from collector.batcher import Batcher, Limits
from collector.intake import RefusedLines
from collector.line_protocol import split_lines
from collector.order import Arrivals, Load
from collector.roster import Device
from collector.trouble import Trouble
from collector.writer import Writer
from link.backoff import Backoff
from store.influxdb1 import InfluxDB1
from tests.store.scripted import NO_CONTENT, Reply, Scripted, drip, reply, scripted

BAD = b"bad"


@dataclass
class Desk:
    """A running writer, and what it told."""

    server: Scripted
    batcher: Batcher
    writer: Writer
    trouble: Trouble
    stored: list[tuple[str, int, list[tuple[bytes, str]]]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    arrivals: Arrivals = field(default_factory=Arrivals)

    def add(self, name: str, *lines: bytes) -> None:
        """Hand over a message's lines."""
        now_s = asyncio.get_running_loop().time()
        load = self.batcher.open(self.arrivals, now_s)
        load.pieces.append((Device(name).stream("0" * 16), 1, b"\n".join(lines).decode(), len(lines)))
        if self.batcher.added(len(lines), 1, now_s):
            self.writer.look.set()

    async def told(self, number: int) -> list[tuple[str, int, list[tuple[bytes, str]]]]:
        """Wait until that many messages are done; return them by name."""
        async with asyncio.timeout(10):
            while len(self.stored) < number:
                self.changed.clear()
                await self.changed.wait()
        return sorted(self.stored)


@asynccontextmanager
async def _desk(
    *replies: Reply,
    after: Reply = NO_CONTENT,
    timeout_s: float = 5.0,
    limits: Limits = Limits(),  # noqa: B008
) -> AsyncIterator[Desk]:
    async with scripted(*replies) as server, InfluxDB1(server.url, "siaga", timeout_s=timeout_s) as store:
        server.after = after
        batcher = Batcher(Limits())
        trouble = Trouble()
        stored: list[tuple[str, int, list[tuple[bytes, str]]]] = []
        changed = asyncio.Event()

        def on_stored(load: Load, refused: RefusedLines) -> None:
            stored.extend(
                (stream.device.name, count, list(refused.get(place, [])))
                for place, (stream, _, _, count) in enumerate(load.pieces)
            )

        writer = Writer(
            store,
            batcher,
            on_stored=on_stored,
            on_load=changed.set,
            trouble=trouble,
            new_backoff=lambda: Backoff(0.005, 0.02),
        )
        task = asyncio.create_task(writer.run(), name="writer")
        try:
            yield Desk(server, batcher, writer, trouble, stored, changed)
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_a_load_without_lines_is_settled_without_a_write() -> None:
    async with _desk() as desk:
        done = asyncio.Event()
        told: list[Load] = []
        desk.writer._on_stored = lambda load, refused: told.append(load)
        desk.writer._on_load = done.set
        load = desk.batcher.open(desk.arrivals, 0.0)
        load.packet_ids.append(1)
        desk.batcher.added(0, 1, 0.0)
        desk.writer.look.set()
        async with asyncio.timeout(5):
            await done.wait()
        assert told == [load]
        assert desk.server.bodies == []


async def test_the_store_is_told_the_days_that_messages_end_in() -> None:
    day_ns = 86_400 * 10**9
    async with _desk() as desk:
        desk.add("m1", b"a v=1 %d" % (20_779 * day_ns), b"a v=1 %d" % (20_780 * day_ns))
        desk.add("m2", b"a v=1 %d" % (20_782 * day_ns - 1))
        await desk.told(2)
        store = desk.writer._store
        assert isinstance(store, InfluxDB1)
        assert {day for _, day in store._first_writes._written_s} == {20_780, 20_781}


async def test_messages_that_come_together_are_one_body() -> None:
    async with _desk() as desk:
        desk.add("m1", b"a", b"b")
        desk.add("m2", b"c")
        assert await desk.told(2) == [("m1", 2, []), ("m2", 1, [])]
        assert desk.server.bodies == [b"a\nb\nc"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply("500 Internal Server Error", b'{"error":"engine"}'), id="500"),
        pytest.param(reply("503 Service Unavailable", b"<html>"), id="503 html"),
        pytest.param(reply("500 Oops", b"{", length=100), id="truncated"),
        pytest.param(reply("429 Too Many", headers="Retry-After: 0\r\n"), id="429"),
        pytest.param(reply("401 Unauthorized"), id="401"),
        pytest.param(reply("302 Found", headers="Location: /login\r\n"), id="redirect"),
        pytest.param(Reply((b"",)), id="closed"),
        pytest.param(drip("400 Bad Request", b" " * 100, 0.04), id="slow drip"),
    ],
)
async def test_what_may_pass_is_tried_again_with_the_same_bytes(answer: Reply) -> None:
    async with _desk(answer, answer, timeout_s=0.4 if answer.drip_s else 5.0) as desk:
        desk.add("m1", b"a", b"b")
        assert await desk.told(1) == [("m1", 2, [])]
        assert desk.server.bodies == [b"a\nb"] * 3
        assert desk.trouble.times == 1
        assert not desk.trouble


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_an_account_that_is_refused_does_not_try_to_make_the_database(status: str) -> None:
    async with _desk(reply(status), reply(status)) as desk:
        desk.add("m1", b"a")
        assert await desk.told(1) == [("m1", 1, [])]
        assert len(desk.server.paths) == len(desk.server.bodies) == 3


async def test_a_database_that_is_gone_is_made_again() -> None:
    gone = reply("404 Not Found", b'{"error":"database not found: \\"siaga\\""}')
    async with _desk(gone) as desk:
        desk.add("m1", b"a")
        assert await desk.told(1) == [("m1", 1, [])]
        assert any("CREATE" in path for path in desk.server.paths)


async def test_a_body_too_large_is_written_in_parts() -> None:
    async with _desk() as desk:
        desk.server.answer = lambda body: NO_CONTENT if len(body) <= 3 else reply("413 Request Entity Too Large")
        desk.add("m1", b"a", b"b", b"c", b"d")
        desk.add("m2", b"e")
        assert await desk.told(2) == [("m1", 4, []), ("m2", 1, [])]
        written = [line for body in desk.server.bodies if len(body) <= 3 for line in split_lines(body)]
        assert sorted(written) == [b"a", b"b", b"c", b"d", b"e"]


async def test_one_line_too_large_is_refused() -> None:
    async with _desk(after=reply("413 Request Entity Too Large")) as desk:
        desk.add("m1", b"a")
        assert await desk.told(1) == [("m1", 1, [(b"a", "too large")])]


async def test_a_partial_write_that_names_all_lines_is_not_halved() -> None:
    words = "partial write: points beyond retention policy dropped=3"
    async with _desk(reply("400 Bad Request", b'{"error":"%s"}' % words.encode())) as desk:
        desk.add("m1", b"a", b"b")
        desk.add("m2", b"c")
        assert await desk.told(2) == [("m1", 2, [(b"a", words), (b"b", words)]), ("m2", 1, [(b"c", words)])]
        assert len(desk.server.bodies) == 1


@pytest.mark.parametrize(
    "words",
    [
        "field type conflict",
        "partial write: unable to parse 'bad': missing fields dropped=0",
        "partial write: field type conflict dropped=1",
    ],
)
async def test_bad_lines_are_found_and_the_others_are_stored(words: str) -> None:
    refusal = reply("400 Bad Request", b'{"error":"%s"}' % words.encode())
    async with _desk() as desk:
        kept: list[bytes] = []

        def answer(body: bytes) -> Reply:
            lines = split_lines(body)
            if any(line.startswith(BAD) for line in lines):
                return refusal
            kept.extend(lines)
            return NO_CONTENT

        desk.server.answer = answer
        for message in range(10):
            desk.add(f"m{message}", *(BAD + b"%d%d" % (message, n) if n == message else b"%d" % n for n in range(7)))
        told = await desk.told(10)
        assert [name for name, _, refused in told if refused] == [f"m{message}" for message in range(7)]
        assert [line for _, _, refused in told for line, _ in refused] == [BAD + b"%d%d" % (n, n) for n in range(7)]
        assert {reason for _, _, refused in told for _, reason in refused} == {words}
        assert len(kept) == 63


async def test_series_that_were_refused_are_refused_in_one_write_the_next_time_and_taken_when_the_store_does() -> None:
    async with _desk() as desk:

        def answer(body: bytes) -> Reply:
            bad = sum(line.startswith(BAD) for line in split_lines(body))
            words = b'{"error":"partial write: max-series-per-database limit exceeded: (9) dropped=%d"}' % bad
            return reply("400 Bad Request", words) if bad else NO_CONTENT

        def load(place: int) -> list[bytes]:
            return [b"%s,s=%d f=1 %d" % (BAD if n % 10 == 3 else b"good", n, place) for n in range(64)]

        desk.server.answer = answer
        desk.add("m1", *load(1))
        [(_, _, refused)] = await desk.told(1)
        assert {line for line, _ in refused} == {line for line in load(1) if line.startswith(BAD)}
        assert len(refused) == 7
        searched = len(desk.server.bodies)
        assert searched > 20
        desk.add("m2", *load(2))
        assert len((await desk.told(2))[1][2]) == len(refused)
        assert len(desk.server.bodies) == searched + 2
        desk.server.answer = None
        desk.add("m3", *load(3))
        assert (await desk.told(3))[2] == ("m3", 64, [])
        assert len(desk.server.bodies) == searched + 4
        desk.add("m4", *load(4))
        await desk.told(4)
        assert len(desk.server.bodies) == searched + 5, "what the store took is no suspect any more"


async def test_the_first_success_wakes_every_waiting_worker() -> None:
    down = reply("500 Oops")
    async with _desk(*([down] * 12)) as desk:
        for number in range(4):
            desk.add(f"m{number}", b"%d" % number)
            await desk.server.wait_for_writes(len(desk.server.bodies) + 1)
        assert [name for name, _, _ in await desk.told(4)] == ["m0", "m1", "m2", "m3"]
