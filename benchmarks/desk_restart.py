"""`make bench-desk-restart`: a desk killed in the middle of an incident, with a ledger of ROWS rows behind it.

Two real brokers, a real desk, SIGKILL. A start is over when the desk says that it is ready and each incident that had
not ended was told to the brokers. The chain is checked behind it; how long a press waits for its record is told for
while that goes on and for after it. `LEDGER` names a file to copy instead of making one.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiomqtt

from benchmarks.figures import RESULTS, Figure, conclude, keep_samples, percentile
from benchmarks.ledger_year import OPEN, make_ledger
from contract import topics
from contract.identity import new_event_id, new_stream_id
from contract.messages import Press, encode
from duty_desk.ledger.archive_query import Filter, search
from duty_desk.ledger.derived import mend
from duty_desk.ledger.tables import open_engine, open_reader
from duty_desk.ledger.verify import verify
from provisioning.brokers.model import account
from siaga.stack.client import connection
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from siaga.stack.trust import Trust

ROWS: Final = int(os.environ.get("ROWS", "1000000"))
KILLS: Final = 5
PRESSES: Final = 100
_SAMPLES: Final = "desk_restart"
_BOX: Final = "box-1"
_STREAM: Final = new_stream_id()
_DESK: Final = "from duty_desk.cli import app; app()"


def main() -> int:
    """Measure and print; return the exit status."""
    return conclude(figures(), RESULTS / f"{_SAMPLES}.csv")


def figures() -> list[Figure]:
    """Measure, keep the samples and return the figures."""
    return asyncio.run(_run())


async def _run() -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="siaga-"))
    made = os.environ.get("LEDGER")
    ledger = folder / "data" / "ledger.db"
    ledger.parent.mkdir()
    if made is None:
        make_ledger(ledger, ROWS)
    else:
        shutil.copy(made, ledger)
    trust = Trust(folder / "authority")
    brokers = [Mosquitto(folder, f"{lane}-broker", trust, lane, probes=True) for lane in ("alarm", "telemetry")]
    port = free_port()
    config = folder / "desk.toml"
    for broker in brokers:
        broker.start()
        broker.wait_ready()
    (folder / "inventory.toml").write_text(f'version = 1\n[[devices]]\nname = "{_BOX}"\nlabel = "Kotak"\n')
    config.write_text(_config(brokers, port))
    desk = Process([sys.executable, "-c", _DESK, "run", "--config", str(config)], name="desk", folder=folder)
    try:
        found, samples = await _measure(desk, brokers[0], ledger, port)
    finally:
        desk.stop()
        for broker in brokers:
            broker.stop()
    found += _by_hand(ledger)
    shutil.rmtree(folder)
    keep_samples(_SAMPLES, ("what", "s"), samples)
    return found


def _config(brokers: list[Mosquitto], port: int) -> str:
    authority = brokers[0].trust.authority
    lines = ['data_dir = "data"', 'inventory = "inventory.toml"']
    for broker, lane in zip(brokers, ("alarm", "telemetry"), strict=True):
        lines += [
            f"[{lane}_broker]",
            'host = "127.0.0.1"',
            f"port = {broker.centre_port}",
            f'ca = "{authority.trust}"',
            f'username = "{account("desk").username}"',
            f'password_file = "{authority.accounts / "desk.password"}"',
        ]
    return "\n".join([*lines, "[http]", f"port = {port}", ""])


async def _measure(
    desk: Process, broker: Mosquitto, ledger: Path, port: int
) -> tuple[list[Figure], list[tuple[str, float]]]:
    samples: list[tuple[str, float]] = []
    async with _street(broker) as street:
        for kill in range(KILLS + 1):
            street.clear()
            began = time.monotonic()
            desk.start()
            await asyncio.to_thread(desk.wait_ready, 120)
            ready_s = time.monotonic() - began
            async with asyncio.timeout(120):
                while len(street.incidents) < OPEN:  # noqa: ASYNC110 - counted as they come
                    await asyncio.sleep(0.005)
            samples.append(("first start" if kill == 0 else "start after SIGKILL", time.monotonic() - began))
            print(f"ready after {ready_s:.2f} s, all incidents told after {samples[-1][1]:.2f} s", flush=True)
            # In the middle of an incident: its press is recorded, nobody has answered.
            await street.press()
            if kill < KILLS:
                desk.kill()
        began = time.monotonic()
        while not _checked(port, ledger):
            samples.append(("record while the chain is checked", await street.press()))
            await asyncio.sleep(0.2)
        check_s = time.monotonic() - began
        print(f"the chain was checked after {check_s:.0f} s", flush=True)
        for _ in range(PRESSES):
            samples.append(("record", await street.press()))
            await asyncio.sleep(0.05)
    rss_mb = int(Path(f"/proc/{desk.pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    starts = [seconds for what, seconds in samples if what == "start after SIGKILL"]
    beside = [seconds * 1e3 for what, seconds in samples if what == "record while the chain is checked"]
    alone = [seconds * 1e3 for what, seconds in samples if what == "record"]
    return [
        Figure(f"back after SIGKILL, slowest of {KILLS}, {ROWS} rows", max(starts), 5.0, "s"),
        Figure("whole chain checked behind it", check_s, None, "s"),
        Figure(f"press to `stored` meanwhile, p50 of {len(beside)}", percentile(beside, 0.5), None, "ms"),
        Figure("press to `stored` meanwhile, p99", percentile(beside, 0.99), None, "ms"),
        Figure(f"press to `stored` after it, p50 of {len(alone)}", percentile(alone, 0.5), None, "ms"),
        Figure("press to `stored` after it, p99", percentile(alone, 0.99), None, "ms"),
        Figure("RSS of the desk", rss_mb, 200.0, "MB"),
    ], samples


def _by_hand(ledger: Path) -> list[Figure]:
    """Time what the commands do with the same ledger."""
    began = time.monotonic()
    verdict = verify(ledger)
    verify_s = time.monotonic() - began
    searches = {
        "latest 50": Filter(),
        "a common name": Filter(officer="Petugas 3"),
        "a note few have": Filter(text="ditemukan 4711"),
        "a text nobody has": Filter(text="zzzz"),
        "an id": Filter(text=verdict.head[:12] if verdict.head else ""),
    }
    figures = [Figure(f"verify-ledger, {verdict.rows} rows", verify_s, None, "s")]
    for name, chosen in searches.items():
        times = []
        for _ in range(5):
            began = time.monotonic()
            with open_reader(ledger).connect() as connection:
                search(connection, chosen, None, 50)
            times.append((time.monotonic() - began) * 1e3)
        figures.append(Figure(f"archive: {name}, median of 5", percentile(times, 0.5), 100.0, "ms"))
    began = time.monotonic()
    mend(open_engine(ledger), anew=True)
    figures.append(Figure("derived tables made anew", time.monotonic() - began, None, "s"))
    return figures


class _Street:
    """A box by hand, and what the desk tells everyone."""

    def __init__(self, box: aiomqtt.Client) -> None:
        self._box = box
        self.incidents: set[str] = set()
        self._stored: dict[str, asyncio.Event] = {}

    def clear(self) -> None:
        """Forget what was told."""
        self.incidents.clear()

    async def press(self) -> float:
        """Press; return after how many seconds it was recorded."""
        event_id = new_event_id()
        press = Press(
            event_id=event_id,
            device=_BOX,
            button="sos",
            cause="press",
            status="Actual",
            pressed_at_ns=time.time_ns(),
            clock="ntp",
            age_ms=1,
            stream=_STREAM,
            sequence=1,
        )
        self._stored[event_id] = asyncio.Event()
        began = time.monotonic()
        await self._box.publish(topics.alarm(_BOX), encode(press), qos=1)
        async with asyncio.timeout(30):
            await self._stored[event_id].wait()
        return time.monotonic() - began

    async def read(self, client: aiomqtt.Client) -> None:
        """Take what comes, for ever."""
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            body: dict[str, Any] = json.loads(message.payload)
            if str(message.topic) == topics.INCIDENT:
                self.incidents.add(body["incident_id"])
            elif body.get("stage") == "stored" and body.get("event_id") in self._stored:
                self._stored[body["event_id"]].set()


@asynccontextmanager
async def _street(broker: Mosquitto) -> AsyncIterator[_Street]:
    async with connection(broker.device(_BOX), _BOX) as box, connection(broker.probe(), "witness") as witness:
        await box.subscribe(topics.alarm_receipt(_BOX), qos=1)
        await witness.subscribe(topics.INCIDENT, qos=1)
        street = _Street(box)
        readers = [asyncio.create_task(street.read(one), name="bench-read") for one in (box, witness)]
        try:
            yield street
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)


def _checked(port: int, ledger: Path) -> bool:
    """Return whether the whole chain was checked, as the desk says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            health = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            health = json.load(error)
    assert health["ledger_broken"] is None, health["ledger_broken"]
    rows: int = health["ledger_checked_rows"]
    return rows >= ROWS


if __name__ == "__main__":
    sys.exit(main())
