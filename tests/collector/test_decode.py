"""Bodies to lines and refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.decode import EARLIEST_NS, LATEST_AHEAD_NS, decode, device_of
from contract.batch import MAX_BATCH_BYTES, decode_batch
from contract.errors import BodyError
from tests.collector.batches import BAD_BODIES, GOOD, STREAM, T0_NS, batch, body, reading

NOW_NS = T0_NS + 10**9


def test_a_good_batch_is_lines_with_the_device_of_the_topic() -> None:
    decoded = decode("box-1", body(number=7, readings=[reading(1), reading(2)]), NOW_NS)
    assert (decoded.stream, decoded.batch, decoded.count, decoded.refusals) == (STREAM, 7, 2, ())
    lines = decoded.lines.decode().split("\n")
    assert len(lines) == 2
    assert lines[0].startswith("position,device=box-1,sensor=gps ")
    assert lines[0].endswith(str(T0_NS + 10**6))


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_refused_with_its_reason(name: str) -> None:
    bad, reason = BAD_BODIES[name]
    with pytest.raises(BodyError) as caught:
        decode("box-1", bad, NOW_NS)
    assert caught.value.reason == reason
    assert caught.value.body == bad


def test_keys_we_do_not_know_and_colons_in_texts_are_no_duplicates() -> None:
    value = batch() | {"later": {"a": "b:c:d"}}
    value["readings"][0]["note:"] = ":"
    assert decode("box-1", json.dumps(value).encode(), NOW_NS).count == 1


@pytest.mark.parametrize(
    ("bad", "reason", "detail"),
    [
        (reading(kind="mood"), "unknown kind", "mood"),
        (reading(fields={"latitude": 1, "longitude": 2, "mood": 3}), "unknown field", "mood"),
        (reading(fields={"latitude": "1", "longitude": 2}), "wrong type", "latitude"),
        (reading(fields={"latitude": True, "longitude": 2}), "wrong type", "latitude"),
        (reading(fields={"latitude": 1, "longitude": 2, "satellites": 9.0}), "wrong type", "satellites"),
        (reading(fields={"latitude": 91, "longitude": 2}), "out of range", "latitude"),
        (reading(fields={"latitude": 1}), "missing field", "longitude"),
        (reading(timestamp_ns=0), "before 2000", ""),
        (reading(timestamp_ns=EARLIEST_NS - 1), "before 2000", ""),
        (reading(timestamp_ns=NOW_NS + LATEST_AHEAD_NS + 1), "future time", ""),
        (reading(timestamp_ns=2**63 - 1), "future time", ""),
    ],
)
def test_a_bad_reading_is_refused_alone(bad: dict[str, Any], reason: str, detail: str) -> None:
    whole = body(number=3, readings=[reading(1), bad, reading(2), bad])
    decoded = decode("box-1", whole, NOW_NS)
    assert decoded.count == 2
    (refusal,) = decoded.refusals
    assert (refusal.reason, refusal.detail, refusal.readings) == (reason, detail, 2)
    kept = decode_batch(refusal.body)
    assert (kept["device"], kept["stream"], kept["batch"], len(kept["readings"])) == ("box-1", STREAM, 3, 2)
    assert kept["readings"][0] == bad
    assert decode("box-1", whole, NOW_NS).refusals[0].body == refusal.body, "a repeat is the same body"


@pytest.mark.parametrize("timestamp_ns", [EARLIEST_NS, NOW_NS + LATEST_AHEAD_NS])
def test_the_bounds_of_time_are_good(timestamp_ns: int) -> None:
    assert decode("box-1", body(readings=[reading(timestamp_ns=timestamp_ns)]), NOW_NS).refusals == ()


def test_each_reason_is_a_body_of_its_own() -> None:
    decoded = decode("box-1", body(readings=[reading(kind="mood"), reading(timestamp_ns=0)]), NOW_NS)
    assert decoded.count == 0
    assert decoded.lines == b""
    assert [one.reason for one in decoded.refusals] == ["unknown kind", "before 2000"]


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("siaga/v1/up/box-1/telemetry", "box-1"),
        ("siaga/v1/up/box-1/alarm", None),
        ("siaga/v1/up/BOX/telemetry", None),
        ("siaga/v1/up//telemetry", None),
        ("siaga/v1/up/+/telemetry", None),
        ("siaga/v1/up/box-1/telemetry\n", None),
        ("siaga/v1/up/" + "a" * 64 + "/telemetry", None),
        ("x" * 65_535, None),
    ],
)
def test_the_topic_names_the_device(topic: str, device: str | None) -> None:
    assert device_of(topic) == device


def _decodes_or_refuses(data: bytes) -> None:
    try:
        decoded = decode("box-1", data, NOW_NS)
    except BodyError:
        return
    assert decoded.count + sum(one.readings for one in decoded.refusals) == len(decode_batch(data)["readings"])


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    _decodes_or_refuses(data)


@given(st.data())
def test_any_broken_batch_decodes_or_is_refused(data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(GOOD)))
    length = data.draw(st.integers(0, 8))
    _decodes_or_refuses(GOOD[:cut] + data.draw(st.binary(max_size=8)) + GOOD[cut + length :])


def test_each_prefix_of_a_batch_is_refused() -> None:
    for end in range(len(GOOD)):
        with pytest.raises(BodyError):
            decode("box-1", GOOD[:end], NOW_NS)


def test_the_largest_body_is_taken_and_one_byte_more_is_not() -> None:
    padding = MAX_BATCH_BYTES - len(GOOD)
    assert decode("box-1", GOOD + b" " * padding, NOW_NS).count == 1
    with pytest.raises(BodyError, match="oversize"):
        decode("box-1", GOOD + b" " * (padding + 1), NOW_NS)
