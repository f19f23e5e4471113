"""How the screens are, as Prometheus reads it. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from dashboards.guardian.judge import Verdict
from dashboards.guardian.signs import GRAVITY

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "siaga_wall_screen_"
_HELP: Final = {
    "state": "1 for the state a screen is in, 0 for the others.",
    "heard_seconds": "Since a screen was last heard.",
    "data_age_seconds": "Age of the newest reading a screen shows, as the wall server sees it.",
    "painted_seconds": "Since a screen last painted, as it told with its last beat.",
    "heap_bytes": "Memory of a screen's page, as its browser tells.",
    "reloads_total": "How often a screen was told to load itself anew.",
}


def metrics(verdicts: Iterable[Verdict], now_s: float) -> str:
    """Return the text for Prometheus; what is not known of a screen is left out."""
    lines: dict[str, list[str]] = {name: [] for name in _HELP}
    for verdict in verdicts:
        for name, labels, value in _of(verdict, now_s):
            lines[name].append(f'{PREFIX}{name}{{screen="{verdict.number}"{labels}}} {value:g}')
    parts = []
    for name, found in lines.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        parts += [f"# HELP {PREFIX}{name} {_HELP[name]}", f"# TYPE {PREFIX}{name} {kind}", *found]
    return "\n".join(parts) + "\n"


def _of(verdict: Verdict, now_s: float) -> Iterator[tuple[str, str, float]]:
    for state in GRAVITY:
        yield "state", f',state="{state}"', float(state == verdict.state)
    if verdict.heard_s is not None:
        yield "heard_seconds", "", now_s - verdict.heard_s
    if verdict.data_age_s is not None:
        yield "data_age_seconds", "", verdict.data_age_s
    if verdict.page is not None:
        yield "painted_seconds", "", verdict.page.painted_ms / 1_000
        if verdict.page.heap_bytes is not None:
            yield "heap_bytes", "", float(verdict.page.heap_bytes)
    yield "reloads_total", "", float(verdict.reloads)
