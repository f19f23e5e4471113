"""Whether the store answers Grafana, asked as a panel asks, and how old the newest it says is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from dashboards.grafana.client import Client, GrafanaError
from dashboards.grafana.question import SOURCE_UID
from store.layout import RAW


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store said. `good`: it answered, be it that there is nothing yet."""

    good: bool
    said: str


def ask(client: Client, influxql: str, *, from_ms: int, to_ms: int) -> list[dict[str, Any]]:
    """Return the frames of one question asked through Grafana.

    Raises:
        GrafanaError: The store refused, with what it said.
    """
    query = {
        "refId": "A",
        "datasource": {"type": "influxdb", "uid": SOURCE_UID},
        "rawQuery": True,
        "query": influxql,
        "resultFormat": "time_series",
        "intervalMs": 60_000,
        "maxDataPoints": 600,
    }
    answer = client.query({"from": str(from_ms), "to": str(to_ms), "queries": [query]})
    result = (answer.get("results") or {}).get("A") or {}
    if result.get("error"):
        raise GrafanaError(str(result["error"]))
    frames: list[dict[str, Any]] = result.get("frames") or []
    return frames


def newest(client: Client) -> Answer:
    """Return what the store says of the newest report of a box."""
    now_ms = int(time.time() * 1_000)
    influxql = f'SELECT last("produced") FROM "{RAW}"."box_report" WHERE time > now() - 1d'
    try:
        frames = ask(client, influxql, from_ms=now_ms - 86_400_000, to_ms=now_ms)
    except GrafanaError as error:
        return Answer(False, _advice(str(error)))
    times = [at for frame in frames for at in (frame.get("data", {}).get("values") or [[]])[0]]
    if not times:
        return Answer(True, "it answers, and has no report of a box of the last day")
    return Answer(True, f"it answers; the newest report of a box is {max(0, now_ms - max(times)) / 1_000:.0f} s old")


def _advice(text: str) -> str:
    low = text.lower()
    if "database not found" in low or "could not find bucket" in low or "dbrp" in low:
        return f"{text}: the store has no such database; make it with: siaga store init"
    if "authoriz" in low or "authentic" in low or "401" in low:
        return f"{text}: the store refuses the reader; correct its name and secret in grafana.toml, then push"
    if "refused" in low or "no such host" in low or "timeout" in low or "unreachable" in low:
        return f"{text}: Grafana cannot reach the store; url in [store] is as Grafana's machine sees it"
    return text
