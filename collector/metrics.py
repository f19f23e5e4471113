"""The collector's figures as Prometheus reads them, and whether it is ready. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

PREFIX: Final = "siaga_collector_"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure: its name without `siaga_collector_`, what it counts, and the label it is broken down by, if any."""

    name: str
    type: Literal["counter", "gauge"]
    help: str
    label: str = ""


METRICS: Final = (
    Metric("messages_total", "counter", "Messages taken in."),
    Metric("readings_total", "counter", "Readings accepted and handed to the store."),
    Metric("stored_total", "counter", "Readings the store has accepted."),
    Metric("careful_total", "counter", "Messages that went the careful way: new in some respect, or refused."),
    Metric("refused_total", "counter", "Bodies, and groups of readings of one body, that were refused.", "reason"),
    Metric("receipts_total", "counter", "Receipts sent."),
    Metric("receipts_forgotten_total", "counter", "Batches whose receipt was forgotten for want of room."),
    Metric("not_receipted_total", "counter", "Messages without receipt because the quarantine's disk failed."),
    Metric("no_device_total", "counter", "Messages on a topic that names no device."),
    Metric("held_messages", "gauge", "Messages that have no PUBACK yet."),
    Metric("held_bytes", "gauge", "Their size off the wire."),
    Metric("receipts_waiting", "gauge", "Ranges of batches, and bodies, that wait for their receipt."),
    Metric("devices", "gauge", "Devices heard since the start."),
    Metric("connected", "gauge", "1 while connected to the broker and subscribed."),
    Metric("connects_total", "counter", "Connections made to the broker."),
    Metric("deaf_total", "counter", "Connections left because they brought nothing for too long."),
    Metric("store_ok", "gauge", "1 while the store takes what it is given."),
    Metric("store_troubles_total", "counter", "Times the store stopped taking anything."),
    Metric("store_series_refused", "gauge", "Series of which the store refused a point in the last ten minutes."),
    Metric("store_writes_total", "counter", "Requests to the store that wrote points."),
    Metric("store_write_seconds_total", "counter", "What they took, in seconds."),
    Metric("cpu_seconds_total", "counter", "Processor time of the process, user and system."),
    Metric("resident_bytes", "gauge", "Memory of the process."),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures of one moment by metric name; those with a label by its values. `faults`: why it is not ready;
    `impaired`: what is wrong although it works."""

    values: Mapping[str, float]
    by_label: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    impaired: tuple[str, ...] = ()


def render(snapshot: Snapshot) -> str:
    """Return the figures in Prometheus' text format."""
    lines: list[str] = []
    for metric in METRICS:
        name = PREFIX + metric.name
        lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.type}"]
        if metric.label:
            values = snapshot.by_label.get(metric.name, {})
            lines += [f'{name}{{{metric.label}="{_escape(key)}"}} {_number(values[key])}' for key in sorted(values)]
        else:
            lines.append(f"{name} {_number(snapshot.values[metric.name])}")
    return "\n".join(lines) + "\n"


def parse(text: str) -> dict[str, float]:
    """Return the figures of `render` by name without the prefix, and with the label as `name{label="value"}`.

    Raises:
        ValueError: It is not that format.
    """
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name.removeprefix(PREFIX)] = float(value)
    return found


def readiness(faults: Iterable[str], impaired: Iterable[str] = ()) -> tuple[int, str]:
    """Return the HTTP status and the JSON that answer whether it is ready."""
    why_not = list(faults)
    return (503 if why_not else 200), json.dumps({"ready": not why_not, "faults": [*why_not, *impaired]}) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
