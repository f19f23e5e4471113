"""What comes first for a day goes alone, and twice where others write too: InfluxDB may lose it otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from store.errors import StoreRefusedError, StoreRetryError
from store.first_writes import KNOWN_S, MAX_DAYS, FirstWrites, days_of, days_of_ends
from store.influxdb1 import InfluxDB1
from tests.store.scripted import NO_CONTENT, scripted

DAY_NS = 86_400 * 10**9
TODAY = 20_000


def line(day: int, ns: int = 0) -> bytes:
    return b'w,device=a level_m=1.5,clock="ntp" %d' % (day * DAY_NS + ns)


@pytest.mark.parametrize(
    ("lines", "days"),
    [
        (line(TODAY), {TODAY}),
        (line(TODAY) + b"\n" + line(TODAY, DAY_NS - 1), {TODAY}),
        (line(TODAY, DAY_NS - 1) + b"\n" + line(TODAY + 1), {TODAY, TODAY + 1}),
        (b"\n".join(line(day) for day in (TODAY + 2, TODAY, TODAY + 1)), {TODAY, TODAY + 1, TODAY + 2}),
        (line(11_000) + b"\n" + line(TODAY), {11_000, TODAY}),  # of 18 digits
        (line(11_000) + b"\n" + line(11_001), {11_000, 11_001}),
        (line(TODAY) + b"\n", {TODAY}),
        (b"garbage\n" + line(TODAY), {TODAY}),
        (b"garbage", set()),
        (b"", set()),
    ],
)
def test_days_are_those_of_the_lines_times(lines: bytes, days: set[int]) -> None:
    assert days_of(lines) == days


@pytest.mark.parametrize(
    ("ends", "days"),
    [
        ([line(TODAY)], {TODAY}),
        ([line(TODAY, DAY_NS - 1), line(TODAY + 1)], {TODAY, TODAY + 1}),
        ([line(TODAY - 1) + b"\n" + line(TODAY)], {TODAY}),  # the first line of several counts for nothing
        ([line(11_000), b"garbage", b""], set()),
    ],
)
def test_days_of_messages_are_those_they_end_in(ends: list[bytes], days: set[int]) -> None:
    assert days_of_ends(end.decode() for end in ends) == days


class Store:
    """A store that answers when it is let, and notes who is under way together."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.waiting: dict[str, asyncio.Future[None]] = {}

    def send(self, name: str) -> Callable[[], Awaitable[None]]:
        async def one() -> None:
            self.begun.append(name)
            self.waiting[name] = asyncio.get_running_loop().create_future()
            await self.waiting[name]

        return one

    async def answer(self, name: str, error: Exception | None = None) -> None:
        """Answer a request, and let whoever waited for that begin."""
        future = self.waiting.pop(name)
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
        await _turns()


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Stand:
    """First writes under test, with a clock that a test sets."""

    def __init__(self, *, others: bool = False) -> None:
        self.at_s = 1_000.0
        self.store = Store()
        self.writes = FirstWrites(others=others, settled_s=0.02, now_s=lambda: self.at_s)
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def write(self, name: str, lines: bytes = line(TODAY), policy: str = "") -> None:
        """Begin a write."""
        self.tasks[name] = asyncio.create_task(self.writes.write(days_of(lines), policy, self.store.send(name)))
        await _turns()

    async def written(self, name: str, lines: bytes = line(TODAY), policy: str = "") -> None:
        """Write, answered at once."""
        await self.write(name, lines, policy)
        await self.store.answer(name)
        await self.tasks[name]


@asynccontextmanager
async def _stand(*, others: bool = False) -> AsyncIterator[Stand]:
    stand = Stand(others=others)
    async with asyncio.timeout(5):
        yield stand
    for task in stand.tasks.values():
        task.cancel()
    await asyncio.gather(*stand.tasks.values(), return_exceptions=True)


async def test_the_first_of_a_day_goes_alone_and_the_others_then_go_together() -> None:
    async with _stand() as stand:
        for name in "abc":
            await stand.write(name)
        assert stand.store.begun == ["a"]
        await stand.store.answer("a")
        assert stand.store.begun == ["a", "b", "c"]
        await stand.store.answer("c")
        await stand.store.answer("b")
        assert all(task.done() for task in stand.tasks.values())


async def test_another_day_or_policy_has_a_first_of_its_own_and_the_day_that_is_known_does_not_wait_for_it() -> None:
    async with _stand() as stand:
        await stand.written("known")
        await stand.write("yesterday too", line(TODAY - 1) + b"\n" + line(TODAY))
        await stand.write("yesterday", line(TODAY - 1))
        await stand.write("policy", line(TODAY), "hour")
        await stand.write("today")
        assert stand.store.begun == ["known", "yesterday too", "today"]
        await stand.store.answer("yesterday too")
        assert stand.store.begun[3:] == ["yesterday", "policy"]


async def test_after_a_minute_without_a_write_the_next_one_is_a_first_again() -> None:
    async with _stand() as stand:
        await stand.written("a")
        stand.at_s += KNOWN_S - 1
        await stand.written("b")
        stand.at_s += KNOWN_S - 1
        await stand.write("c")
        await stand.write("d")
        assert stand.store.begun == ["a", "b", "c", "d"]
        await stand.store.answer("c")
        await stand.store.answer("d")
        stand.at_s += KNOWN_S
        await stand.write("e")
        await stand.write("f")
        assert stand.store.begun[4:] == ["e"]


async def test_after_trouble_all_days_are_new_and_a_first_that_fails_lets_the_next_one_try() -> None:
    async with _stand() as stand:
        await stand.written("a")
        await stand.write("b")
        await stand.store.answer("b", StoreRetryError("down"))
        await stand.write("c")
        await stand.write("d")
        assert stand.store.begun == ["a", "b", "c"]
        await stand.store.answer("c", StoreRetryError("down"))
        assert stand.store.begun == ["a", "b", "c", "d"]
        for name in "bc":
            assert isinstance(stand.tasks[name].exception(), StoreRetryError)


async def test_where_others_write_too_the_first_is_repeated_before_it_counts() -> None:
    async with _stand(others=True) as stand:
        await stand.write("a")
        await stand.write("b")
        await stand.store.answer("a")
        assert not stand.tasks["a"].done()
        while "a" not in stand.store.waiting:  # noqa: ASYNC110 - a store is told of nothing
            await asyncio.sleep(0.005)
        assert stand.store.begun == ["a", "a"]
        await stand.store.answer("a")
        assert stand.tasks["a"].done()
        await stand.written("c")
        assert stand.store.begun == ["a", "a", "b", "c"]


async def test_after_a_request_that_was_given_up_the_first_is_repeated_once() -> None:
    async with _stand() as stand:
        stand.writes.unanswered()
        await stand.write("a")
        await stand.store.answer("a")
        while "a" not in stand.store.waiting:  # noqa: ASYNC110 - a store is told of nothing
            await asyncio.sleep(0.005)
        await stand.store.answer("a")
        await stand.tasks["a"]
        stand.at_s += KNOWN_S
        await stand.written("b")
        assert stand.store.begun == ["a", "a", "b"]


async def test_what_is_refused_makes_no_day_known() -> None:
    async with _stand() as stand:
        await stand.write("a")
        await stand.store.answer("a", StoreRefusedError("unable to parse"))
        await stand.write("b")
        await stand.write("c")
        assert stand.store.begun == ["a", "b"]


async def test_the_days_that_are_remembered_are_bounded() -> None:
    async with _stand() as stand:
        await stand.written("many", b"\n".join(line(day) for day in range(MAX_DAYS + 5)))
        await stand.write("first", line(MAX_DAYS + 4))
        await stand.write("second", line(MAX_DAYS + 4))
        assert stand.store.begun == ["many", "first", "second"]
        await stand.write("third", line(0))
        await stand.write("fourth", line(0))
        assert stand.store.begun[3:] == ["third"]


async def test_a_client_sends_its_first_alone() -> None:
    gate = asyncio.Event()
    async with (
        scripted(replace(NO_CONTENT, gate=gate)) as server,
        InfluxDB1(server.url, "siaga") as store,
        asyncio.timeout(10),
    ):
        both = asyncio.gather(store.write(line(TODAY)), store.write(line(TODAY, 1)))
        await server.wait_for_writes(1)
        await asyncio.sleep(0.05)  # time enough for the other, if it would not wait
        assert server.bodies == [line(TODAY)]
        gate.set()
        await both
        assert server.bodies == [line(TODAY), line(TODAY, 1)]


@pytest.mark.slow
async def test_a_client_that_gave_a_request_up_sends_the_first_that_is_answered_twice() -> None:
    never = replace(NO_CONTENT, gate=asyncio.Event())
    async with scripted(never) as server, InfluxDB1(server.url, "siaga", timeout_s=0.8) as store, asyncio.timeout(20):
        with pytest.raises(StoreRetryError):
            await store.write(line(TODAY))
        await store.write(line(TODAY))
        await store.write(line(TODAY, 1))
        assert server.bodies == [*3 * [line(TODAY)], line(TODAY, 1)]
