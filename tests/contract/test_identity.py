"""Names and numbers that identify things."""

from __future__ import annotations

import re
import time
import uuid

import pytest
from pydantic import TypeAdapter, ValidationError

from contract.identity import EventId, Name, StreamId, body_hash, new_event_id, new_stream_id

_EVENT_ID = TypeAdapter(EventId)
_NAME = TypeAdapter(Name)
_STREAM_ID = TypeAdapter(StreamId)


def test_event_ids_are_uuid_version_7_of_the_rfc_variant_and_of_now() -> None:
    before_ms = time.time_ns() // 10**6
    event_id = _EVENT_ID.validate_python(new_event_id())
    after_ms = time.time_ns() // 10**6
    parsed = uuid.UUID(event_id)
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert str(parsed) == event_id
    assert before_ms <= parsed.int >> 80 <= after_ms


def test_event_ids_are_unique_and_in_order_also_within_a_millisecond() -> None:
    made = [new_event_id() for _ in range(20_000)]
    assert len(set(made)) == len(made)
    assert made == sorted(made)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "019a8f3c-5e10-4c3a-9f21-0123456789ab",
        "019a8f3c-5e10-7c3a-7f21-0123456789ab",
        "019a8f3c-5e10-7c3a-cf21-0123456789ab",
        "019A8F3C-5E10-7C3A-9F21-0123456789AB",
        "019a8f3c5e107c3a9f210123456789ab",
        "{019a8f3c-5e10-7c3a-9f21-0123456789ab}",
        "019a8f3c-5e10-7c3a-9f21-0123456789ab\n",
        "019a8f3c-5e10-7c3a-9f21-0123456789a\u0662",
    ],
)
def test_no_event_id(text: str) -> None:
    with pytest.raises(ValidationError):
        _EVENT_ID.validate_python(text)


def test_stream_ids_are_64_random_bits() -> None:
    made = {new_stream_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(re.fullmatch(r"[0-9a-f]{16}", _STREAM_ID.validate_python(stream)) for stream in made)


@pytest.mark.parametrize("name", ["a", "0", "box-1", "a-", "a" * 63])
def test_names(name: str) -> None:
    assert _NAME.validate_python(name) == name


@pytest.mark.parametrize(
    "name", ["", "-", "-a", "A", "a b", "a/b", "a+", "#", "a.b", "a_b", "a\n", "\na", "ä", "a" * 64, "$sys", "a\x00"]
)
def test_no_name(name: str) -> None:
    with pytest.raises(ValidationError):
        _NAME.validate_python(name)


def test_body_hash_is_sha_256() -> None:
    # FIPS 180-4's example for "abc".
    assert body_hash(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
