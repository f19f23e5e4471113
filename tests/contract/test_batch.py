"""The batch: its fast parser accepts nothing the slow one refuses, and its bounds hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.batch import (
    BATCH,
    MAX_BATCH_BYTES,
    MAX_BATCH_READINGS,
    MAX_READING_FIELDS,
    MAX_RECEIPT_BYTES,
    MAX_RECEIPT_NAMES,
    MAX_TEXT,
    Range,
    TelemetryReceipt,
    decode_batch,
    encode_batch,
)
from contract.errors import BodyError
from contract.messages import decode, encode, parse_json
from tests.contract.golden import first_accepted

_KEYS = st.sampled_from(["device", "stream", "batch", "readings", "later", "n", "x", 'a":', ":"])
_PIECES = st.recursive(
    st.sampled_from(["1", "true", '"a"', '":"', '"\\":"', "null", "1.5"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]"),
        st.lists(st.tuples(_KEYS, st.sampled_from(["", " ", "\n"]), inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f"{json.dumps(key)}{space}:{value}" for key, space, value in pairs) + "}"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(
    extra=st.lists(st.tuples(_KEYS, st.sampled_from(["", " "]), _PIECES), max_size=3),
    text=st.sampled_from(["", ":", '":', "a:b", '\\":']),
)
def test_the_fast_parser_accepts_nothing_the_slow_one_refuses(extra: list[tuple[str, str, str]], text: str) -> None:
    written = json.dumps(first_accepted("telemetry") | {"note": text})
    for key, space, value in extra:
        written = f"{{{json.dumps(key)}{space}:{value},{written[1:]}"
    body = written.encode()
    refusal = _refusal(body)
    if refusal is None:
        assert decode_batch(body) == BATCH.validate_python(json.loads(body), strict=True)
        return
    with pytest.raises(BodyError) as caught:
        decode_batch(body)
    assert caught.value.reason == refusal.reason


@pytest.mark.parametrize("space", ["", " ", "\n\t"])
def test_a_duplicate_key_does_not_hide_behind_spaces_and_texts(space: str) -> None:
    written = json.dumps(_batch([_reading({"t": '":":', "n": 1, "m": 2})]), separators=(",", ":"))
    assert '"m":' in written
    with pytest.raises(BodyError, match="duplicate key: n"):
        decode_batch(written.replace('"m":', f'"n"{space}:').encode())


def test_types_of_fields_survive() -> None:
    fields = {"whole": 1, "broken": 1.0, "yes": True, "text": "1", "large": 2**63 - 1}
    batch = decode_batch(encode_batch(_batch([_reading(fields)])))
    read = batch["readings"][0]["fields"]
    assert read == fields
    assert [type(value) for value in read.values()] == [int, float, bool, str, int]


@pytest.mark.parametrize(
    ("readings", "detail"),
    [
        ([{"n": 1}] * (MAX_BATCH_READINGS + 1), "readings: List should have at most 1000 items"),
        ([{f"f{index}": 1 for index in range(MAX_READING_FIELDS + 1)}], "readings.0.fields"),
        ([{"t": "x" * (MAX_TEXT + 1)}], "readings.0.fields.t"),
        ([{"n" * 64: 1}], "readings.0.fields"),
    ],
)
def test_bounds(readings: list[dict[str, Any]], detail: str) -> None:
    body = json.dumps(_batch([_reading(fields) for fields in readings])).encode()
    with pytest.raises(BodyError) as caught:
        decode_batch(body)
    assert caught.value.reason == "invalid"
    assert detail in caught.value.detail


def test_the_largest_counts_are_accepted() -> None:
    full = {f"f{index}": index for index in range(MAX_READING_FIELDS)} | {"f0": "x" * MAX_TEXT}
    assert len(decode_batch(encode_batch(_batch([_reading(full)])))["readings"]) == 1
    assert len(decode_batch(encode_batch(_batch([_reading({"n": 1})] * MAX_BATCH_READINGS)))["readings"]) == 1_000


def test_the_largest_receipt_stays_below_its_limit() -> None:
    receipt = TelemetryReceipt(
        device="a" * 63,
        ranges=[Range(stream="f" * 16, first=2**63 - 1, last=2**63 - 1)] * MAX_RECEIPT_NAMES,
        bodies=["f" * 64] * MAX_RECEIPT_NAMES,
        retry_after_s=3600,
    )
    body = encode(receipt)
    assert len(body) <= MAX_RECEIPT_BYTES
    assert decode(TelemetryReceipt, body, max_bytes=MAX_RECEIPT_BYTES) == receipt


def _refusal(body: bytes) -> BodyError | None:
    try:
        parse_json(body, max_bytes=MAX_BATCH_BYTES)
    except BodyError as error:
        return error
    return None


def _reading(fields: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp_ns": 1, "sensor": "a", "kind": "k", "fields": fields, "clock": "ntp"}


def _batch(readings: list[dict[str, Any]]) -> Any:
    return {"device": "box-1", "stream": "00c0ffee00c0ffee", "batch": 1, "readings": readings}
