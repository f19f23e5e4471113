"""gpsd's reports: each fix once, each refusal by reason, whatever else comes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.catalogue import fault
from edge_agent.drivers.base import EARLIEST_LIVE_NS, Sample
from edge_agent.drivers.gpsd.report import MAX_LINE_BYTES, GpsdDecoder
from edge_agent.drivers.nmea.gate import FixRules
from tests.edge_agent.drivers.nmea_text import SECOND_NS, THREE_NS

TESTCASES = sorted((Path(__file__).parents[3] / "edge_agent/drivers/gpsd/testcases").iterdir())
VERSION = b'{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}\r\n'
SKY = b'{"class":"SKY","device":"/dev/ttyUSB0","hdop":1.1,"uSat":8,"nSat":12}\r\n'


def tpv(second: int = 0, **other: Any) -> bytes:
    """Return a TPV of Jalan Braga at so many seconds past three o'clock."""
    report = {
        "class": "TPV",
        "device": "/dev/ttyUSB0",
        "mode": 3,
        "time": f"2026-11-22T03:00:{second:02}.500Z",
        "lat": -6.9215,
        "lon": 107.6069,
        "altMSL": 712.5,
        "speed": 5.1,
        "track": 90.0,
    }
    return json.dumps({key: value for key, value in {**report, **other}.items() if value is not ...}).encode() + b"\r\n"


def decode(*chunks: bytes, decoder: GpsdDecoder | None = None) -> tuple[list[Sample], Counter[str]]:
    decoder = decoder or GpsdDecoder()
    samples = [sample for chunk in chunks for sample in decoder.feed(chunk, 0)]
    return samples + decoder.flush(), decoder.counters


@pytest.mark.parametrize("folder", TESTCASES, ids=lambda folder: folder.name)
def test_testcase(folder: Path) -> None:
    samples, _ = decode((folder / "input.jsonl").read_bytes(), decoder=GpsdDecoder(rules=FixRules(live=False)))
    found = [{"timestamp_ns": one.time_ns, "kind": one.kind, "fields": one.fields} for one in samples]
    assert found == [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]


def test_a_fix_has_what_gpsd_says_of_it() -> None:
    (sample,), counters = decode(VERSION + SKY + tpv())
    assert sample.time_ns == THREE_NS + SECOND_NS // 2
    assert sample.fields == {
        "latitude": -6.9215,
        "longitude": 107.6069,
        "altitude_m": 712.5,
        "speed_mps": 5.1,
        "course_deg": 90.0,
        "hdop": 1.1,
        "satellites": 8,
    }
    assert counters == {"bytes": counters["bytes"], "reports": 3, "fixes": 1}


def test_an_older_gpsd_lists_the_satellites() -> None:
    sky = b'{"class":"SKY","device":"/dev/ttyUSB0","satellites":[{"PRN":1,"used":true},{"PRN":2,"used":false}]}\n'
    (sample,), _ = decode(sky + tpv())
    assert sample.fields["satellites"] == 1


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"mode": 0}, "no fix"),
        ({"mode": 1, "lat": ..., "lon": ...}, "no fix"),
        ({"mode": ...}, "no fix"),
        ({"status": 5}, "estimated"),
        ({"status": 7}, "manual"),
        ({"status": 8}, "simulated"),
        ({"lat": ...}, "malformed"),
        ({"lat": "-6.9"}, "malformed"),
        ({"lon": True}, "malformed"),
        ({"lat": 91}, "out of range"),
        ({"lat": float("nan")}, "out of range"),
        ({"lon": 10**400}, "out of range"),
        ({"lat": 0, "lon": 0.00001}, "null island"),
    ],
)
def test_what_is_no_position_is_refused_by_its_reason(other: dict[str, Any], reason: str) -> None:
    samples, counters = decode(VERSION + tpv(0, **other) + tpv(1))
    assert len(samples) == 1
    assert counters[reason] == 1


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("yesterday", "bad time"),
        (7, "bad time"),
        ("2026-11-22T03:00:00", "bad time"),
        ("2007-04-08T03:00:00Z", "week rollover"),
    ],
)
def test_a_time_that_cannot_be_is_left_out_alone(time: object, reason: str) -> None:
    (sample,), counters = decode(tpv(0, time=time), decoder=GpsdDecoder(earliest_ns=EARLIEST_LIVE_NS))
    assert sample.time_ns is None
    assert counters[reason] == 1


def test_a_quantity_that_cannot_be_is_left_out_alone() -> None:
    (sample,), counters = decode(tpv(0, speed=-1, track="east", altMSL=...))
    assert sample.fields == {"latitude": -6.9215, "longitude": 107.6069}
    assert (counters["implausible speed_mps"], counters["implausible course_deg"]) == (1, 1)


def test_a_fix_that_is_completed_step_by_step_is_told_once() -> None:
    samples, counters = decode(tpv(0) + tpv(0, speed=9.9) + tpv(1))
    assert [sample.fields["speed_mps"] for sample in samples] == [5.1, 5.1]
    assert counters["repeated"] == 1


def test_of_two_receivers_one_is_taken_until_it_is_silent() -> None:
    decoder, other = GpsdDecoder(), {"device": "/dev/ttyUSB1"}
    assert len(decoder.feed(tpv(0), 0)) == 1
    assert not decoder.feed(tpv(1, **other), 9 * SECOND_NS)
    assert len(decoder.feed(tpv(2, **other), 10 * SECOND_NS)) == 1
    assert not decoder.feed(tpv(3), 11 * SECOND_NS)
    assert decoder.counters["another receiver"] == 2
    decoder.feed(SKY + tpv(4, **other), 12 * SECOND_NS)
    (sample,) = decoder.feed(tpv(5, **other), 12 * SECOND_NS)
    assert "hdop" not in sample.fields, "the other one's satellites are not this one's"
    asked = GpsdDecoder(device="/dev/ttyUSB1")
    assert not asked.feed(tpv(0), 0)
    assert len(asked.feed(tpv(1, **other), 0)) == 1


def test_old_satellites_are_not_told_as_new() -> None:
    decoder = GpsdDecoder()
    decoder.feed(SKY, 0)
    (sample,) = decoder.feed(tpv(0), 11 * SECOND_NS)
    assert "satellites" not in sample.fields


def test_receivers_that_are_missing_or_gone_are_faults_until_there_is_one() -> None:
    decoder = GpsdDecoder()
    decoder.feed(VERSION + b'{"class":"DEVICES","devices":[]}\n', 0)
    assert (decoder.fault() or "").startswith("no receiver: ")
    decoder.feed(b'{"class":"DEVICE","path":"/dev/ttyUSB0","activated":"2026-11-22T03:00:00Z"}\n', 0)
    assert decoder.fault() is None
    decoder.feed(b'{"class":"DEVICE","path":"/dev/ttyUSB0","activated":0}\n', 0)
    assert decoder.fault() == "receiver gone: gpsd lost /dev/ttyUSB0; check its cable"
    decoder.feed(tpv(), 0)
    assert decoder.fault() is None


def test_something_else_on_that_port_is_told() -> None:
    decoder = GpsdDecoder()
    decoder.feed(b"SSH-2.0-OpenSSH_9.2p1\r\n", 0)
    assert (decoder.fault() or "").startswith("not gpsd: ")
    decoder.flush()
    assert decoder.fault() is None, "the next opening is another one"
    decoder.feed(VERSION + b"a line lost its head\n", 0)
    assert decoder.fault() is None
    assert decoder.counters["not json"] == 2


def test_the_gate_stands_before_gpsd_too() -> None:
    decoder = GpsdDecoder(rules=FixRules())
    samples = decoder.feed(tpv(0) + tpv(1, lat=6.9215), 0) + decoder.feed(tpv(2), 2 * SECOND_NS)
    assert len(samples) == 2
    assert decoder.counters["hemisphere flip"] == 1


STREAM = VERSION + SKY + tpv(0) + b'{"class":"TPV","mode":3}\n' + SKY + tpv(1, mode=1) + b"\xff\xfe{]\n\n" + tpv(2)


def test_at_every_split_and_byte_by_byte_the_same() -> None:
    whole = decode(STREAM)
    assert decode(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == whole
    for at in range(len(STREAM)):
        assert decode(STREAM[:at], STREAM[at:]) == whole


@pytest.mark.parametrize("fill", [b"{", b"[", b'"', b"\x00"])
def test_a_line_without_end_costs_no_memory_and_the_next_is_read(fill: bytes) -> None:
    decoder = GpsdDecoder()
    for _ in range(100):
        decoder.feed(fill * 10_000, 0)
        assert len(decoder._buffer) <= MAX_LINE_BYTES
    assert len(decoder.feed(b"\n" + tpv(), 0)) == 1
    assert decoder.counters["too long"] == 1


def test_json_nested_deep_is_counted() -> None:
    _, counters = decode(b"[" * 8_000 + b"]" * 8_000 + b"\n")
    assert counters["not json"] == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("mode", "lat", "lon", "time", "status", "device", "devices", "altMSL", "hdop", "uSat", "satellites")
REPORTS = st.fixed_dictionaries(
    {"class": st.sampled_from(["TPV", "SKY", "DEVICE", "DEVICES", "ERROR", "VERSION"])},
    optional=dict.fromkeys(NAMES, JSON),
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault of the inputs
@given(st.lists(st.binary(max_size=60) | REPORTS.map(lambda report: json.dumps(report).encode() + b"\n"), max_size=10))
def test_any_reports_give_good_positions_or_are_counted_nothing_else(chunks: list[bytes]) -> None:
    samples, counters = decode(*chunks, decoder=GpsdDecoder(earliest_ns=EARLIEST_LIVE_NS, rules=FixRules()))
    assert counters["bytes"] == sum(map(len, chunks))
    assert [fault(sample.kind, sample.fields) for sample in samples] == [None] * len(samples)
