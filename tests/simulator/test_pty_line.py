"""The simulated serial line can be opened as a tty, and loses what nobody reads, as a UART does."""

from __future__ import annotations

import os
import select
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.pty_line import PtyLine

SENTENCE = b"$GPRMC,120000.00,V,,,,,,,170826,,,N*72\r\n"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PtyLine]:
    with PtyLine(tmp_path / "box-1-gps.tty") as line:
        yield line


def open_tty(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


def heard(tty: int, size: int) -> bytes:
    """Return so many bytes, or fewer if no more come: the kernel passes them on when it has time."""
    got = b""
    while len(got) < size and select.select([tty], [], [], 5.0)[0]:
        got += os.read(tty, size - len(got))
    return got


def test_what_is_sent_arrives_byte_for_byte_and_is_a_tty(line: PtyLine) -> None:
    tty = open_tty(line.link)
    everything = bytes(range(256))
    assert os.isatty(tty)
    assert line.send(everything)
    assert heard(tty, len(everything)) == everything
    assert not termios.tcgetattr(tty)[3] & (termios.ICANON | termios.ECHO)
    os.close(tty)


def test_what_is_sent_while_nobody_has_it_open_is_lost(line: PtyLine) -> None:
    assert not line.send(SENTENCE)
    tty = open_tty(line.link)
    with pytest.raises(BlockingIOError):
        os.read(tty, 1_000)
    assert line.send(SENTENCE)
    assert heard(tty, len(SENTENCE)) == SENTENCE
    assert line.lost_bytes == len(SENTENCE)
    os.close(tty)


def test_what_a_reader_left_unread_is_not_given_to_the_next(line: PtyLine) -> None:
    tty = open_tty(line.link)
    assert line.send(SENTENCE)
    os.close(tty)
    assert not line.send(SENTENCE)
    tty = open_tty(line.link)
    with pytest.raises(BlockingIOError):
        os.read(tty, 1_000)
    os.close(tty)


def test_what_a_reader_throws_away_at_its_opening_is_told(line: PtyLine) -> None:
    tty = open_tty(line.link)
    assert line.send(SENTENCE)
    assert line.send(SENTENCE)
    assert line.flushed_sends() == 0
    termios.tcflush(tty, termios.TCIOFLUSH)
    assert line.flushed_sends() == 2
    assert line.send(SENTENCE)
    assert line.flushed_sends() == 0
    assert heard(tty, len(SENTENCE)) == SENTENCE
    os.close(tty)


def test_what_a_reader_got_that_left_since_is_not_thrown_away_by_the_next(line: PtyLine) -> None:
    first = open_tty(line.link)
    assert line.send(SENTENCE)
    assert line.send(SENTENCE)
    assert heard(first, 2 * len(SENTENCE)) == 2 * SENTENCE
    os.close(first)
    second = open_tty(line.link)  # before anything is sent that nobody would hear
    termios.tcflush(second, termios.TCIOFLUSH)
    assert line.flushed_sends() == 0
    assert line.send(SENTENCE)
    termios.tcflush(second, termios.TCIOFLUSH)
    assert line.flushed_sends() == 1
    os.close(second)


def test_what_a_reader_writes_goes_nowhere_and_never_blocks_it(line: PtyLine) -> None:
    tty = open_tty(line.link)
    for _ in range(200):
        os.write(tty, SENTENCE)
        line.send(SENTENCE)
        heard(tty, len(SENTENCE))
    assert line.flushed_sends() == 0
    os.close(tty)


def test_a_reader_that_does_not_read_overflows_and_never_blocks_the_sender(line: PtyLine) -> None:
    tty = open_tty(line.link)
    results = [line.send(SENTENCE) for _ in range(5_000)]
    assert results[0]
    assert not results[-1]
    assert 0 < line.lost_bytes < 5_000 * len(SENTENCE)
    os.close(tty)


def test_the_link_is_replaced_at_a_restart_and_gone_after(tmp_path: Path) -> None:
    link = tmp_path / "gps.tty"
    link.symlink_to("/dev/pts/stale")
    with PtyLine(link):
        assert link.resolve() != Path("/dev/pts/stale")
        tty = open_tty(link)
    with pytest.raises(OSError, match="Input/output"):
        os.write(tty, b"x")
    os.close(tty)
    assert not link.is_symlink()
