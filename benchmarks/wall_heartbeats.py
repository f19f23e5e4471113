"""What the heartbeats of 24 screens cost the wall server: its processor time with them, less without. For bench-wall.

The server is a process of its own, as it is run; the beats are those of a Grafana in the frame, over kept connections.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import aiohttp
import psutil

from benchmarks.figures import Figure, conclude, keep_samples
from siaga.stack.ports import free_port

SCREENS: Final = 24
BEAT_S: Final = 2.0
MEASURED_S: Final = 30.0
ROUNDS: Final = 3
TARGET_SHARE: Final = 1.0
"""Percent of one core."""

HEADERS: Final = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "accept-language": "id-ID,id;q=0.9",
    "content-type": "application/json",
    "referer": "http://127.0.0.1/static/beat.js",
    "sec-fetch-dest": "empty",
    "sec-fetch-mode": "cors",
    "sec-fetch-site": "same-origin",
    "user-agent": "Mozilla/5.0 (X11; Linux aarch64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0",
}
"""As Chromium sends them."""

_PLAN: Final = 'city = "Kota"\nlanguage = "id"\nsource = "board"\n' + "".join(
    f'[[screens]]\nnumber = {number}\nshow = [{{ dashboard = "siaga_city" }}]\ntakeover = true\n'
    for number in range(1, SCREENS + 1)
)
_PROGRAM: Final = """
import sys
from pathlib import Path
from dashboards.server.commands import serve
serve(Path(sys.argv[1]), "error")
"""


def figures() -> list[Figure]:
    """Measure; return the figure and what the server takes without a beat. The samples go to `var/bench`."""
    shares = asyncio.run(_measure())
    keep_samples("wall-heartbeats", ("beating", "cpu_percent"), shares)
    with_beats = [share for beating, share in shares if beating]
    without = [share for beating, share in shares if not beating]
    cost = max(0.0, min(with_beats) - min(without))
    return [
        Figure("heartbeats of 24 screens, share of a core", cost, TARGET_SHARE, "%", digits=2),
        Figure("wall server at rest, share of a core", min(without), None, "%", digits=2),
    ]


def beat(number: int) -> dict[str, object]:
    """Return a beat as `page/watch.js` sends it."""
    return {
        "page": f"{number:032x}",
        "browser": f"{number:032x}",
        "kiosk": True,
        "version": None,
        "visible": True,
        "hung_ms": 412,
        "painted_ms": 398,
        "loaded_ms": 600_000,
        "source": "grafana",
        "dashboard": "siaga_city",
        "frame": {"reachable": True, "ticked_ms": 200, "log_in": False, "missing": False, "panels": 9, "errors": 0}
        | {"no_data": 0, "loading": 1, "attempted_ms": 1_200, "answered_ms": 1_200},
        "board": None,
        "heap_bytes": 210_000_000,
    }


async def _measure() -> list[tuple[bool, float]]:
    with tempfile.TemporaryDirectory() as folder:
        port = _configure(Path(folder))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM, str(Path(folder) / "wall-server.toml"), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            await asyncio.wait_for(process.stdout.readline(), 30)
            server = psutil.Process(process.pid)
            url = f"http://127.0.0.1:{port}"
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=SCREENS)) as http:
                await _share(server, http, url, seconds=5.0, beating=True)
                return [
                    (beating, await _share(server, http, url, seconds=MEASURED_S, beating=beating))
                    for _ in range(ROUNDS)
                    for beating in (True, False)
                ]
        finally:
            if process.returncode is None:
                os.kill(process.pid, signal.SIGTERM)
                await process.wait()


async def _share(
    server: psutil.Process, http: aiohttp.ClientSession, url: str, *, seconds: float, beating: bool
) -> float:
    before, began_s = _cpu_s(server), time.monotonic()
    if beating:
        await asyncio.gather(*(_screen(http, url, number, seconds) for number in range(1, SCREENS + 1)))
    else:
        await asyncio.sleep(seconds)
    return 100 * (_cpu_s(server) - before) / (time.monotonic() - began_s)


async def _screen(http: aiohttp.ClientSession, url: str, number: int, seconds: float) -> None:
    body = json.dumps(beat(number)).encode()
    headers = HEADERS | {"origin": url}
    end_s = time.monotonic() + seconds
    await asyncio.sleep(BEAT_S * number / SCREENS)
    while time.monotonic() < end_s:
        async with http.post(f"{url}/api/screen/{number}/alive", data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            told = await answer.json()
        await asyncio.sleep(told["next_ms"] / 1_000)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _configure(folder: Path) -> int:
    port = free_port()
    (folder / "wall.toml").write_text(_PLAN, encoding="utf-8")
    (folder / "inventory.toml").write_text("", encoding="utf-8")
    # No store: the beats are measured, not the questions.
    (folder / "wall-server.toml").write_text(
        f'plan = "wall.toml"\ninventory = "inventory.toml"\n[http]\nport = {port}\n'
        f'[store]\nurl = "http://127.0.0.1:{free_port()}"\ndatabase = "siaga"\n',
        encoding="utf-8",
    )
    return port


if __name__ == "__main__":
    sys.exit(conclude(figures(), Path("var/bench/wall-heartbeats.csv")))
