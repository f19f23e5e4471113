"""The bad network itself: what it delays, throttles, cuts, holds, refuses and drops, and nothing more."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from tests.edge_agent.network_faults.packets import PUBACK
from tests.edge_agent.network_faults.proxy import HOST, Proxy, Wire

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Broker:
    """A peer that a test speaks for."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[Ends] = asyncio.Queue()
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Broker]:
        server = await asyncio.start_server(lambda r, w: self.accepted.put_nowait((r, w)), HOST, 0)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            yield self


@contextlib.asynccontextmanager
async def through(proxy: Proxy, broker: Broker) -> AsyncIterator[tuple[Ends, Ends]]:
    """Connect through a proxy; yield the client's and the broker's ends once the proxy has both."""
    before = proxy.live
    client = await asyncio.open_connection(HOST, proxy.port)
    async with asyncio.timeout(5):
        other = await broker.accepted.get()
        while proxy.live == before:  # noqa: ASYNC110 - its count is all it shows
            await asyncio.sleep(0.001)
    try:
        yield client, other
    finally:
        for _, writer in (client, other):
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker().listening() as listening:
        yield listening


async def read(reader: asyncio.StreamReader, size: int = 1) -> bytes:
    async with asyncio.timeout(5):
        return await reader.readexactly(size)


async def silent(reader: asyncio.StreamReader, for_s: float = 0.05) -> bool:
    try:
        async with asyncio.timeout(for_s):
            await reader.readexactly(1)
    except TimeoutError:
        return True
    return False


async def test_bytes_pass_both_ways_and_an_end_is_passed_on(broker: Broker) -> None:
    async with Proxy(broker.port) as proxy, through(proxy, broker) as (client, other):
        client[1].write(b"up" * 10_000)
        other[1].write(b"down" * 10_000)
        assert await read(other[0], 20_000) == b"up" * 10_000
        assert await read(client[0], 40_000) == b"down" * 10_000
        client[1].write_eof()
        assert await other[0].read() == b""
        other[1].write(b"last")
        assert await read(client[0], 4) == b"last"


@pytest.mark.slow
async def test_a_throttled_wire_keeps_its_rate_pushes_back_and_is_shared(broker: Broker) -> None:
    wire = Wire(up=20_000.0)
    async with (
        Proxy(broker.port, wire=wire) as one,
        Proxy(broker.port, wire=wire) as two,
        through(one, broker) as first,
        through(two, broker) as second,
    ):
        start = time.monotonic()
        for client, _ in (first, second):
            client[1].transport.set_write_buffer_limits(high=0)
            client[1].write(b"x" * 4_000)
        await read(first[1][0], 4_000)
        await read(second[1][0], 4_000)
        assert time.monotonic() - start >= 8_000 / 20_000 - 0.01
        # Pushed back: far less than a socket's usual megabytes is swallowed.
        first[0][1].write(b"x" * 4_000_000)
        await asyncio.sleep(0.05)
        assert first[0][1].transport.get_write_buffer_size() > 0
        # The other direction has no bound.
        first[1][1].write(b"y" * 50_000)
        await read(first[0][0], 50_000)


async def test_a_delay_is_within_its_bounds_and_the_same_for_the_same_seed(broker: Broker) -> None:
    took: list[float] = []
    drawn: list[float] = []
    for _ in range(2):
        async with Proxy(broker.port, seed=3) as proxy, through(proxy, broker) as (client, other):
            proxy.delay_s = (0.03, 0.06)
            start = time.monotonic()
            client[1].write(b"x")
            await read(other[0])
            took.append(time.monotonic() - start)
            drawn.append(proxy._random.random())
    assert all(each >= 0.03 for each in took)
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("reset", [True, False])
async def test_a_cut_ends_both_sides_and_new_connections_pass(broker: Broker, reset: bool) -> None:
    async with Proxy(broker.port) as proxy:
        async with through(proxy, broker) as (client, other):
            proxy.cut(reset=reset)
            for reader in (client[0], other[0]):
                if reset:
                    with pytest.raises(ConnectionResetError):
                        await read(reader)
                else:
                    assert await asyncio.wait_for(reader.read(), 5) == b""
        async with through(proxy, broker) as (client, other):
            client[1].write(b"x")
            assert await read(other[0]) == b"x"


async def test_a_cut_after_so_many_bytes(broker: Broker) -> None:
    async with Proxy(broker.port, wire=Wire(up=100_000.0)) as proxy, through(proxy, broker) as (client, other):
        proxy.cut_after("up", 6_000)
        client[1].write(b"x" * 20_000)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while data := await other[0].read(1_000):
                got += data
        assert 0 < len(got) <= 11_000


async def test_what_is_held_passes_in_its_order_after_the_release(broker: Broker) -> None:
    async with Proxy(broker.port) as proxy, through(proxy, broker) as (client, other):
        proxy.hold(("up",))
        client[1].write(b"1")
        assert await silent(other[0])
        client[1].write(b"2")
        other[1].write(b"down")
        assert await read(client[0], 4) == b"down"
        assert proxy.live == 1
        async with through(proxy, broker) as (fresh, fresh_other):
            fresh[1].write(b"x")
            assert await read(fresh_other[0]) == b"x"
        proxy.release()
        assert await read(other[0], 2) == b"12"


async def test_a_mute_proxy_takes_connections_and_passes_nothing(broker: Broker) -> None:
    async with Proxy(broker.port) as proxy:
        proxy.mute = True
        async with through(proxy, broker) as (client, other):
            client[1].write(b"x")
            assert await silent(other[0])
            proxy.release()
            assert await read(other[0]) == b"x"


async def test_a_refusing_proxy_keeps_what_stands_and_takes_the_same_port_again(broker: Broker) -> None:
    async with Proxy(broker.port) as proxy, through(proxy, broker) as (client, other):
        port = proxy.port
        await proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)
        client[1].write(b"x")
        assert await read(other[0]) == b"x"
        await proxy.accept()
        async with through(proxy, broker):
            assert proxy.port == port


async def test_a_packet_is_dropped_as_often_as_told_and_no_other(broker: Broker) -> None:
    async with Proxy(broker.port, see_packets=True) as proxy, through(proxy, broker) as (client, other):
        gone = proxy.drop("down", PUBACK, holds=b"\x07", count=2)
        for packet in ("40 02 00 07", "40 02 00 08", "d0 00", "40 02 00 07", "40 02 00 07"):
            other[1].write(bytes.fromhex(packet))
        assert await read(client[0], 10) == bytes.fromhex("40 02 00 08 d0 00 40 02 00 07")
        assert gone.is_set()
        assert (proxy.dropped, proxy.packets["down", PUBACK]) == (2, 4)


async def test_encrypted_packets_cannot_be_told_apart(broker: Broker) -> None:
    with pytest.raises(ValueError, match="encrypted"):
        Proxy(broker.port).drop("up", PUBACK)
