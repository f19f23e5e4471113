"""Whether the store answers Grafana, asked as a panel asks, and how old the newest it says is."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.grafana.client import Client, GrafanaError
from store.layout import RAW


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store said. `good`: it answered, be it that there is nothing yet."""

    good: bool
    said: str


def newest(client: Client, database: str, now_ms: float) -> Answer:
    """Return what the store says of the newest report of a box. `now_ms`: since 1970, by the clock of the caller."""
    influxql = f'SELECT last("produced") FROM "{RAW}"."box_report" WHERE time > now() - 1d'
    try:
        results = client.proxied(influxql, database).get("results") or []
    except GrafanaError as error:
        return Answer(False, _advice(str(error)))
    for result in results:
        if result.get("error"):
            return Answer(False, _advice(str(result["error"])))
    times = [row[0] for result in results for series in result.get("series") or [] for row in series["values"]]
    if not times:
        return Answer(True, "it answers, and has no report of a box of the last day")
    return Answer(True, f"it answers; the newest report of a box is {max(0, now_ms - max(times)) / 1_000:.0f} s old")


def _advice(text: str) -> str:
    low = text.lower()
    if "database not found" in low or "could not find bucket" in low or "dbrp" in low:
        return f"{text}: the store has no such database; make it with: siaga store init"
    if "requires read" in low:
        return (
            f"{text}: the reader may not read it, or there is no such database;"
            " siaga store init --grant-read with the reader's name makes both"
        )
    if "authoriz" in low or "authentic" in low or "(401)" in low:
        return f"{text}: the store refuses the reader; correct its name and secret in grafana.toml, then push"
    if "(502)" in low or "(504)" in low or "in time" in low:
        return f"{text}: Grafana cannot reach the store; url in [store] is as Grafana's machine sees it"
    return text
