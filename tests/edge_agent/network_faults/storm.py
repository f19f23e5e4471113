"""A broker dies under a thousand boxes and comes back: how their returns spread, and what a press takes meanwhile."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from link import Backoff, Outgoing, PublishRefusedError, PublishTimeoutError, Session
from link.errors import NotConnectedError
from siaga.stack.mosquitto import Mosquitto

_EACH_S = 0.05
_RETURN_S = 40.0


@dataclass(frozen=True, slots=True)
class Storm:
    """Seconds from the broker's return: when each session stood again; and how long each press took, in seconds."""

    returns_s: list[float]
    presses_s: list[float]

    def share(self, part: float) -> float:
        """Return when this part of all sessions stood again."""
        return sorted(self.returns_s)[round(part * (len(self.returns_s) - 1))]

    @property
    def busiest_tenth(self) -> int:
        """The most sessions that stood again within one tenth of a second."""
        return max(Counter(int(each * 10) for each in self.returns_s).values())

    def __str__(self) -> str:
        slowest_ms = 1_000 * max(self.presses_s)
        median_ms = 1_000 * sorted(self.presses_s)[len(self.presses_s) // 2]
        return (
            f"{len(self.returns_s)} sessions back: the first after {self.share(0):.1f} s, half after"
            f" {self.share(0.5):.1f} s, 99 % after {self.share(0.99):.1f} s, all after {self.share(1):.1f} s, at most"
            f" {self.busiest_tenth} in a tenth of a second; {len(self.presses_s)} presses meanwhile: median"
            f" {median_ms:.0f} ms, slowest {slowest_ms:.0f} ms"
        )


async def storm(broker: Mosquitto, sessions: int, processes: int, dead_s: float) -> Storm:
    """Run sessions in processes of their own, kill and start their broker, and press meanwhile."""
    endpoint = broker.probe()
    assert endpoint.credentials is not None
    names = [f"box-{number}" for number in range(1, sessions + 1)]
    crowd = [await _process(broker, names[number::processes]) for number in range(processes)]
    try:
        arrived: dict[bytes, float] = {}
        # Who presses and who hears is back at once, or there may be no press before the last of the crowd is.
        desk = Session(
            endpoint,
            "desk",
            backoff=Backoff(0.05, 0.1),
            subscriptions=("siaga/v1/up/+/alarm",),
            on_message=lambda topic, body, retained: arrived.__setitem__(body, time.monotonic()),
        )
        box = Session(
            endpoint,
            "box-0",
            backoff=Backoff(0.05, 0.1),
            birth=lambda: Outgoing("siaga/v1/up/box-0/status/alarm", b"online"),
        )
        tasks = [asyncio.create_task(each.run(), name=each.client_id) for each in (desk, box)]
        for each in (desk, box):
            await each.wait_connected()
        broker.kill()
        await asyncio.sleep(dead_s)  # as long as the outage that is looked at
        broker.start()
        back_s = time.monotonic()
        presses = asyncio.create_task(_press(box, desk, arrived), name="presses")
        returns = await _returns(crowd, back_s)
        presses.cancel()
        took = (await asyncio.gather(presses, return_exceptions=True))[0]
        assert isinstance(took, list), took
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return Storm(returns, took)
    finally:
        for process in crowd:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _process(broker: Mosquitto, names: list[str]) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.edge_agent.network_faults.crowd",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
        limit=1_000_000,
    )
    endpoint = broker.probe()
    assert endpoint.credentials is not None
    asked = {
        "port": endpoint.port,
        "ca": str(broker.trust.authority.trust),
        "password": endpoint.credentials.password,
        "names": names,
    }
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(asked).encode() + b"\n")
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"ready\n"
    return process


async def _press(box: Session, desk: Session, arrived: dict[bytes, float]) -> list[float]:
    took: list[float] = []
    try:
        await desk.wait_connected()
        while True:
            await box.wait_connected()
            body = b"press %d" % len(took)
            began = time.monotonic()
            try:
                await box.publish("siaga/v1/up/box-0/alarm", body)
            except (NotConnectedError, PublishTimeoutError, PublishRefusedError):
                continue
            while body not in arrived:  # noqa: ASYNC110 - the desk's own connection is not told of
                await asyncio.sleep(0.001)
            took.append(arrived[body] - began)
            await asyncio.sleep(_EACH_S)
    except asyncio.CancelledError:
        return took


async def _returns(crowd: list[asyncio.subprocess.Process], back_s: float) -> list[float]:
    """Return when each session was back, from the broker's return on; a session that is missing fails."""
    await asyncio.sleep(0)
    deadline = time.monotonic() + _RETURN_S
    returns: list[float] = []
    for process in crowd:
        assert process.stdin is not None
        assert process.stdout is not None
        async with asyncio.timeout(deadline - time.monotonic()):
            assert await process.stdout.readline() == b"all back\n"
        process.stdin.write(b"\n")
        moments: dict[str, float] = json.loads(await process.stdout.readline())
        returns += [moment - back_s for moment in moments.values()]
        await process.wait()
    return returns
