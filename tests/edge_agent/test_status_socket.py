"""The status socket: who asks and does not read holds up nobody, and what is in its way is left alone."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge_agent.status_socket import (
    MAX_BYTES,
    MAX_REQUEST_BYTES,
    NAME,
    Place,
    SilentAgentError,
    _within,
    ask,
    places,
    serve,
)


@asynccontextmanager
async def serving(folder: Path, answer: Callable[[], bytes]) -> AsyncIterator[Counter[str]]:
    faults: Counter[str] = Counter()
    task = asyncio.create_task(serve([Place(folder)], lambda asked: answer(), faults))
    async with asyncio.timeout(5):
        while not faults and not _stands(folder):  # noqa: ASYNC110 - the file is all it shows
            await asyncio.sleep(0.005)
    yield faults
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _stands(folder: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as probe, _within(Place(folder)) as path:
        probe.connect(path)
        return True
    return False


def longest_pause_s(over: Callable[[], bool]) -> float:
    """Return the longest of many short sleeps, taken until something is over."""
    longest_s = 0.0
    while not over():
        turn = time.monotonic()
        time.sleep(0.005)
        longest_s = max(longest_s, time.monotonic() - turn)
    return longest_s


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0


async def asked(folder: Path, timeout_s: float = 3.0) -> bytes | None:
    return await asyncio.to_thread(ask, [Place(folder)], b"", timeout_s)


async def test_an_answer_in_a_folder_with_a_path_longer_than_a_sockets_name(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    assert await asked(folder) is None
    async with serving(folder, lambda: b'{"pid":1}'):
        assert await asked(folder) == b'{"pid":1}\n'
        assert stat.S_IMODE(_mode(folder / NAME)) == 0o600
    assert await asked(folder) is None, "the socket is left, and nobody listens"
    async with serving(folder, lambda: b"again"):
        assert await asked(folder) == b"again\n"


@pytest.mark.slow
async def test_who_does_not_read_holds_up_the_next_for_1_s_at_most_and_the_agent_never(tmp_path: Path) -> None:
    answers = iter([b"to `serving`'s own look", b"x" * 10_000_000, b"short", b"x"])
    async with serving(tmp_path, lambda: next(answers)):
        with socket.socket(socket.AF_UNIX) as stuck:
            stuck.connect(str(tmp_path / NAME))
            stuck.sendall(b"\n")
            begun = time.monotonic()
            waiting = asyncio.create_task(asked(tmp_path))
            beside = asyncio.create_task(asyncio.to_thread(longest_pause_s, waiting.done))
            longest_s = 0.0
            while not waiting.done():
                turn = time.monotonic()
                await asyncio.sleep(0.005)
                longest_s = max(longest_s, time.monotonic() - turn)
            assert await waiting == b"short\n"
            assert time.monotonic() - begun < 5
            assert longest_s < 0.9 + await beside, "what a thread beside it waited for was the machine"


async def test_an_answer_without_end_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, lambda: b"x" * (MAX_BYTES + 1)):
        with pytest.raises(SilentAgentError, match="more than 1000000 bytes"):
            await asked(tmp_path)


async def test_a_second_agent_does_not_take_the_socket_of_the_first(tmp_path: Path) -> None:
    async with serving(tmp_path, lambda: b"first"):
        second: Counter[str] = Counter()
        task = asyncio.create_task(serve([Place(tmp_path)], lambda asked: b"second", second))
        async with asyncio.timeout(5):
            while not second:  # noqa: ASYNC110 - the count is all it shows
                await asyncio.sleep(0.005)
        task.cancel()
        assert second["status socket"] == 1
        assert await asked(tmp_path) == b"first\n"


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("somebody's")
    async with serving(tmp_path, lambda: b"") as faults:
        assert faults["status socket"] == 1
    assert (tmp_path / NAME).read_text() == "somebody's"
    assert await asked(tmp_path) is None


async def test_a_folder_that_is_not_there_is_a_fault_and_no_agent(tmp_path: Path) -> None:
    async with serving(tmp_path / "none", lambda: b"") as faults:
        assert faults["status socket"] == 1
    assert await asked(tmp_path / "none") is None


async def test_an_agent_that_ends_amid_its_answer_is_told_as_such(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / NAME))
        listener.listen()
        asking = asyncio.create_task(asked(tmp_path))
        connected, _ = await asyncio.to_thread(listener.accept)
        assert await asyncio.to_thread(connected.recv, 10) == b"\n"
        connected.sendall(b'{"pid":')
        connected.close()
        with pytest.raises(SilentAgentError, match="cut short"):
            await asking


@pytest.mark.skipif(os.geteuid() == 0, reason="root may ask every agent")
async def test_another_users_agent_is_told_as_such(tmp_path: Path) -> None:
    async with serving(tmp_path, lambda: b"{}"):
        (tmp_path / NAME).chmod(0)
        with pytest.raises(SilentAgentError, match="belongs to another user"):
            await asked(tmp_path)


async def test_where_the_card_takes_no_socket_it_is_on_tmpfs_and_is_found_there(tmp_path: Path) -> None:
    card, runtime = tmp_path / "card", tmp_path / "runtime"
    card.mkdir()
    runtime.mkdir()
    (card / NAME).write_text("as on a card that is read-only, nothing can be made here")
    tried = places(card, runtime, {})
    assert [place.folder for place in tried] == [card, runtime]
    faults: Counter[str] = Counter()
    task = asyncio.create_task(serve(tried, lambda asked: b"got " + asked, faults))
    async with asyncio.timeout(5):
        while (told := await asyncio.to_thread(ask, tried, b"it")) is None:  # noqa: ASYNC110 - it is all it shows
            await asyncio.sleep(0.01)
    assert told == b"got it\n"
    assert faults["status socket"] == 1
    assert [stat.S_IMODE(_mode(path)) for path in runtime.iterdir()] == [0o600]
    other = places(tmp_path, runtime, {})
    assert await asyncio.to_thread(ask, other) is None, "the name tells the data folder"
    task.cancel()


async def test_a_request_longer_than_there_is_room_for_is_cut(tmp_path: Path) -> None:
    heard: list[int] = []

    def answer(asked: bytes) -> bytes:
        heard.append(len(asked))
        return b"heard"

    task = asyncio.create_task(serve([Place(tmp_path)], answer, Counter()))
    async with asyncio.timeout(5):
        while not _stands(tmp_path):  # noqa: ASYNC110 - the file is all it shows
            await asyncio.sleep(0.005)
    with suppress(SilentAgentError):
        await asyncio.to_thread(ask, [Place(tmp_path)], b"x" * 1_000_000)
    assert await asyncio.to_thread(ask, [Place(tmp_path)], b"short") == b"heard\n"
    assert max(heard) <= 3 * MAX_REQUEST_BYTES
    task.cancel()
