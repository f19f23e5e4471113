"""What each page is sent: at once, in order, nothing left out, nothing twice, whatever is cut and whoever is late."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field

import pytest

from duty_desk.web.push import CHUNK_BYTES, MAX_BYTES, MAX_EVENTS, MAX_PAGES, Kept, Page, Push


@dataclass
class Desk:
    """A number that only rises, told by events, and the whole of it by a snapshot."""

    number: int = 0
    snapshots: int = 0
    clock_ns: int = 0
    kept: Kept = field(default_factory=Kept)

    def __post_init__(self) -> None:
        self.push = Push(self._snapshot, kept=self.kept, monotonic_ns=lambda: self.clock_ns)
        self.push.run = "7"

    def _snapshot(self) -> bytes:
        self.snapshots += 1
        return str(self.number).encode()

    def say(self, times: int = 1) -> None:
        for _ in range(times):
            self.number += 1
            self.push.send("number", str(self.number).encode())


@dataclass
class Browser:
    """Reads a stream as a browser does: an event counts when its empty line came, and its id is kept then.

    Each number must be the next after what it has; a snapshot may go over some.
    """

    last_event_id: str | None = None
    numbers: list[int] = field(default_factory=list)
    snapshots: list[int] = field(default_factory=list)
    current: int | None = None
    _rest: bytes = b""

    def cut(self) -> None:
        """Forget what was not whole."""
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            fields = dict(line.split(": ", 1) for line in event.decode().splitlines())
            if "data" not in fields:
                continue
            self.last_event_id = fields["id"]
            number = json.loads(fields["data"])
            if fields["event"] == "snapshot":
                assert self.current is None or number > self.current
                self.snapshots.append(number)
            else:
                assert number == (self.current or 0) + 1
                self.numbers.append(number)
            self.current = number


def joined(push: Push, last_event_id: str | None = None) -> Page:
    page = push.join(last_event_id=last_event_id)
    assert page is not None
    return page


async def read(page: Page, browser: Browser) -> None:
    """Read all there is for a page."""
    while True:
        try:
            async with asyncio.timeout(0):
                chunk = await page.take()
        except TimeoutError:
            return
        if chunk is None:
            return
        browser.feed(chunk)


async def test_a_new_page_gets_a_snapshot_and_what_happens_afterwards() -> None:
    desk, browser = Desk(), Browser()
    desk.say(3)
    page = joined(desk.push)
    desk.say(2)
    await read(page, browser)
    desk.say()
    await read(page, browser)
    # Nothing was read before it was asked for, so the snapshot is of that moment.
    assert (browser.snapshots, browser.numbers) == ([5], [6])


@pytest.mark.parametrize("missed", [0, 1, 500])
async def test_a_page_that_comes_back_gets_what_it_missed_and_no_snapshot(missed: int) -> None:
    desk, browser = Desk(), Browser()
    page = joined(desk.push)
    desk.say(3)
    await read(page, browser)
    desk.push.leave(page)
    desk.say(missed)
    await read(joined(desk.push, browser.last_event_id), browser)
    assert browser.snapshots == [3]
    assert browser.numbers == list(range(4, 4 + missed))
    assert desk.push.resumed == 1


@pytest.mark.parametrize(
    "told", ["", "7", "7-", "7--1", "7-99", "7-x", "7-²", "6-2", "-2", "7-" + "9" * 40, "\ud800-1"]
)
async def test_an_id_that_is_none_of_this_run_gets_a_snapshot(told: str) -> None:
    desk, browser = Desk(), Browser()
    desk.say(3)
    await read(joined(desk.push, told), browser)
    assert (browser.snapshots, browser.numbers) == ([3], [])


@pytest.mark.parametrize(("events", "size"), [(MAX_EVENTS + 1, 1), (60, 100_000)], ids=["events", "bytes"])
async def test_a_page_that_is_too_late_gets_a_snapshot_and_is_not_cut_off(events: int, size: int) -> None:
    desk, browser = Desk(), Browser()
    page = joined(desk.push)
    await read(page, browser)
    for _ in range(events):
        desk.number += 1
        desk.push.send("number", str(desk.number).encode().rjust(size))
    await read(page, browser)
    desk.say()
    await read(page, browser)
    assert (browser.snapshots, browser.numbers) == ([0, events], [events + 1])
    assert (page.dropped, desk.push.late, desk.push.pages) == (False, 1, 1)


async def test_a_thousand_alarms_at_once_reach_a_page_that_reads_late() -> None:
    desk, browser = Desk(), Browser()
    page = joined(desk.push)
    await read(page, browser)
    desk.say(1_000)
    await read(page, browser)
    assert (browser.snapshots, browser.numbers) == ([0], list(range(1, 1_001)))


async def test_what_a_page_has_to_catch_up_with_is_handed_over_in_parts() -> None:
    desk, browser = Desk(), Browser()
    page = joined(desk.push)
    await read(page, browser)
    for _ in range(1_000):
        desk.number += 1
        desk.push.send("number", str(desk.number).encode().rjust(1_000))
    assert len(desk.push.next_for(0)[0]) <= CHUNK_BYTES
    await read(page, browser)
    assert browser.numbers == list(range(1, 1_001))


async def test_what_is_kept_is_bounded() -> None:
    desk = Desk()
    for size in (10, 100_000, MAX_BYTES * 2):
        for _ in range(MAX_EVENTS + 10):
            desk.push.send("number", b"1".rjust(size if size < MAX_BYTES else 10))
        desk.push.send("number", b"1".rjust(size))
        assert len(desk.kept._events) <= MAX_EVENTS
        assert sum(len(event) for event, _veiled in desk.kept._events) == desk.kept._bytes
        assert desk.kept._bytes <= MAX_BYTES or len(desk.kept._events) == 1


async def test_pages_that_come_together_share_a_snapshot_and_each_is_up_to_date() -> None:
    desk = Desk()
    desk.say(3)
    browsers = [Browser() for _ in range(100)]
    for browser in browsers:
        await read(joined(desk.push), browser)
        desk.say()
        desk.clock_ns += 5_000_000
    assert desk.snapshots == 1
    late = Browser()
    await read(joined(desk.push), late)
    assert (late.snapshots, late.numbers) == ([3], list(range(4, 104)))
    desk.clock_ns += 10**9
    fresh = Browser()
    await read(joined(desk.push), fresh)
    assert (fresh.snapshots, fresh.numbers) == ([103], [])


async def test_no_more_pages_than_the_bound_and_a_place_is_free_again() -> None:
    desk = Desk()
    pages = [joined(desk.push) for _ in range(MAX_PAGES)]
    assert desk.push.join() is None
    desk.push.leave(pages[0])
    assert desk.push.join() is not None


def test_whoever_holds_most_pages_makes_room_and_keeps_nobody_out() -> None:
    desk = Desk()
    greedy = [desk.push.join(owner="walls") for _ in range(MAX_PAGES)]
    officers = [desk.push.join(owner=f"petugas-{number}") for number in range(4)]
    assert all(officers)
    assert [page.dropped for page in greedy if page is not None][:5] == [True, True, True, True, False]
    assert desk.push.join(owner="walls") is None
    assert desk.push.pages == MAX_PAGES
    assert not any(page.dropped for page in officers if page is not None)


async def test_a_large_snapshot_comes_in_parts() -> None:
    desk, browser = Desk(number=10**4_000), Browser()
    desk.push = Push(lambda: json.dumps("x" * 1_000_000).encode())
    page = joined(desk.push)
    sizes = []
    while not browser.last_event_id:
        chunk = await page.take()
        assert chunk is not None
        sizes.append(len(chunk))
        browser._rest += chunk
        if browser._rest.endswith(b"\n\n") and len(sizes) > 1:
            break
    assert max(sizes) <= CHUNK_BYTES
    assert len(sizes) > 15


@pytest.mark.parametrize("seed", range(20))
async def test_a_stream_cut_at_any_byte_leaves_no_gap_and_doubles_nothing(seed: int) -> None:
    draw = random.Random(seed)
    desk, browser = Desk(kept=Kept(max_events=50, max_bytes=2_000)), Browser()
    page = joined(desk.push)
    for _ in range(300):
        desk.say(draw.choice([0, 1, 1, 3, 80]))
        desk.clock_ns += draw.choice([0, 10**8, 2 * 10**9])
        if draw.random() < 0.3:
            chunk = await page.take() if page._after != desk.kept.last or page._rest else b""
            assert chunk is not None
            browser.feed(chunk[: draw.randrange(len(chunk) + 1)])
            browser.cut()
            desk.push.leave(page)
            desk.say(draw.randrange(4))
            page = joined(desk.push, browser.last_event_id)
        elif draw.random() < 0.6:
            await read(page, browser)
    await read(page, browser)
    assert browser.current == desk.number
    assert desk.push.resumed > 20
    assert len(browser.snapshots) > 2


def test_a_veiled_event_counts_with_both_its_encodings_and_has_one_number() -> None:
    kept = Kept(max_events=50, max_bytes=100)
    push = Push(lambda: b"whole", veiled_snapshot=lambda: b"hidden", kept=kept, monotonic_ns=lambda: 0)
    push.send("a", b"1" * 20, b"2")
    assert push.next_for(0) == (b"event: a\nid: 0-1\ndata: " + b"1" * 20 + b"\n\n", 1)
    assert push.next_for(0, veiled=True) == (b"event: a\nid: 0-1\ndata: 2\n\n", 1)
    assert kept._bytes == len(push.next_for(0)[0]) + len(push.next_for(0, veiled=True)[0])
    # Each kind of page shares its own snapshot.
    assert b"whole" in push.next_for(None)[0]
    assert b"hidden" in push.next_for(None, veiled=True)[0]
    assert b"whole" in push.next_for(None)[0]
