"""Every body: golden vectors, every prefix, trailing junk, and fuzzing: it parses or raises BodyError, nothing else."""

from __future__ import annotations

import contextlib
import json
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract import schema
from contract.errors import BodyError
from contract.messages import MAX_ALARM_BYTES, Heartbeat, Press, decode, encode
from tests.contract.golden import MESSAGES, Vector, accepted, first_accepted, max_bytes, read, refused, write

_FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**400), max_value=10**400),
    st.floats(),
    st.text(max_size=20),
    st.text(alphabet=st.characters(categories=["Cs"]), max_size=3),
    st.sampled_from(["1", "box-1", "ntp", "019a8f3c-5e10-7c3a-9f21-0123456789ab", "0" * 16, "0" * 64]),
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@pytest.mark.parametrize("vector", accepted(), ids=str)
def test_good_body_is_read_and_survives_a_round_trip(vector: Vector) -> None:
    value = read(vector.message, vector.body)
    again = write(vector.message, value)
    assert read(vector.message, again) == value
    assert write(vector.message, read(vector.message, again)) == again


@pytest.mark.parametrize("vector", refused(), ids=str)
def test_bad_body_is_refused_for_its_reason(vector: Vector) -> None:
    with pytest.raises(BodyError) as caught:
        read(vector.message, vector.body)
    reason, detail = vector.expected
    assert caught.value.reason == reason
    assert detail in caught.value.detail
    assert caught.value.body == vector.body
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_every_message_has_golden_vectors() -> None:
    assert {vector.message for vector in accepted()} == set(MESSAGES)


@pytest.mark.parametrize("vector", accepted(), ids=str)
def test_every_prefix_is_refused(vector: Vector) -> None:
    for length in range(len(vector.body)):
        with pytest.raises(BodyError):
            read(vector.message, vector.body[:length])


@pytest.mark.parametrize("junk", [b"}", b"0", b"{}", b"\x00", b"\xff", b",", b"\n\n]"])
@pytest.mark.parametrize("message", MESSAGES)
def test_trailing_junk_is_refused(message: str, junk: bytes) -> None:
    body = json.dumps(first_accepted(message)).encode()
    assert read(message, body + b" \r\n\t")
    with pytest.raises(BodyError):
        read(message, body + junk)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_body_of_the_largest_size_is_read_and_one_byte_more_is_not(message: str) -> None:
    body = json.dumps(first_accepted(message)).encode()
    padded = body + b" " * (max_bytes(message) - len(body))
    assert read(message, padded)
    with pytest.raises(BodyError, match="oversize: "):
        read(message, padded + b" ")


@pytest.mark.parametrize("message", MESSAGES)
@_FUZZ
@given(body=st.binary(max_size=200))
def test_any_bytes_parse_or_raise_body_error(message: str, body: bytes) -> None:
    with contextlib.suppress(BodyError):
        read(message, body)


@pytest.mark.parametrize("message", MESSAGES)
@_FUZZ
@given(value=_VALUES)
def test_any_json_parses_or_raises_body_error(message: str, value: Any) -> None:
    with contextlib.suppress(BodyError):
        read(message, json.dumps(value).encode())


@pytest.mark.parametrize("message", MESSAGES)
@_FUZZ
@given(data=st.data())
def test_a_good_body_with_anything_changed_parses_or_raises_body_error(message: str, data: st.DataObject) -> None:
    value = _changed(data, first_accepted(message))
    body = json.dumps(value).encode()
    with contextlib.suppress(BodyError):
        changed = read(message, body)
        assert write(message, read(message, write(message, changed))) == write(message, changed)


@pytest.mark.parametrize("message", MESSAGES)
@_FUZZ
@given(data=st.data())
def test_a_good_body_with_bytes_changed_parses_or_raises_body_error(message: str, data: st.DataObject) -> None:
    body = bytearray(json.dumps(first_accepted(message)).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BodyError):
        read(message, bytes(body))


def test_an_integer_is_good_for_a_float_and_becomes_one() -> None:
    body = first_accepted("alarm") | {"position": {"latitude": -7, "longitude": 0, "timestamp_ns": 1}}
    press = decode(Press, json.dumps(body).encode())
    assert press.position is not None
    assert type(press.position.latitude) is float


def test_what_is_none_is_not_written_and_is_read_as_none() -> None:
    heartbeat = Heartbeat(desk="desk-1", timestamp_ns=1, open_incidents=0, recording=True)
    assert b"null" not in encode(heartbeat)
    assert b"ledger_head" not in encode(heartbeat)
    assert decode(Heartbeat, encode(heartbeat)) == heartbeat


@pytest.mark.parametrize("model", schema.MODELS.values())
def test_every_key_that_may_be_none_may_be_missing(model: Any) -> None:
    """`encode` leaves out what is None, so a key that may be None must not be required."""
    for name, field in model.model_fields.items():
        if type(None) in get_args(field.annotation):
            assert not field.is_required(), name


def test_nesting_in_strings_does_not_count() -> None:
    body = first_accepted("alarm") | {"detail": '[[[["' * 20}
    assert decode(Press, json.dumps(body).encode()).detail == '[[[["' * 20


def test_the_largest_press_and_lamp_state_stay_below_the_limit() -> None:
    name = "a" * 63
    lamps = schema.MODELS["lamp"](
        device=name,
        version=2**63 - 1,
        centre_time_ns=2**63 - 1,
        lamps={f"{index:063}": "received" for index in range(64)},
    )
    assert len(encode(lamps)) <= MAX_ALARM_BYTES  # type: ignore[arg-type]
    press = first_accepted("alarm") | {"device": name, "button": name, "detail": "\U0001f6a8" * 500}
    assert len(encode(decode(Press, json.dumps(press, ensure_ascii=False).encode()))) <= MAX_ALARM_BYTES


def _changed(data: st.DataObject, value: Any) -> Any:
    """Return a JSON value with one place in it, at any depth, replaced by anything or removed."""
    if not isinstance(value, dict | list) or not value or data.draw(st.integers(0, 3)) == 0:
        return data.draw(_VALUES)
    if isinstance(value, list):
        at = data.draw(st.integers(0, len(value) - 1))
        return [_changed(data, item) if index == at else item for index, item in enumerate(value)]
    key = data.draw(st.sampled_from(sorted(value)))
    if data.draw(st.integers(0, 3)) == 0:
        return {name: item for name, item in value.items() if name != key}
    return {name: _changed(data, item) if name == key else item for name, item in value.items()}
