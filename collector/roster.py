"""The devices that send, as the collector remembers them: what was checked once and need not be checked again. Pure.

Everything here was validated by `collector.decode` before it was entered, and everything is bounded: who is pushed out
is entered again with its next message. What still waits for a receipt is held by `collector.receipts`, not here.
"""

from __future__ import annotations

from typing import Final

from contract.errors import TopicError
from contract.topics import parse_up, telemetry, telemetry_receipt

MAX_DEVICES: Final = 65_536
MAX_STREAMS_A_DEVICE: Final = 16
"""Streams remembered of one device; an agent has one a start."""
MAX_SENSORS_A_DEVICE: Final = 256
"""Sensors one device may name while this process runs: each is a series of its own in the store."""


class Stream:
    """A stream of a device. `noted`: the ranges of batches that may be receipted, as first, last, first, last, …"""

    __slots__ = ("device", "id", "noted")

    def __init__(self, device: Device, stream_id: str) -> None:
        self.device = device
        self.id = stream_id
        self.noted: list[int] = []


class Device:
    """A device that sends.

    Attributes:
        name: Its name, from the topic.
        topic: The topic of its telemetry.
        streams: Its streams by id.
        heads: What stands between measurement and fields of a line, by sensor: tags and the space after them.
        bodies: Bodies of it that could not be decoded and may be receipted, by SHA-256.
        retry_after_s: The patience it is to be asked for with its next receipt, in seconds.
        asked_s: When it was last asked, by the loop's clock.
    """

    __slots__ = ("asked_s", "bodies", "heads", "name", "receipt_topic", "retry_after_s", "streams", "topic")

    def __init__(self, name: str) -> None:
        self.name = name
        self.topic = telemetry(name)
        self.receipt_topic = telemetry_receipt(name)
        self.streams: dict[str, Stream] = {}
        self.heads: dict[str, str] = {}
        self.bodies: dict[str, None] = {}
        self.retry_after_s: float | None = None
        self.asked_s: float | None = None

    def stream(self, stream_id: str) -> Stream:
        """Return a stream, entered when it is new; the oldest goes when there are too many."""
        known = self.streams.get(stream_id)
        if known is None:
            if len(self.streams) >= MAX_STREAMS_A_DEVICE:
                del self.streams[next(iter(self.streams))]
            known = self.streams[stream_id] = Stream(self, stream_id)
        return known

    def admits(self, sensor: str) -> bool:
        """Return whether a sensor is known or may still be entered; it is entered then."""
        if sensor in self.heads:
            return True
        if len(self.heads) >= MAX_SENSORS_A_DEVICE:
            return False
        # Names have nothing to escape, see contract.identity.
        self.heads[sensor] = f",device={self.name},sensor={sensor} "
        return True


class Roster:
    """All devices by the topic of their telemetry."""

    def __init__(self, *, max_devices: int = MAX_DEVICES) -> None:
        self.devices: dict[str, Device] = {}
        self._max_devices = max_devices

    def at(self, topic: str) -> Device | None:
        """Return the device that wrote to a topic, entered when it is new, or None when it is no topic of telemetry."""
        known = self.devices.get(topic)
        if known is not None:
            return known
        try:
            parsed = parse_up(topic)
        except TopicError:
            return None
        if parsed.kind != "telemetry":
            return None
        if len(self.devices) >= self._max_devices:
            del self.devices[next(iter(self.devices))]
        device = self.devices[topic] = Device(parsed.device)
        return device
