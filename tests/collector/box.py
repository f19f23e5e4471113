"""A box on a real broker that keeps each batch until its receipt, and sends again what has none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contract.batch import TelemetryReceipt
from contract.identity import body_hash
from contract.messages import decode
from contract.topics import telemetry, telemetry_receipt
from link import Backoff, LinkError, Session
from siaga.stack.mosquitto import Mosquitto

RESEND_S = 0.5


class Box:
    """A box. `waiting` holds bodies without receipt by batch number or hash; `names` all ever sent; `receipts` all that
    came.
    """

    def __init__(self, broker: Mosquitto, device: str) -> None:
        self.device = device
        self.waiting: dict[int | str, bytes] = {}
        self.names: set[int | str] = set()
        self.receipts: list[TelemetryReceipt] = []
        self.sendings = 0
        self.session = Session(
            broker.device(device),
            device,
            subscriptions=(telemetry_receipt(device),),
            on_message=self._on_message,
            on_connect=lambda: self.connected.set(),
            backoff=Backoff(0.05, 0.3),
        )
        self.connected = asyncio.Event()
        self._tell = asyncio.Event()

    async def send(self, name: int | str, body: bytes) -> None:
        """Send a body, and again until its receipt; `name` is its batch number, or any text for one without."""
        self.names.add(name)
        self.waiting[name if isinstance(name, int) else body_hash(body)] = body
        await self._publish(body)

    async def all_receipted(self, timeout_s: float = 30.0) -> None:
        """Wait until nothing waits for a receipt."""
        async with asyncio.timeout(timeout_s):
            while self.waiting:
                self._tell.clear()
                await self._tell.wait()

    async def receipt(self, timeout_s: float = 10.0) -> TelemetryReceipt:
        """Wait for the next receipt."""
        number = len(self.receipts)
        async with asyncio.timeout(timeout_s):
            while len(self.receipts) == number:
                self._tell.clear()
                await self._tell.wait()
        return self.receipts[number]

    async def resend(self) -> None:
        """Send again what waits, for ever."""
        while True:
            await asyncio.sleep(RESEND_S)
            for body in list(self.waiting.values()):
                await self._publish(body)

    async def _publish(self, body: bytes) -> None:
        self.sendings += 1
        with contextlib.suppress(LinkError):
            await self.session.publish(telemetry(self.device), body)

    def _on_message(self, topic: str, body: bytes, retained: bool) -> None:
        receipt = decode(TelemetryReceipt, body)
        assert receipt.device == self.device
        assert not retained
        self.receipts.append(receipt)
        for one in receipt.ranges:
            for number in range(one.first, one.last + 1):
                self.waiting.pop(number, None)
        for sha256 in receipt.bodies:
            self.waiting.pop(sha256, None)
        self._tell.set()


@asynccontextmanager
async def box(broker: Mosquitto, device: str = "box-1", *, resend: bool = True) -> AsyncIterator[Box]:
    """Yield a connected box."""
    one = Box(broker, device)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one.session.run(), name=f"session-{device}")]
        if resend:
            running.append(tasks.create_task(one.resend(), name=f"resend-{device}"))
        async with asyncio.timeout(10):
            await one.connected.wait()
        yield one
        for task in running:
            task.cancel()
