"""Cutting bytes into packets: whole, byte by byte, merged, and what is no MQTT."""

from __future__ import annotations

import pytest

from tests.edge_agent.network_faults.packets import PUBACK, PUBLISH, PacketCutter, packet_type

PACKETS = [
    bytes.fromhex("40 02 00 01"),
    b"\xd0\x00",
    b"\x32\x80\x01" + bytes(128),
    b"\x30\x80\x80\x01" + bytes(16_384),
]


def test_types() -> None:
    assert [packet_type(packet) for packet in PACKETS] == [PUBACK, 13, PUBLISH, PUBLISH]


@pytest.mark.parametrize("size", [1, 2, 3, 127, 100_000])
def test_packets_come_out_whole_however_the_bytes_came(size: int) -> None:
    stream = b"".join(PACKETS) * 2
    cutter = PacketCutter()
    found = [packet for at in range(0, len(stream), size) for packet in cutter.feed(stream[at : at + size])]
    assert found == PACKETS * 2


def test_a_length_that_never_ends_is_no_mqtt() -> None:
    with pytest.raises(ValueError, match="no MQTT: 16ffffffff"):
        PacketCutter().feed(b"\x16\xff\xff\xff\xff")
