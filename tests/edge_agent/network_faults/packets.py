"""Cuts a stream of bytes into MQTT control packets. Pure: bytes in, whole packets out."""

from __future__ import annotations

from typing import Final

CONNECT: Final = 1
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
SUBACK: Final = 9
PINGREQ: Final = 12
PINGRESP: Final = 13

_LONGEST_LENGTH: Final = 4


class PacketCutter:
    """Holds back what is no whole packet yet, at most one packet (MQTT 5, 2.1: a type, a length of 1 to 4 bytes)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the packets that are whole now, each with its fixed header.

        Raises:
            ValueError: They are no MQTT.
        """
        self._rest += data
        packets = []
        while (end := self._end()) is not None and end <= len(self._rest):
            packets.append(self._rest[:end])
            self._rest = self._rest[end:]
        return packets

    def _end(self) -> int | None:
        length = 0
        for index, byte in enumerate(self._rest[1 : 1 + _LONGEST_LENGTH]):
            length |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return 2 + index + length
        if len(self._rest) > _LONGEST_LENGTH:
            raise ValueError(f"no MQTT: {self._rest[:8].hex()}")
        return None


def packet_type(packet: bytes) -> int:
    """Return the type of a packet, 1 to 15."""
    return packet[0] >> 4
