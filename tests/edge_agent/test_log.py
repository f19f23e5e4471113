"""The log: lines for people or JSON, and a disk that takes none, or a reader that does not read, holds up nobody."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

import pytest

from edge_agent import log
from edge_agent.log import MOST_LINES, LogFormat, LogWriter


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the end wait for a thread that a busy machine holds up."""
    monkeypatch.setattr(log, "_END_S", 10.0)


def record(message: str = "hello %s", *args: object) -> logging.LogRecord:
    return logging.LogRecord("siaga.edge", logging.ERROR, "x.py", 1, message, args, None)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_a_record_in_order(tmp_path: Path, form: LogFormat) -> None:
    with (tmp_path / "log").open("wb") as file:
        writer = LogWriter(form, file.fileno())
        for number in range(100):
            writer.emit(record("hello %s", f"»{number}«\n"))
        writer.close()
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    if form == "json":
        assert [json.loads(line)["message"] for line in lines] == [f"hello »{number}«\n" for number in range(100)]
        assert {json.loads(line)["level"] for line in lines} == {"error"}
        assert json.loads(lines[0])["time"].endswith("+00:00")
    else:
        assert "ERROR siaga.edge: hello »0«" in lines[0]
    assert writer.lost == 0


@pytest.mark.usefixtures("patient")
def test_a_traceback_is_in_the_same_json_line(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        writer = LogWriter("json", file.fileno())
        try:
            raise ValueError("unforeseen")
        except ValueError as error:
            one = record("failed")
            one.exc_info = (ValueError, error, error.__traceback__)
            writer.emit(one)
        writer.close()
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert "ValueError: unforeseen" in json.loads(line)["exception"]


@pytest.mark.usefixtures("patient")
def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    writer = LogWriter("text", descriptor)
    for _ in range(3):
        writer.emit(record("hello"))
    writer.close()
    os.close(descriptor)
    assert writer.lost == 3


def test_a_reader_that_does_not_read_costs_lines_and_no_time() -> None:
    reading, writing = os.pipe()
    writer = LogWriter("text", writing)
    begun_s = time.monotonic()
    for _ in range(3 * MOST_LINES):
        writer.emit(record("x" * 1_000))
    assert time.monotonic() - begun_s < 10
    assert MOST_LINES <= writer.lost <= 2 * MOST_LINES
    writer.close()
    assert time.monotonic() - begun_s < 15
    os.close(reading)  # its thread gets EPIPE now, and ends with the queue, for which each `close` waits half a second
    until_s = time.monotonic() + 10
    while writer._thread.is_alive() and time.monotonic() < until_s:
        writer.close()
    assert not writer._thread.is_alive()
    os.close(writing)


@pytest.mark.usefixtures("patient")
def test_a_record_that_cannot_be_worded_is_lost_alone(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        writer = LogWriter("text", file.fileno())
        writer.emit(record("%d", "no number"))
        writer.emit(record("hello"))
        writer.close()
    assert writer.lost == 1
    assert "hello" in (tmp_path / "log").read_text()
