"""`siaga collector top`: what a running collector does now, out of its /metrics."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Final, TextIO

from collector.metrics import parse
from contract.errors import SiagaError

_TIMEOUT_S: Final = 3.0
_MAX_BYTES: Final = 1_048_576
_CLEAR: Final = "\x1b[H\x1b[J"
_REFUSED: Final = 'refused_total{reason="'


class TopError(SiagaError):
    """No collector's metrics are answered there."""


def fetch(url: str) -> dict[str, float]:
    """Return the figures of the collector whose metrics are at an address such as `http://127.0.0.1:9469`.

    Raises:
        TopError: Nothing answers there, or something else does.
    """
    try:
        with urllib.request.urlopen(url.rstrip("/") + "/metrics", timeout=_TIMEOUT_S) as answer:
            figures = parse(answer.read(_MAX_BYTES).decode())
    except (OSError, ValueError) as error:
        why = error.reason if isinstance(error, urllib.error.URLError) else error
        raise TopError(f"{url}: no collector's metrics: {why}; does its configuration have [metrics]?") from None
    if "messages_total" not in figures:
        raise TopError(f"{url}: what answers is no collector")
    return figures


def rates(before: Mapping[str, float], now: Mapping[str, float], passed_s: float) -> dict[str, float]:
    """Return what is worth a look: rates a second between two looks, and the figures of the moment.

    Args:
        before: The figures of the first look.
        now: Those of the second one.
        passed_s: The time between them, in seconds.
    """

    def rate(name: str) -> float:
        # A collector that was started again begins at 0.
        return max(0.0, now[name] - before.get(name, 0.0)) / passed_s

    messages = rate("messages_total")
    cpu = rate("cpu_seconds_total")
    writes = now["store_writes_total"] - before["store_writes_total"]
    written_s = now["store_write_seconds_total"] - before["store_write_seconds_total"]
    return {
        "messages_per_s": messages,
        "readings_per_s": rate("readings_total"),
        "stored_per_s": rate("stored_total"),
        "refused_per_s": sum(rate(name) for name in now if name.startswith(_REFUSED)),
        "careful_per_s": rate("careful_total"),
        "receipts_per_s": rate("receipts_total"),
        "cpu_percent": 100 * cpu,
        "cpu_us_per_message": 1e6 * cpu / messages if messages else 0.0,
        "store_write_ms": 1e3 * written_s / writes if writes > 0 else 0.0,
        "held_messages": now["held_messages"],
        "receipts_waiting": now["receipts_waiting"],
        "devices": now["devices"],
        "resident_mb": now["resident_bytes"] / 1e6,
        "connected": now["connected"],
        "store_ok": now["store_ok"],
    }


def screen(told: Mapping[str, float], figures: Mapping[str, float]) -> str:
    """Return the screen's text."""
    broker = "connected" if told["connected"] else "NOT CONNECTED"
    store = "takes everything" if told["store_ok"] else "TAKES NOTHING: boxes keep their readings"
    lines = [
        f"broker    {broker}; connections made: {figures['connects_total']:.0f}, of them left deaf:"
        f" {figures['deaf_total']:.0f}",
        f"store     {store}; {told['store_write_ms']:.1f} ms a write",
        "",
        f"messages  {told['messages_per_s']:>12,.0f} /s     in all {figures['messages_total']:>16,.0f}",
        f"readings  {told['readings_per_s']:>12,.0f} /s     in all {figures['readings_total']:>16,.0f}",
        f"stored    {told['stored_per_s']:>12,.0f} /s     in all {figures['stored_total']:>16,.0f}",
        f"receipts  {told['receipts_per_s']:>12,.0f} /s     in all {figures['receipts_total']:>16,.0f}",
        f"refused   {told['refused_per_s']:>12,.0f} /s",
        "",
        f"held      {told['held_messages']:>12,.0f} messages; {told['receipts_waiting']:,.0f} receipts wait;"
        f" {told['devices']:,.0f} devices",
        f"process   {told['cpu_percent']:>12.1f} % of a core; {told['cpu_us_per_message']:.1f} µs a message;"
        f" {told['resident_mb']:.0f} MB",
    ]
    reasons = {name: number for name, number in figures.items() if name.startswith(_REFUSED)}
    if reasons:
        lines += ["", "refused so far"]
        most = sorted(reasons.items(), key=lambda item: -item[1])[:8]
        lines += [f"  {number:>12,.0f}  {name[len(_REFUSED) : -2]}" for name, number in most]
    return "\n".join(lines) + "\n"


def show(
    url: str,
    *,
    interval_s: float,
    looks: int | None,
    as_json: bool,
    out: TextIO = sys.stdout,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Show a running collector until interrupted, or for a number of looks.

    Args:
        url: Where its metrics are.
        interval_s: Between two looks, in seconds.
        looks: How many to show; None for ever.
        as_json: One JSON object a look instead of a screen.
        out: Where to.
        sleep: Waits.

    Raises:
        TopError: It does not answer.
    """
    before, before_s = fetch(url), time.monotonic()
    while looks is None or looks > 0:
        sleep(interval_s)
        now, now_s = fetch(url), time.monotonic()
        told = rates(before, now, max(1e-3, now_s - before_s))
        if as_json:
            print(json.dumps({name: round(value, 3) for name, value in told.items()}), file=out, flush=True)
        else:
            clear = _CLEAR if out.isatty() else ""
            print(f"{clear}{screen(told, now)}", end="", file=out, flush=True)
        before, before_s = now, now_s
        looks = None if looks is None else looks - 1
