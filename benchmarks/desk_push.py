"""`make bench-desk PART=push`: from a button's edge until the push service has taken the page, for each phone.

The push service stands on this machine and answers at once, so what is measured is ours: box, brokers, desk, sealing,
a request on a kept connection. Its own way and the phone's come on top. The pages of each press go to PHONES phones.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.desk_client import Officer
from benchmarks.desk_stage import OFFICERS, Stage
from benchmarks.figures import Figure, keep_samples, percentile
from duty_desk.channels.contacts_file import MAX_PHONES, ContactsFile, Subscription
from duty_desk.channels.webpush.sealing import point_of, to_base64url
from siaga.stack.ports import free_port
from simulator.control import BoardControl
from simulator.layout import board_path

PRESSES: Final = 100
BOXES: Final = 8
PHONES: Final = len(OFFICERS) * MAX_PHONES
P99_MS: Final = 300.0
_WAIT_S: Final = 10.0
_WARM_UP: Final = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One press: when the service had taken its first page and its last, in ms after the edge."""

    box: str
    first_ms: float
    last_ms: float


class PushService:
    """Takes pushes, and notes when: by the page's topic, which names the incident."""

    def __init__(self) -> None:
        self.origin = f"http://127.0.0.1:{free_port()}"
        self.taken: dict[str, list[int]] = {}
        self._news = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        """Take a push. What closes a notification is in no haste, and not counted."""
        await request.read()
        if request.headers["Urgency"] == "high":
            async with self._news:
                self.taken.setdefault(request.headers["Topic"], []).append(time.monotonic_ns())
                self._news.notify_all()
        return web.Response(status=201)

    async def pages(self, known: set[str]) -> tuple[str, list[int]]:
        """Return the topic of the next incident, and when each of its pages was taken."""

        def found() -> tuple[str, list[int]] | None:
            return next(((t, at) for t, at in self.taken.items() if t not in known and len(at) >= PHONES), None)

        async with asyncio.timeout(_WAIT_S), self._news:
            await self._news.wait_for(lambda: found() is not None)
        there = found()
        assert there is not None
        return there


def figures(presses: int = PRESSES) -> list[Figure]:
    """Measure, keep the samples and return the figures."""
    samples = asyncio.run(_measure(presses))
    rows = [(s.box, f"{s.first_ms:.2f}", f"{s.last_ms:.2f}") for s in samples]
    keep_samples("desk_push", ("box", "edge_to_first_ms", "edge_to_last_ms"), rows)
    first, last = [s.first_ms for s in samples], [s.last_ms for s in samples]
    return [
        Figure(
            f"press to push handed, first of {PHONES} phones, p50 of {len(samples)}", percentile(first, 0.5), None, "ms"
        ),
        Figure("press to push handed, first phone, p99", percentile(first, 0.99), P99_MS, "ms"),
        Figure(f"press to push handed, last of {PHONES} phones, p50", percentile(last, 0.5), None, "ms"),
        Figure("press to push handed, last phone, p99", percentile(last, 0.99), P99_MS, "ms"),
    ]


async def _measure(presses: int) -> list[Sample]:
    with Stage(BOXES) as stage:
        async with _pushed_to(stage) as service, Officer(stage, OFFICERS[0], "Layar 1") as officer:
            await _press_all(stage, service, officer, _WARM_UP)
            return await _press_all(stage, service, officer, presses)


@asynccontextmanager
async def _pushed_to(stage: Stage) -> AsyncIterator[PushService]:
    """Run the push service, and the desk with phones behind it."""
    service = PushService()
    app = web.Application()
    app.router.add_post("/push/{name}", service.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(service.origin.rpartition(":")[2])).start()
    stage.stack.desk.stop()
    contacts = ContactsFile(stage.folder / "desk" / "contacts.db")
    for account in OFFICERS:
        for number in range(MAX_PHONES):
            contacts.subscribe(_phone(service, account, number))
    contacts.close()
    config = stage.stack.config / "desk.toml"
    config.write_text(f'{config.read_text()}\n[channels.push]\nservices = ["{service.origin}"]\n')
    await asyncio.to_thread(stage.stack.restart, stage.stack.desk)
    try:
        yield service
    finally:
        await runner.cleanup()


def _phone(service: PushService, account: str, number: int) -> Subscription:
    point = point_of(ec.generate_private_key(ec.SECP256R1()).public_key())
    endpoint = f"{service.origin}/push/{account}-{number}"
    auth = to_base64url(bytes(range(16)))
    return Subscription(endpoint, to_base64url(point), auth, account, f"Ponsel {number}", "id", time.time_ns())


async def _press_all(stage: Stage, service: PushService, officer: Officer, presses: int) -> list[Sample]:
    draw = random.Random(1)
    samples: list[Sample] = []
    for number in range(presses):
        box = stage.stack.boxes[number % len(stage.stack.boxes)]
        await asyncio.sleep(0.05 + 0.2 * draw.random())
        samples.append(await _press_once(stage, service, officer, box))
    return samples


async def _press_once(stage: Stage, service: PushService, officer: Officer, box: str) -> Sample:
    known = set(service.taken)
    with BoardControl(board_path(stage.stack.hardware, box)) as board:
        pressed_ns = board.press(hold_ms=20).timestamp_ns
    topic, taken_ns = await service.pages(known)
    incident = next(one["id"] for one in await officer.incidents() if one["id"].replace("-", "") == topic)
    await officer.must(incident, "accept")
    await officer.must(incident, "close")
    return Sample(box, (min(taken_ns) - pressed_ns) / 1e6, (max(taken_ns) - pressed_ns) / 1e6)
