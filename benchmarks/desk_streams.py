"""What many open pages cost the desk: 100 streams at rest, with 1,000 open incidents behind them.

Two real brokers, a real desk, 100 pages by hand that read their streams and say every 5 s that they live. CPU is the
desk's, user and system, over a minute in which nothing happens; once as it is, and once without the signs of life.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from benchmarks.desk_stage import PASSWORD, street
from benchmarks.figures import Figure, keep_samples
from duty_desk.access.changes import Changes
from provisioning.brokers.model import account
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from siaga.stack.trust import Trust

PAGES: Final = int(os.environ.get("PAGES", "100"))
INCIDENTS: Final = int(os.environ.get("INCIDENTS", "1000"))
SECONDS: Final = float(os.environ.get("SECONDS", "60"))
ALIVE_S: Final = 5.0
CPU_PERCENT: Final = 10.0
RSS_MB: Final = 200.0
_BOX: Final = "box-1"
_HEADERS: Final = {"x-siaga-screen": "bench", "content-type": "application/json"}
_DESK: Final = "from duty_desk.cli import app; app()"
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def figures() -> list[Figure]:
    """Measure, keep the samples and return the figures."""
    return asyncio.run(_run())


@dataclass(slots=True)
class _Page:
    """A page's stream: when its snapshot was there as a whole, and what came in all."""

    name: str
    snapshot_s: float = 0.0
    bytes: int = 0
    ended: bool = False

    async def read(self, port: int, cookie: str) -> None:
        """Read, for ever."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=8_000_000)
        query = urlencode({"screen": self.name, "page": self.name})
        writer.write(f"GET /api/events?{query} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
        began = time.monotonic()
        try:
            await reader.readuntil(b"event: snapshot")
            # The event after it begins when all of it is there.
            await reader.readuntil(b"event: ")
            self.snapshot_s = time.monotonic() - began
            while data := await reader.read(65_536):
                self.bytes += len(data)
        finally:
            self.ended = True
            writer.close()


async def _run() -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    trust = Trust(folder / "authority")
    brokers = [Mosquitto(folder, f"{lane}-broker", trust, lane, probes=True) for lane in ("alarm", "telemetry")]
    command = [sys.executable, "-c", _DESK, "run", "--config", str(folder / "desk.toml")]
    desk = Process(command, name="desk", folder=folder)
    port = free_port()
    try:
        for broker in brokers:
            broker.start()
            broker.wait_ready()
        _prepare(folder, brokers, port)
        desk.start()
        await asyncio.to_thread(desk.wait_ready, 30)
        rows = await _measure(desk, brokers[0], port)
    finally:
        desk.stop()
        for broker in brokers:
            broker.stop()
        shutil.rmtree(folder)
    keep_samples("desk-streams", ("what", "value"), rows)
    found = dict(rows)
    return [
        Figure(f"CPU of the desk, {PAGES} pages at rest", found["cpu percent"], CPU_PERCENT, "%"),
        Figure("the same, streams alone", found["cpu percent, streams alone"], None, "%"),
        Figure(f"{PAGES} pages at once, the last has its snapshot", found["last snapshot s"], None, "s", digits=2),
        Figure(f"RSS of the desk, {INCIDENTS} open incidents and {PAGES} pages", found["rss MB"], RSS_MB, "MB"),
        Figure("the same at its highest", found["peak rss MB"], None, "MB"),
    ]


def _prepare(folder: Path, brokers: list[Mosquitto], port: int) -> None:
    authority = brokers[0].trust.authority
    lines = ['data_dir = "data"', 'inventory = "inventory.toml"']
    for broker in brokers:
        lines += [
            f"[{broker.lane}_broker]",
            'host = "127.0.0.1"',
            f"port = {broker.centre_port}",
            f'ca = "{authority.trust}"',
            f'username = "{account("desk").username}"',
            f'password_file = "{authority.accounts / "desk.password"}"',
        ]
    # No step but the first: what is measured is a desk at rest.
    lines += ["[http]", f"port = {port}", "[[escalation.steps]]", "after_s = 0", 'rings = ["officer"]', ""]
    (folder / "desk.toml").write_text("\n".join(lines))
    (folder / "inventory.toml").write_text(f'version = 1\n[[devices]]\nname = "{_BOX}"\nlabel = "Kotak"\n')
    (folder / "data").mkdir()
    with Changes(folder / "data" / "accounts.db", "bench", lambda _: None) as changes:
        changes.add("bench-1", "officer", PASSWORD, "Petugas 1")


async def _measure(desk: Process, broker: Mosquitto, port: int) -> list[tuple[str, float]]:
    async with street(broker) as pressing, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        events = [await pressing.press(f"box-{number}") for number in range(INCIDENTS)]
        if await pressing.all_stored(events, 120):
            raise SystemExit("presses were not recorded in two minutes")
        answer = await client.post(
            "/api/session", json={"name": "bench-1", "password": PASSWORD}, headers=_HEADERS, timeout=30
        )
        answer.raise_for_status()
        cookie = f"siaga={answer.cookies['siaga']}"
        headers = _HEADERS | {"x-siaga-csrf": answer.json()["csrf"], "cookie": cookie}
        async with _pages(port, cookie) as pages:
            async with asyncio.timeout(120):
                while not all(page.snapshot_s for page in pages):  # noqa: ASYNC110 - looked at from outside
                    await asyncio.sleep(0.05)
            rows = [("last snapshot s", max(page.snapshot_s for page in pages))]
            await asyncio.sleep(5)
            rows.append(("cpu percent, streams alone", await _cpu_percent(desk, SECONDS / 2)))
            signs = [asyncio.create_task(_live(client, page.name, headers), name="bench-alive") for page in pages]
            await asyncio.sleep(2 * ALIVE_S)
            rows.append(("cpu percent", await _cpu_percent(desk, SECONDS)))
            for sign in signs:
                sign.cancel()
            await asyncio.gather(*signs, return_exceptions=True)
            if any(page.ended for page in pages):
                raise SystemExit("a page lost its stream")
            statm = Path(f"/proc/{desk.pid}/statm").read_text().split()
            rows.append(("rss MB", int(statm[1]) * resource.getpagesize() / 1e6))
            rows.append(("peak rss MB", _peak_kb(desk.pid) * 1_024 / 1e6))
    return rows


@asynccontextmanager
async def _pages(port: int, cookie: str) -> AsyncIterator[list[_Page]]:
    pages = [_Page(f"p{number}") for number in range(PAGES)]
    tasks = [asyncio.create_task(page.read(port, cookie), name="bench-page") for page in pages]
    try:
        yield pages
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _live(client: httpx.AsyncClient, page: str, headers: dict[str, str]) -> None:
    """Say every 5 s that a page lives, each page at a moment of its own."""
    body: dict[str, Any] = {"page": page, "sound": "on", "visible": True}
    await asyncio.sleep(ALIVE_S * int(page[1:]) / PAGES)
    while True:
        with contextlib.suppress(httpx.TransportError):
            (await client.post("/api/screens/alive", json=body, headers=headers)).raise_for_status()
        await asyncio.sleep(ALIVE_S)


async def _cpu_percent(desk: Process, seconds: float) -> float:
    began, before = time.monotonic(), _cpu_s(desk.pid)
    await asyncio.sleep(seconds)
    return 100 * (_cpu_s(desk.pid) - before) / (time.monotonic() - began)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
