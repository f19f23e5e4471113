"""Bodies to lines and refusals."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.decode import LATEST_AHEAD_NS, careful, quick
from collector.roster import MAX_SENSORS_A_DEVICE, Device
from collector.shapes import EARLIEST_NS, SHAPES, learn
from contract.batch import MAX_BATCH_BYTES, MAX_BATCH_READINGS, decode_batch
from contract.catalogue import KINDS
from contract.errors import BodyError
from tests.collector import fuzz
from tests.collector.batches import BAD_BODIES, GOOD, STREAM, T0_NS, batch, body, reading
from tests.collector.both_ways import LATEST_NS, NOW_NS, decode, decodes_or_refuses, points


@pytest.fixture
def known() -> Device:
    """Return a device of which readings like those of `reading` were seen."""
    device = Device("box-1")
    careful(device, GOOD, LATEST_NS)
    return device


def test_a_good_batch_is_lines_with_the_device_of_the_topic() -> None:
    decoded = decode(body(number=7, readings=[reading(1), reading(2)]))
    assert (decoded.stream, decoded.batch, decoded.count, decoded.refusals) == (STREAM, 7, 2, ())
    lines = decoded.lines.split("\n")
    assert len(lines) == 2
    assert lines[0].startswith("position,device=box-1,sensor=gps ")
    assert lines[0].endswith(str(T0_NS + 10**6))


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_refused_with_its_reason(name: str, known: Device) -> None:
    bad, reason = BAD_BODIES[name]
    assert quick(known, bad, LATEST_NS) is None
    with pytest.raises(BodyError) as caught:
        decode(bad, known)
    assert caught.value.reason == reason
    assert caught.value.body == bad


def test_keys_we_do_not_know_and_colons_in_texts_are_no_duplicates() -> None:
    value = batch() | {"later": {"a": "b:c:d"}}
    value["readings"][0]["note:"] = ":"
    assert decode(json.dumps(value).encode()).count == 1


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
def test_a_bad_reading_is_refused_alone(bad: dict[str, Any], reason: str, detail: str, known: Device) -> None:
    whole = body(number=3, readings=[reading(1), bad, reading(2), bad])
    assert quick(known, whole, LATEST_NS) is None
    decoded = decode(whole, known)
    assert decoded.count == 2
    (refusal,) = decoded.refusals
    assert (refusal.reason, refusal.detail, refusal.readings) == (reason, detail, 2)
    kept = decode_batch(refusal.body)
    assert (kept["device"], kept["stream"], kept["batch"], len(kept["readings"])) == ("box-1", STREAM, 3, 2)
    assert kept["readings"][0] == bad
    assert decode(whole).refusals[0].body == refusal.body, "a repeat is the same body"


@pytest.mark.parametrize("timestamp_ns", [EARLIEST_NS, LATEST_NS])
def test_the_bounds_of_time_are_good(timestamp_ns: int, known: Device) -> None:
    good = body(readings=[reading(timestamp_ns=timestamp_ns)])
    assert decode(good).refusals == ()
    assert quick(known, good, LATEST_NS) is not None


def test_each_reason_is_a_body_of_its_own() -> None:
    decoded = decode(body(readings=[reading(kind="mood"), reading(timestamp_ns=0)]))
    assert decoded.count == 0
    assert decoded.lines == ""
    assert [one.reason for one in decoded.refusals] == ["unknown kind", "before 2000"]


def test_a_device_that_names_too_many_sensors_is_refused_the_new_ones_and_keeps_the_old() -> None:
    device = Device("box-1")
    for number in range(MAX_SENSORS_A_DEVICE):
        assert decode(body(readings=[reading(sensor=f"s-{number}")]), device).count == 1
    decoded = decode(body(readings=[reading(sensor="s-0"), reading(sensor="more")]), device)
    assert (decoded.count, [one.reason for one in decoded.refusals]) == (1, ["too many series"])
    assert quick(device, body(readings=[reading(sensor="more")]), LATEST_NS) is None


def test_a_sensor_of_a_refused_reading_takes_no_place() -> None:
    device = Device("box-1")
    decode(body(readings=[reading(sensor="mad", kind="mood"), reading(sensor="late", timestamp_ns=0)]), device)
    assert not device.heads


# --- the quick way


def test_what_was_seen_to_be_good_goes_the_quick_way_from_then_on(known: Device) -> None:
    again = body(number=8, readings=[reading(number) for number in range(50)])
    piece = quick(known, again, LATEST_NS)
    assert piece is not None
    assert piece == careful(known, again, LATEST_NS)[0]
    assert piece[0] is known.streams[STREAM]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(batch(stream="00000000000000bb"), id="a new stream"),
        pytest.param(batch(readings=[reading(sensor="gps-2")]), id="a new sensor"),
        pytest.param(batch(later=1), id="a key we do not know"),
        pytest.param(batch(readings=[reading(note=":")]), id="a key we do not know in a reading"),
        pytest.param(batch(readings=[reading(fields={"longitude": 1, "latitude": 2, "hdop": 1})]), id="new fields"),
        pytest.param(batch(readings=[reading(kind="noise", fields={"level_db": 1})]), id="a new kind"),
    ],
)
def test_what_is_new_is_looked_at_carefully_once(change: dict[str, Any], known: Device) -> None:
    SHAPES.clear()
    careful(known, GOOD, LATEST_NS)
    new = json.dumps(change).encode()
    assert quick(known, new, LATEST_NS) is None
    piece, refusals = careful(known, new, LATEST_NS)
    assert refusals == ()
    familiar = b'"later"' not in new and b'"note"' not in new
    assert quick(known, new, LATEST_NS) == (piece if familiar else None)


def test_readings_of_several_kinds_in_one_batch_go_the_quick_way(known: Device) -> None:
    noise = reading(kind="noise", sensor="mic", fields={"level_db": 60.5})
    coarse = reading(fields={"longitude": 1.5, "latitude": 2.5})
    mixed = body(readings=[reading(1), noise, noise, reading(2), coarse, reading(3), coarse])
    piece, _ = careful(known, mixed, LATEST_NS)
    again = quick(known, mixed, LATEST_NS)
    assert again is not None
    assert (again[0], again[1], again[3]) == (piece[0], piece[1], piece[3])
    assert points(again[2]) == points(piece[2])


@pytest.mark.parametrize("junk", [b"null", b"[]", b"1", b'"x"', b"{}", b"true"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_is_no_reading_among_readings_is_never_passed_over(junk: bytes, place: int, known: Device) -> None:
    parts = [json.dumps(reading(number)).encode() for number in range(2)]
    parts.insert(place, junk)
    bad = b'{"device":"box-1","stream":"%s","batch":1,"readings":[%s]}' % (STREAM.encode(), b",".join(parts))
    assert quick(known, bad, LATEST_NS) is None
    with pytest.raises(BodyError):
        decode(bad, known)


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    decodes_or_refuses(data)


@given(st.data())
def test_any_broken_batch_decodes_or_is_refused(data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(GOOD)))
    length = data.draw(st.integers(0, 8))
    decodes_or_refuses(GOOD[:cut] + data.draw(st.binary(max_size=8)) + GOOD[cut + length :])


def test_each_prefix_of_a_batch_is_refused(known: Device) -> None:
    for end in range(len(GOOD)):
        assert quick(known, GOOD[:end], LATEST_NS) is None
        with pytest.raises(BodyError):
            decode(GOOD[:end])


def test_the_largest_body_is_taken_and_one_byte_more_is_not(known: Device) -> None:
    padding = MAX_BATCH_BYTES - len(GOOD)
    assert decode(GOOD + b" " * padding).count == 1
    assert quick(known, GOOD + b" " * padding, LATEST_NS) is not None
    assert quick(known, GOOD + b" " * (padding + 1), LATEST_NS) is None
    with pytest.raises(BodyError, match="oversize"):
        decode(GOOD + b" " * (padding + 1))


def test_the_most_readings_are_taken_and_one_more_is_not(known: Device) -> None:
    most = [reading(number) for number in range(MAX_BATCH_READINGS)]
    assert quick(known, body(readings=most), LATEST_NS) is not None
    more = body(readings=[*most, reading(MAX_BATCH_READINGS)])
    assert quick(known, more, LATEST_NS) is None
    with pytest.raises(BodyError, match="invalid"):
        decode(more)


_NUMBERS = st.one_of(
    st.floats(), st.floats(-200, 200), st.integers(), st.integers(-200, 200), st.booleans(), st.text(max_size=3)
)
_VALUES = st.one_of(
    _NUMBERS, st.none(), st.lists(_NUMBERS, max_size=1), st.dictionaries(st.text(), _NUMBERS, max_size=1)
)


@settings(deadline=None)
@given(st.data())
def test_any_value_anywhere_is_judged_the_same_both_ways(data: st.DataObject) -> None:
    value: Any = batch(readings=[reading(1), reading(2)])
    for _ in range(data.draw(st.integers(1, 3))):
        inside = data.draw(st.sampled_from([value, value["readings"][0], value["readings"][1]]))
        if isinstance(inside.get("fields"), dict) and data.draw(st.booleans()):
            inside = inside["fields"]
        key = data.draw(st.sampled_from([*inside, "hdop", "altitude_m", "x"]))
        if key not in ("readings",):
            inside[key] = data.draw(_VALUES)
    decodes_or_refuses(json.dumps(value).encode())


_TIMES = st.sampled_from([0, EARLIEST_NS - 1, EARLIEST_NS, T0_NS, LATEST_NS, LATEST_NS + 1, 2**63 - 1, 2**63])
_QUANTITIES = [(kind.name, quantity) for kind in KINDS.values() for quantity in kind.quantities]


@settings(deadline=None)
@given(st.data())
def test_every_quantity_at_its_limits_is_judged_the_same_both_ways(data: st.DataObject) -> None:
    kind, quantity = data.draw(st.sampled_from(_QUANTITIES))
    limits = [limit for limit in (quantity.minimum, quantity.maximum) if limit is not None]
    near = [
        value
        for limit in limits
        for value in (limit, math.nextafter(limit, math.inf), math.nextafter(limit, -math.inf))
    ]
    near += [int(limit) + step for limit in limits for step in (-1, 0, 1)]
    fields = dict.fromkeys(KINDS[kind].required, 1) | {quantity.name: data.draw(st.sampled_from(near) | _NUMBERS)}
    one = reading(kind=kind, fields=fields, timestamp_ns=data.draw(_TIMES))
    learn(kind, fields)
    decodes_or_refuses(body(readings=[reading(), one]))


def test_fuzz_a_thousand_broken_bodies_are_judged_the_same_both_ways() -> None:
    told = fuzz.run(1_000, seed=7)
    assert sum(told.values()) == 1_000
    assert told["taken quickly"] > 20
    assert told["taken carefully"] > 5
    assert {"not json", "invalid", "duplicate key", "not utf-8"} <= set(told)
