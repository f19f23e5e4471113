"""A decoder over a line: what it learnt and counted outlives the line, what it had half taken does not."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_agent.drivers.base import Sample
from edge_agent.drivers.line import LineDriver, LineSettings
from edge_agent.errors import LineError


class Words:
    """A decoder that gives a sample a word, each with the number of words before it."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.wrong: str | None = None
        self._rest = b""

    def feed(self, data: bytes, monotonic_ns: int) -> list[Sample]:
        *words, self._rest = (self._rest + data).split(b" ")
        return [self._sample(word, monotonic_ns) for word in words]

    def flush(self) -> list[Sample]:
        rest, self._rest = self._rest, b""
        return [self._sample(rest, 0)] if rest else []

    def fault(self) -> str | None:
        return self.wrong

    def _sample(self, word: bytes, monotonic_ns: int) -> Sample:
        self.counters["words"] += 1
        return Sample("word", {"word": word.decode()}, monotonic_ns, None)


async def words(driver: LineDriver, into: list[object]) -> None:
    async for samples in driver.samples():
        into += [sample.fields["word"] for sample in samples]


async def test_a_file_is_read_to_its_end_and_again_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a bc d")
    driver, found = LineDriver(Words(), f"replay://{tmp_path}/log"), list[object]()
    await words(driver, found)
    assert found == ["a", "bc", "d"]
    await words(driver, found)
    assert found == ["a", "bc", "d"] * 2
    assert driver.counters == {"words": 6}


async def test_fault_39_what_was_pending_when_a_line_is_lost_comes_before_the_error() -> None:
    says = [b"a b", b"c "]

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says.pop(0))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        driver, found = LineDriver(Words(), f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"), list[object]()
        for expected in (["a", "b"], ["a", "b", "c"]):
            with pytest.raises(LineError, match="the other end closed the connection"):
                await words(driver, found)
            assert found == expected


async def test_a_line_left_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a half")
    decoder = Words()
    source = LineDriver(decoder, f"replay://{tmp_path}/log").samples()
    assert len(await anext(source)) == 1
    await source.aclose()
    assert decoder.flush() == []


async def test_a_line_that_cannot_be_opened_yields_nothing(tmp_path: Path) -> None:
    with pytest.raises(LineError):
        await anext(LineDriver(Words(), f"replay://{tmp_path}/none").samples())


def test_a_fault_says_what_to_do() -> None:
    decoder = Words()
    driver = LineDriver(decoder, "replay://x")
    assert driver.fault() is None
    decoder.wrong = "garbled"
    assert driver.fault() == "garbled: check the baud rate, the cable and the driver"
    decoder.wrong = "sensor error: clean it"
    assert driver.fault() == "sensor error: clean it"


@pytest.mark.parametrize(
    ("uri", "claims"),
    [
        ("serial:///dev/no-tty?baudrate=9600", ("serial:/dev/no-tty",)),
        ("serial:///dev/no-tty?exclusive=false", ()),
        ("tcp://10.0.0.1:4001", ("tcp:10.0.0.1:4001",)),
        ("replay://log", ()),
    ],
)
def test_what_a_line_takes_for_itself_alone(uri: str, claims: tuple[str, ...]) -> None:
    settings = LineSettings(id="a", driver="nmea", uri=uri)
    assert settings.claims() == claims
    assert settings.live == (not uri.startswith("replay:"))


def test_a_uri_that_is_no_line_is_refused() -> None:
    with pytest.raises(ValidationError, match="is no line; examples"):
        LineSettings(id="a", driver="nmea", uri="/dev/ttyUSB0")
