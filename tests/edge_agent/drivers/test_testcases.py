"""Each driver's test cases, whole, byte by byte, at every split, and with junk before, between and behind."""

from __future__ import annotations

import json
import random
import tomllib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from contract.catalogue import fault
from contract.settings import check_table
from edge_agent.drivers.base import DriverSettings, Sample
from edge_agent.drivers.registry import BUILT_IN, find_driver
from tests.edge_agent.drivers.testcases import DRIVERS, Case, line_cases

CASES = line_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.driver}-{case.folder.name}")


def _decode(case: Case, chunks: Iterable[bytes]) -> tuple[list[dict[str, Any]], Counter[str]]:
    decoder = case.decoder()
    samples: list[Sample] = []
    for at, chunk in enumerate(chunks):
        found = decoder.feed(chunk, at)
        # A frame is out with the bytes that complete it, or later, when one before it was ambiguous; never before.
        assert all(0 <= sample.monotonic_ns <= at for sample in found)
        samples += found
    samples += decoder.flush()
    assert [fault(sample.kind, sample.fields) for sample in samples] == [None] * len(samples)
    assert [sample.monotonic_ns for sample in samples] == sorted(sample.monotonic_ns for sample in samples)
    return [_told(sample) for sample in samples], decoder.counters


def _told(sample: Sample) -> dict[str, Any]:
    return {"timestamp_ns": sample.time_ns, "kind": sample.kind, "fields": sample.fields}


def _readings(case: Case, chunks: Iterable[bytes]) -> list[dict[str, Any]]:
    return _decode(case, chunks)[0]


def test_every_line_driver_has_a_case() -> None:
    assert {"nmea", "plantower", "sds011", "frame", "pattern"} <= {case.driver for case in CASES}
    assert {case.driver for case in CASES} <= set(BUILT_IN)


@pytest.mark.parametrize("driver", BUILT_IN)
def test_what_comes_out_is_what_the_settings_say_they_give(driver: str) -> None:
    """A threshold on anything else is refused: one forgotten here would be an alarm that cannot be configured."""
    seen = 0
    for expected in sorted((DRIVERS / driver / "testcases").glob("*/expected.jsonl")):
        own = expected.with_name("sensor.toml")
        text = (own if own.exists() else DRIVERS / driver / "sample.toml").read_text(encoding="utf-8")
        settings: DriverSettings = check_table(tomllib.loads(text)["sensors"][0], find_driver(driver).settings)
        given = settings.gives()
        assert given is not None
        assert {sensor for sensor, _ in given} <= {settings.id, *settings.parts()}
        for told in map(json.loads, expected.read_text(encoding="utf-8").splitlines()):
            name = told.get("sensor") or settings.id
            for field in told["fields"]:
                assert {(name, told["kind"]), (name, f"{told['kind']}.{field}")} & given, field
                seen += 1
    assert seen


@each_case
def test_whole(case: Case) -> None:
    expected = case.expected()
    for reading in expected:
        reading["fields"] = pytest.approx(reading["fields"], rel=0, abs=1e-9)
    found = _readings(case, [b"".join(case.frames())])
    assert found == expected
    types = [{name: type(value) for name, value in reading["fields"].items()} for reading in found]
    assert types == [{name: type(value) for name, value in one["fields"].items()} for one in case.expected()]


@each_case
def test_byte_by_byte(case: Case) -> None:
    whole = b"".join(case.frames())
    assert _decode(case, [bytes([byte]) for byte in whole]) == _decode(case, [whole])


@pytest.mark.slow
@each_case
def test_at_every_split(case: Case) -> None:
    whole = b"".join(case.frames())
    expected = _decode(case, [whole])
    for at in range(len(whole) + 1):
        assert _decode(case, [whole[:at], whole[at:]]) == expected, f"split at byte {at}"


def _junk(case: Case) -> dict[str, bytes]:
    """Return junk of each sort: none of it has what this driver takes for a reading in it."""
    draw = random.Random(case.folder.name)
    # NMEA knows notes and sentences by one character at their beginning, and what follows a note's is the note.
    first = max((frame for frame in case.frames() if not frame.startswith(b"#")), key=len)
    return {
        "noise": draw.randbytes(100).replace(b"#", b"").replace(b"$", b""),
        "zeros": bytes(50),
        "ones": b"\xff" * 50,
        "a wrong baud rate": bytes(byte | 0x80 for byte in draw.randbytes(300)),
        "half a frame": first[: len(first) // 2],
        "the end of a frame": first[len(first) // 2 :],
        "ends of lines": b"\r\n\n\r;",
    }


@each_case
@pytest.mark.parametrize("where", ["before", "between", "behind"])
def test_junk(case: Case, where: str) -> None:
    frames = case.frames()
    expected = _readings(case, [b"".join(frames)])
    for name, junk in _junk(case).items():
        if case.driver == "gpsd":
            junk += b"\n"  # it comes over TCP: nothing is lost or added within a line
        if where == "before":
            dirty = junk + b"".join(frames)
        elif where == "behind":
            dirty = b"".join(frames) + junk
        else:
            dirty = junk.join(frames)
        assert _readings(case, [dirty]) == expected, name
        split = len(dirty) // 2
        assert _readings(case, [dirty[:split], dirty[split:]]) == expected, name
