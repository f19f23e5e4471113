"""`make bench-modbus`: a bus of 32 slaves of pymodbus's simulator on a pty, 8 of them dead, asked each 5 s.

The slaves are a process of their own. Noise is put before or behind one answer in ten, and each answer is cut in two. A
slave counts how often it is read, so that a value that was said twice would show.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import aclosing, suppress
from itertools import pairwise
from typing import Any, Final

from benchmarks.figures import Figure, conclude, keep_samples, percentile
from contract.settings import check_table
from edge_agent.drivers.base import Sample
from edge_agent.drivers.modbus.driver import ModbusDriver
from edge_agent.drivers.modbus.settings import ModbusSettings

SLAVES: Final = 32
DEAD: Final = frozenset({3, 7, 8, 9, 20, 21, 30, 31})
POLL_S: Final = 5.0
TIMEOUT_MS: Final = 200
KEPT_PERCENT: Final = 95.0
_MAP: Final = [
    {"field": "energy_wh", "table": "input", "address": 0},
    {"field": "current_a", "table": "input", "address": 1},
    {"field": "voltage_v", "table": "input", "address": 2, "type": "float32"},
    {"field": "charge_pct", "table": "input", "address": 10},
]


def settings(uri: str) -> ModbusSettings:
    """Return the bus."""
    slaves: list[dict[str, Any]] = [
        {"id": f"s{number}", "address": number, "kind": "electrical", "registers": _MAP}
        for number in range(1, SLAVES + 1)
    ]
    bus = {"id": "bus", "driver": "modbus", "uri": uri, "poll_s": POLL_S, "timeout_ms": TIMEOUT_MS, "slaves": slaves}
    return check_table(bus, ModbusSettings)


async def poll(uri: str, for_s: float) -> tuple[dict[int, list[Sample]], float, ModbusDriver]:
    """Read the bus for a time; return each slave's samples, the intervals begun, and the driver."""
    driver = ModbusDriver(settings(uri))
    samples: dict[int, list[Sample]] = defaultdict(list)
    began_s = time.monotonic()
    with suppress(TimeoutError):
        async with asyncio.timeout(for_s), aclosing(driver.samples()) as source:
            async for some in source:
                for sample in some:
                    samples[int(str(sample.sensor)[1:])].append(sample)
    return samples, (time.monotonic() - began_s) // POLL_S + 1, driver


def main() -> int:
    """Run it for SECONDS and print the figures."""
    for_s = float(os.environ.get("SECONDS", "120")) - 0.1
    command = [sys.executable, "-m", "tests.edge_agent.drivers.modbus_slaves", "serial", f"--slaves={SLAVES}"]
    command += [f"--dead={','.join(map(str, sorted(DEAD)))}", "--junk=0.05", "--split-ms=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as slaves:
        try:
            assert slaves.stdout is not None
            samples, intervals, driver = asyncio.run(poll(slaves.stdout.readline().strip(), for_s))
        finally:
            slaves.kill()
    living = sorted(set(range(1, SLAVES + 1)) - DEAD)
    polls = [len(samples[number]) for number in living]
    repeated = sum(len(one) - len({each.fields["energy_wh"] for each in one}) for one in samples.values())
    gaps = [
        (later.monotonic_ns - sooner.monotonic_ns) / 1e9 for one in samples.values() for sooner, later in pairwise(one)
    ]
    rows = [(number, sample.monotonic_ns, *sample.fields.values()) for number in living for sample in samples[number]]
    path = keep_samples("modbus", ["slave", "monotonic_ns", *(str(each["field"]) for each in _MAP)], rows)
    print(f"counted: {dict(driver.counters)}; dead: {sorted(driver.faults_of_parts())}")
    figures = [
        Figure(
            "polls the living kept, all", 100 * sum(polls) / intervals / len(living), KEPT_PERCENT, "%", at_least=True
        ),
        Figure("polls the living kept, worst slave", 100 * min(polls) / intervals, KEPT_PERCENT, "%", at_least=True),
        Figure("between two readings of a slave, p99", percentile(gaps, 0.99), None, "s", digits=2),
        Figure("between two readings of a slave, longest", max(gaps), None, "s", digits=2),
        Figure("values said twice", repeated, 0, ""),
    ]
    return conclude(figures, path)


if __name__ == "__main__":
    sys.exit(main())
