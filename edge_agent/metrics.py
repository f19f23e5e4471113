"""The agent's figures as Prometheus reads them, made from its status. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from edge_agent.faults import reason
from edge_agent.status import AgentStatus

PREFIX: Final = "siaga_edge_"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure: its name without `siaga_edge_`, its type, what it counts, and the labels it is broken down by."""

    name: str
    type: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...] = ()


METRICS: Final = (
    Metric("running_seconds", "gauge", "Time since the agent started."),
    Metric("presses_total", "counter", "Alarms since the start, and those the last run left."),
    Metric("presses_receipted_total", "counter", "Alarms that the desk has stored."),
    Metric("presses_waiting", "gauge", "Alarms without receipt."),
    Metric("readings_total", "counter", "Readings since the start, and those the last run left."),
    Metric("readings_receipted_total", "counter", "Readings that the collector has receipted."),
    Metric("readings_waiting", "gauge", "Readings without receipt, in memory and on the card."),
    Metric("readings_dropped_total", "counter", "Readings that were given up.", ("reason",)),
    Metric("faults_now", "gauge", "1 for each fault that lasts.", ("what", "reason")),
    Metric("faults_total", "counter", "Faults since the start.", ("fault",)),
    Metric("lane_connected", "gauge", "1 while the lane's session stands.", ("lane",)),
    Metric("lane_connects_total", "counter", "Connections made to the lane's broker.", ("lane",)),
    Metric("lane_receipt_age_seconds", "gauge", "Time since the lane's last receipt.", ("lane",)),
    Metric("clock_trusted", "gauge", "1 while the clock is trusted.", ("source",)),
    Metric("button_pressed", "gauge", "1 while the button is down.", ("button",)),
    Metric("sensor_reading_age_seconds", "gauge", "Time since the last reading of a kind.", ("sensor", "kind")),
    Metric("sensor_counts_total", "counter", "What a sensor's driver counted.", ("sensor", "count")),
    Metric("threshold_raised", "gauge", "1 while the threshold's value is beyond.", ("threshold",)),
    Metric("outbox_fault", "gauge", "1 while the card refuses the file, or stands still.", ("file",)),
    Metric("outbox_set_aside_total", "counter", "Damaged files that were set aside.", ("file",)),
    Metric("cpu_seconds_total", "counter", "Processor time of the agent, user and system."),
    Metric("resident_bytes", "gauge", "Memory of the agent."),
    Metric("log_lost_total", "counter", "Lines of the log that nobody took."),
)


@dataclass(frozen=True, slots=True)
class Process:
    """What the agent's process costs: processor time in seconds, memory in bytes, lines of the log that were lost."""

    cpu_s: float
    resident_bytes: int
    log_lost: int


def render(status: AgentStatus, process: Process) -> str:
    """Return the figures of one moment in Prometheus' text format."""
    values = _values(status, process)
    lines: list[str] = []
    for metric in METRICS:
        name = PREFIX + metric.name
        lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.type}"]
        for labels, value in values[metric.name]:
            named = ",".join(f'{label}="{_escape(text)}"' for label, text in zip(metric.labels, labels, strict=True))
            lines.append(f"{name}{{{named}}} {_number(value)}" if named else f"{name} {_number(value)}")
    return "\n".join(lines) + "\n"


_Values = list[tuple[tuple[str, ...], float]]


def _values(status: AgentStatus, process: Process) -> dict[str, _Values]:
    report, lanes = status.report, status.sessions
    return {
        "running_seconds": [((), status.running_s)],
        "presses_total": [((), report.presses.produced)],
        "presses_receipted_total": [((), report.presses.receipted)],
        "presses_waiting": [((), report.presses.waiting)],
        "readings_total": [((), report.readings.produced)],
        "readings_receipted_total": [((), report.readings.receipted)],
        "readings_waiting": [((), report.readings.waiting)],
        "readings_dropped_total": _by_name(report.readings.dropped),
        "faults_now": [((fault.what, reason(fault.words)), 1) for fault in status.faults],
        "faults_total": _by_name(report.faults),
        "lane_connected": [((lane,), session.connected) for lane, session in lanes.items()],
        "lane_connects_total": [((lane,), session.connects) for lane, session in lanes.items()],
        "lane_receipt_age_seconds": [((lane,), age_s) for lane, age_s in status.receipt_ages_s.items()],
        "clock_trusted": [((report.clock,), report.clock != "none")],
        "button_pressed": [((button.id,), button.pressed) for button in status.buttons],
        "sensor_reading_age_seconds": list(_ages(status)),
        "sensor_counts_total": [
            ((sensor, count), value) for sensor, counts in report.sensors.items() for count, value in counts.items()
        ],
        "threshold_raised": [((each.id,), each.state == "raised") for each in status.thresholds],
        "outbox_fault": [((name,), outbox.fault is not None) for name, outbox in status.outboxes.items()],
        "outbox_set_aside_total": [((name,), outbox.set_aside) for name, outbox in status.outboxes.items()],
        "cpu_seconds_total": [((), process.cpu_s)],
        "resident_bytes": [((), process.resident_bytes)],
        "log_lost_total": [((), process.log_lost)],
    }


def _by_name(counts: Mapping[str, int]) -> _Values:
    return [((name,), value) for name, value in counts.items()]


def _ages(status: AgentStatus) -> Iterator[tuple[tuple[str, str], float]]:
    for sensor in status.sensors:
        for reading in sensor.readings:
            yield (reading.sensor, reading.kind), reading.age_s


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
