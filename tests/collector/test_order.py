"""PUBACKs leave in arrival order."""

from __future__ import annotations

import mqtt5
from hypothesis import given
from hypothesis import strategies as st

from collector.order import Arrivals


def _ids(packets: bytes) -> list[int]:
    found = []
    while packets:
        packet, size = mqtt5.read(memoryview(packets))
        assert isinstance(packet, mqtt5.PubAckPacket)
        assert packet.reason_code is mqtt5.PubAckReasonCode.SUCCESS
        found.append(packet.packet_id)
        packets = packets[size:]
    return found


@given(st.permutations(list(range(1, 30))))
def test_whatever_is_settled_first_the_order_is_that_of_arrival(order: list[int]) -> None:
    arrivals = Arrivals()
    noted = {packet_id: arrivals.arrived(packet_id) for packet_id in range(1, 30)}
    left: list[int] = []
    settled: set[int] = set()
    for packet_id in order:
        noted[packet_id].settled = True
        settled.add(packet_id)
        left += _ids(arrivals.release())
        assert set(left) <= settled
        assert left == list(range(1, len(left) + 1))
    assert left == list(range(1, 30))
    assert len(arrivals) == 0
