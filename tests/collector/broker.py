"""A broker's end of one connection on a real socket, for what a real broker never does at will."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import mqtt5

from contract.topics import telemetry


class Peer:
    """One client's connection, seen from the broker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._rest = b""

    async def packet(self) -> mqtt5.Packet:
        """Return the client's next packet; ConnectionError when it is gone."""
        while True:
            try:
                packet, size = mqtt5.read(memoryview(self._rest))
            except IndexError:
                data = await self._reader.read(65_536)
                if not data:
                    raise ConnectionResetError("the client closed the connection") from None
                self._rest += data
            else:
                self._rest = self._rest[size:]
                return packet

    async def puback(self) -> int:
        """Return the packet id of the next PUBACK; what else comes is passed over."""
        while True:
            packet = await self.packet()
            if isinstance(packet, mqtt5.PubAckPacket):
                return packet.packet_id

    async def welcome(self, connack: mqtt5.ConnAckPacket | None = None) -> mqtt5.ConnectPacket:
        """Take CONNECT and SUBSCRIBE and agree to both."""
        connect = await self.packet()
        assert isinstance(connect, mqtt5.ConnectPacket)
        await self.send((connack or mqtt5.ConnAckPacket(receive_max=20)).write())
        subscribe = await self.packet()
        assert isinstance(subscribe, mqtt5.SubscribePacket)
        granted = mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE
        await self.send(mqtt5.SubAckPacket(subscribe.packet_id, [granted]).write())
        return connect

    async def publish(self, packet_id: int, body: bytes, device: str = "box-1") -> None:
        """Hand over a message at QoS 1."""
        await self.send(publication(packet_id, body, device))

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """Close the connection."""
        self._writer.transport.abort()


def publication(packet_id: int, body: bytes, device: str = "box-1") -> bytes:
    """Return a PUBLISH of a body at QoS 1."""
    return mqtt5.PublishPacket(telemetry(device), body, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id).write()


class ScriptedBroker:
    """Listens on `port`; each connection waits in `accept`."""

    def __init__(self) -> None:
        self.port = 0
        self._peers: asyncio.Queue[Peer] = asyncio.Queue(16)
        self._all: list[Peer] = []

    async def accept(self, timeout_s: float = 10.0) -> Peer:
        """Return the next connection."""
        async with asyncio.timeout(timeout_s):
            return await self._peers.get()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        peer = Peer(reader, writer)
        self._all.append(peer)
        self._peers.put_nowait(peer)

    def close(self) -> None:
        """Close all connections."""
        for peer in self._all:
            peer.close()


@asynccontextmanager
async def scripted_broker() -> AsyncIterator[ScriptedBroker]:
    """Yield a listening broker."""
    broker = ScriptedBroker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield broker
        finally:
            broker.close()
            await asyncio.sleep(0)
