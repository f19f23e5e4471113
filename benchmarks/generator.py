"""A process that sends batches of readings as fast as a broker takes them: `python -m benchmarks.generator FILE.json`.

It makes all packets before it prints `ready`, so that sending them costs the machine as little as may be, waits for a
line on stdin, sends, and prints what it saw as one line of JSON. Its window is the broker's Receive Maximum, not the 8
batches of a box. With `receipts` it hears the receipts of all its devices and says which batches none came for.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import mqtt5

from contract import topics
from contract.identity import new_stream_id

_CHUNK: Final = 64
_READ_BYTES: Final = 262_144
_RECEIPTS_TIMEOUT_S: Final = 60.0
FIELDS: Final[dict[str, dict[str, float]]] = {
    "water_level": {"level_m": 1.523},
    "position": {
        "latitude": -6.914744,
        "longitude": 107.60981,
        "speed_mps": 11.3,
        "course_deg": 271.5,
        "satellites": 9,
    },
}


@dataclass(frozen=True, slots=True)
class Order:
    """What to send, where. `rate`: messages a second, 0 for as fast as the broker takes them."""

    host: str
    port: int
    username: str
    password: str
    name: str
    devices: int
    messages: int
    readings: int
    kind: str
    first_ns: int
    receipts: bool
    rate: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What was seen; moments are of CLOCK_MONOTONIC in s. `missing`: batches without receipt."""

    began_s: float = 0.0
    acknowledged_s: float = 0.0
    receipted_s: float = 0.0
    receipts: int = 0
    missing: int = 0


def device_name(order_name: str, number: int) -> str:
    """Return the name of one of the devices."""
    return f"{order_name}-{number}"


def bodies(order: Order, streams: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each message's topic and body; no two readings of a device have one time."""
    fields = json.dumps(FIELDS[order.kind], separators=(",", ":"))
    for number in range(order.messages):
        device, batch = number % order.devices, number // order.devices
        name = device_name(order.name, device)
        readings = ",".join(
            f'{{"timestamp_ns":{order.first_ns + (batch * order.readings + place) * 1_000_003},"sensor":"level",'
            f'"kind":"{order.kind}","fields":{fields},"clock":"ntp"}}'
            for place in range(order.readings)
        )
        body = f'{{"device":"{name}","stream":"{streams[device]}","batch":{batch},"readings":[{readings}]}}'
        yield topics.telemetry(name), body.encode()


class Client:
    """One connection to the broker, blocking."""

    def __init__(self, order: Order, client_id: str) -> None:
        self.socket = socket.create_connection((order.host, order.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        connect = mqtt5.ConnectPacket(
            client_id,
            username=order.username,
            password=order.password.encode(),
            clean_start=True,
            receive_max=65_535,
        )
        self.socket.sendall(connect.write())
        connack = self.packet()
        assert isinstance(connack, mqtt5.ConnAckPacket), connack
        if connack.reason_code.value:
            raise SystemExit(f"generator: the broker refused: {connack.reason_code.name}")
        self.window = connack.receive_max

    def packet(self) -> Any:
        """Return the next packet."""
        while True:
            try:
                packet, size = mqtt5.read(memoryview(self._rest))
            except IndexError:
                data = self.socket.recv(_READ_BYTES)
                if not data:
                    raise SystemExit("generator: the broker closed the connection") from None
                self._rest += data
            else:
                self._rest = self._rest[size:]
                return packet

    def pubacks(self) -> int:
        """Return how many PUBACKs came, at least one."""
        rest = self._rest + self.socket.recv(_READ_BYTES)
        place = count = 0
        while place + 2 <= len(rest) and place + 2 + rest[place + 1] <= len(rest):
            if rest[place] == 0x40:
                count += 1
            place += 2 + rest[place + 1]
        self._rest = rest[place:]
        return count


@dataclass(slots=True)
class Ear:
    """Hears receipts on a thread, and takes them apart only afterwards."""

    order: Order
    heard: list[tuple[float, bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Subscribe and begin."""
        client = Client(self.order, f"{self.order.name}-ear")
        one = mqtt5.TopicFilter(topics.telemetry_receipt("+"), max_qos=mqtt5.QoS.AT_MOST_ONCE)
        client.socket.sendall(mqtt5.SubscribePacket(1, [one]).write())
        client.packet()
        threading.Thread(target=self._hear, args=(client,), daemon=True).start()

    def _hear(self, client: Client) -> None:
        while True:
            data = client.socket.recv(_READ_BYTES)
            if not data:
                return
            self.heard.append((time.monotonic(), data))

    def account(self, streams: list[str], outcome: Outcome) -> None:
        """Wait until each batch has its receipt, and note what was heard."""
        missing = {stream: set(range(_batches(self.order, device))) for device, stream in enumerate(streams)}
        left, rest, deadline = self.order.messages, b"", time.monotonic() + _RECEIPTS_TIMEOUT_S
        taken = 0
        while left and time.monotonic() < deadline:
            while taken < len(self.heard):
                at_s, data = self.heard[taken]
                taken += 1
                rest += data
                place = 0
                while place < len(rest):
                    try:
                        packet, size = mqtt5.read(memoryview(rest)[place:])
                    except IndexError:
                        break
                    place += size
                    assert isinstance(packet, mqtt5.PublishPacket)
                    outcome.receipts += 1
                    outcome.receipted_s = at_s
                    for one in json.loads(packet.payload)["ranges"]:
                        named = set(range(one["first"], one["last"] + 1))
                        left -= len(missing[one["stream"]] & named)
                        missing[one["stream"]] -= named
                rest = rest[place:]
            if left:
                time.sleep(0.02)
        outcome.missing = left


def _batches(order: Order, device: int) -> int:
    return order.messages // order.devices + (device < order.messages % order.devices)


def send(client: Client, packets: list[bytes], rate: float) -> Outcome:
    """Send packets, at most the broker's Receive Maximum of them without PUBACK."""
    outcome = Outcome()
    total, window = len(packets), client.window
    chunks = [b"".join(packets[at : at + _CHUNK]) for at in range(0, total, _CHUNK)]
    packets.clear()
    sent = acknowledged = 0
    outcome.began_s = time.monotonic()
    for chunk in chunks:
        while sent + _CHUNK - acknowledged > window:
            acknowledged += client.pubacks()
        if rate:
            time.sleep(max(0.0, outcome.began_s + sent / rate - time.monotonic()))
        client.socket.sendall(chunk)
        sent = min(total, sent + _CHUNK)
    while acknowledged < total:
        acknowledged += client.pubacks()
    outcome.acknowledged_s = time.monotonic()
    return outcome


def await_subscriber(client: Client, device: str) -> None:
    """Publish to a topic of telemetry until the broker says that somebody got it: exactly one message arrives."""
    while True:
        packet = mqtt5.PublishPacket(topics.telemetry(device), b"", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=1)
        client.socket.sendall(packet.write())
        if client.packet().reason_code is mqtt5.PubAckReasonCode.SUCCESS:
            return
        time.sleep(0.02)


def main() -> int:
    """Send what the file says."""
    order = Order(**json.loads(Path(sys.argv[1]).read_text()))
    client = Client(order, f"{order.name}-generator")
    streams = [new_stream_id() for _ in range(order.devices)]
    packets = [
        mqtt5.PublishPacket(topic, body, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=number % 65_535 + 1).write()
        for number, (topic, body) in enumerate(bodies(order, streams))
    ]
    ear = Ear(order)
    if order.receipts:
        ear.start()
    await_subscriber(client, "probe")
    print("ready", flush=True)
    sys.stdin.readline()
    outcome = send(client, packets, order.rate)
    if order.receipts:
        ear.account(streams, outcome)
    print(json.dumps(asdict(outcome)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
