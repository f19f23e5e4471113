"""Drives one lamp: shows what the panel says until cancelled."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter

from edge_agent.drivers.button.driver import LampOutput, open_lamp
from edge_agent.errors import LineError
from edge_agent.lamp import Lamp, Pattern, level_at
from edge_agent.waiting import Signal, wait_until
from link.backoff import Backoff

_log = logging.getLogger("siaga.edge.lamp")


async def drive(uri: str, lamp: Lamp, changed: Signal, faults: Counter[str]) -> None:
    """Show a lamp's pattern, opening its output again when it is lost.

    Args:
        uri: The lamp's URI.
        lamp: Its state.
        changed: Woken when any lamp's state changed.
        faults: Counts lost outputs.
    """
    backoff = Backoff(base_s=0.2, cap_s=5.0)
    while True:
        try:
            async with open_lamp(uri) as output:
                backoff.reset()
                lamp.wrong = None
                await _show(output, lamp, changed)
        except LineError as error:
            faults["lamp lost"] += 1
            lamp.wrong = f"lost: {error}"
            _log.error("%s", error)
        await asyncio.sleep(backoff.next_s())


async def _show(output: LampOutput, lamp: Lamp, changed: Signal) -> None:
    shown: bool | None = None
    pattern: Pattern | None = None
    since_ns = 0
    while True:
        woken = changed.current
        now_ns = time.monotonic_ns()
        wanted, pattern_left_ns = lamp.pattern(now_ns)
        if wanted != pattern:
            pattern, since_ns = wanted, now_ns
        lit, level_left_ns = level_at(wanted, now_ns - since_ns)
        if lit != shown:
            await output.set(lit)
            shown = lit
        left_ns = min((left for left in (pattern_left_ns, level_left_ns) if left is not None), default=None)
        await wait_until(woken, None if left_ns is None else now_ns + left_ns)
