"""What of a batch may go: positions, but for one in 30 s and the newest."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contract.batch import Batch, Reading, decode_batch, encode_batch
from edge_agent.eviction import THIN_NS, thin, thin_body

S = 10**9


def reading(second: int, sensor: str = "gps", kind: str = "position") -> Reading:
    return Reading(timestamp_ns=second * S, sensor=sensor, kind=kind, fields={"latitude": 1.0}, clock="gnss")


def seconds(readings: list[Reading]) -> list[int]:
    return [one["timestamp_ns"] // S for one in readings]


def test_one_position_in_30_s_stays_counted_from_the_newest() -> None:
    assert seconds(thin([reading(second) for second in range(95)])) == [4, 34, 64, 94]


def test_each_sensor_has_its_own_and_other_kinds_stay() -> None:
    air = [reading(second, kind="air_quality") for second in (3, 5)]
    mixed = [reading(1), reading(2, "gps-2"), air[0], reading(4), air[1]]
    assert thin(mixed) == mixed[1:]


def test_the_order_in_the_batch_stays_and_the_newest_is_by_time() -> None:
    assert seconds(thin([reading(40), reading(80), reading(70), reading(41)])) == [80, 41]


@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["a", "b"])), min_size=1, max_size=60))
def test_thinned_once_it_is_thin_and_its_newest_are_there(what: list[tuple[int, str]]) -> None:
    readings = [reading(second, sensor) for second, sensor in what]
    left = thin(readings)
    assert thin(left) == left
    for sensor in {sensor for _, sensor in what}:
        times = sorted(one["timestamp_ns"] for one in left if one["sensor"] == sensor)
        assert times[-1] == max(one["timestamp_ns"] for one in readings if one["sensor"] == sensor)
        assert all(later - earlier >= THIN_NS for earlier, later in pairwise(times))


def test_a_body_keeps_its_name_and_tells_what_it_lost() -> None:
    body = encode_batch(Batch(device="box-1", stream="0" * 16, batch=7, readings=[reading(1), reading(2)]))
    thinned, lost = thin_body(body)
    assert lost == 1
    assert decode_batch(thinned) == Batch(device="box-1", stream="0" * 16, batch=7, readings=[reading(2)])
    assert thin_body(thinned) == (thinned, 0)
    assert thin_body(b"no batch") == (b"no batch", 0)
