"""A stop takes at most 2 s by the sum of its bounds: nothing that is waited for at the end waits longer."""

from __future__ import annotations

import asyncio
import selectors
from pathlib import Path
from typing import Any

import pytest

from edge_agent import agent
from link import Backoff, Endpoint, Outgoing, Session
from siaga.stack.mosquitto import Mosquitto
from tests.edge_agent.network_faults.proxy import Proxy
from tests.link.harness import connected, started

STOP_S = 2.0
_WRITERS = 2


def test_the_bounds_of_a_stop_add_up_to_less_than_two_seconds() -> None:
    """In turn: what is in memory goes to the card, word of the end is left, each of the two outboxes is closed."""
    assert agent._KEEP_S + agent._END_S + _WRITERS * agent._CLOSE_S <= STOP_S - 0.2


class CountingLoop(asyncio.SelectorEventLoop):
    """A loop that counts the turns in which it waits for the network or for time."""

    def __init__(self) -> None:
        super().__init__(selectors.DefaultSelector())
        self.waits = 0
        select = self._selector.select  # type: ignore[attr-defined]

        def counting(timeout: float | None = None) -> Any:
            if timeout is None or timeout > 0:
                self.waits += 1
            return select(timeout)

        self._selector.select = counting  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", ["standing", "frozen", "in the handshake", "waiting"])
def test_a_session_stops_without_waiting_for_anything(alarm_broker: Mosquitto, state: str, tmp_path: Path) -> None:
    """Not for a broker, not for a timer, whatever state it is in: its stop is turns of the event loop only."""

    async def stop() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        async with Proxy(alarm_broker.device_port) as proxy:
            device = alarm_broker.device("box-1")
            session = Session(
                Endpoint(device.host, proxy.port, device.credentials),
                "box-1",
                birth=lambda: Outgoing("siaga/v1/up/box-1/report", b""),
                will=Outgoing("siaga/v1/up/box-1/report", b""),
                backoff=Backoff(100.0, 100.0),
                memory=tmp_path / "address",
            )
            proxy.mute = state == "in the handshake"
            if state == "waiting":
                await proxy.refuse()
            async with started(session) as tasks:
                if state in ("standing", "frozen"):
                    await connected(session)
                if state == "frozen":
                    proxy.hold()
                    alarm_broker.freeze()
                if state in ("in the handshake", "waiting"):
                    await asyncio.sleep(0.05)  # it shows nowhere that it is there
                before = loop.waits
                tasks[0].cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                waited = loop.waits - before
        return waited

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(stop()) == 0
