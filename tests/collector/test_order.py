"""PUBACKs leave in arrival order."""

from __future__ import annotations

import mqtt5
from hypothesis import given
from hypothesis import strategies as st

from collector.order import Arrivals, pubacks


def _ids(packets: bytes) -> list[int]:
    found = []
    while packets:
        packet, size = mqtt5.read(memoryview(packets))
        assert isinstance(packet, mqtt5.PubAckPacket)
        assert packet.reason_code is mqtt5.PubAckReasonCode.SUCCESS
        found.append(packet.packet_id)
        packets = packets[size:]
    return found


@given(st.permutations(list(range(12))), st.lists(st.integers(0, 4), min_size=12, max_size=12))
def test_whatever_is_settled_first_the_order_is_that_of_arrival(order: list[int], sizes: list[int]) -> None:
    arrivals = Arrivals()
    loads = []
    for place, size in enumerate(sizes):
        load = arrivals.begin()
        load.packet_ids += [100 * (place + 1) + number for number in range(size)]
        loads.append(load)
    arrived = [one for load in loads for one in load.packet_ids]
    left: list[int] = []
    settled: set[int | None] = set()
    for place in order:
        loads[place].parts -= 1
        settled |= set(loads[place].packet_ids)
        left += _ids(arrivals.release())
        assert set(left) <= settled
        assert left == arrived[: len(left)]
    assert left == arrived
    assert not arrivals.waiting


def test_a_load_waits_for_each_of_its_parts() -> None:
    arrivals = Arrivals()
    load = arrivals.begin()
    load.packet_ids.append(7)
    load.parts += 1
    load.parts -= 1
    assert arrivals.release() == b""
    load.parts -= 1
    assert _ids(arrivals.release()) == [7]


def test_the_bytes_are_those_of_the_codec_and_qos_0_has_none() -> None:
    ids = [1, 255, 256, 65_535]
    assert pubacks([1, None, 255, 256, None, 65_535]) == b"".join(mqtt5.PubAckPacket(one).write() for one in ids)
    assert pubacks([]) == pubacks([None]) == b""
