"""What the store keeps beside readings, for the walls: incidents, the boxes' reports, the desk's sign of life.

Pure: a message goes in, a point comes out. Names of people are not among the fields, nor anything a caller told.

| measurement | policy | tags | time |
|---|---|---|---|
| `incident` | `hour`, kept ten years | device, origin, status | when it was opened: each change writes the same point |
| `box_report` | the default | device | when the box made it |
| `desk_beat` | the default | desk | when the desk said it |
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from contract.batch import FieldValue
from contract.messages import Books, Heartbeat, IncidentMessage, PathTests, Report
from contract.time_quality import is_trusted

INCIDENT = "incident"
BOX_REPORT = "box_report"
DESK_BEAT = "desk_beat"
NO_DEVICE = "-"
"""Stands for the device of an incident that has none, such as a call."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the store. `policy` is the retention policy's name, empty for the default."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, FieldValue]
    time_ns: int
    policy: str = ""


def incident_point(message: IncidentMessage) -> Point:
    """Return an incident as it stands; seconds are since it was opened, and missing while not reached."""
    fields: dict[str, FieldValue] = {
        "incident_id": message.incident_id,
        "state": message.state,
        "presses": message.presses,
        "step": message.escalation_step,
        "incomplete": message.incomplete,
    }
    known: dict[str, FieldValue | None] = {
        "button": message.button,
        "reason": message.reason,
        "latitude": message.latitude,
        "longitude": message.longitude,
        "ring_s": _seconds(message.opened_at_ns, message.received_at_ns),
        "accept_s": _seconds(message.opened_at_ns, message.accepted_at_ns),
        "depart_s": _seconds(message.opened_at_ns, message.departed_at_ns),
        "resolve_s": _seconds(message.opened_at_ns, message.resolved_at_ns),
        "end_s": _seconds(message.opened_at_ns, message.ended_at_ns),
    }
    fields |= {name: value for name, value in known.items() if value is not None}
    tags = {"device": message.device or NO_DEVICE, "origin": message.origin, "status": message.status}
    return Point(INCIDENT, tags, fields, message.opened_at_ns, "hour")


def report_point(report: Report) -> Point:
    """Return a box's report: its books of readings and presses, and how many faults stand."""
    fields: dict[str, FieldValue] = {
        "produced": report.readings.produced,
        "waiting": report.readings.waiting,
        "dropped": sum(report.readings.dropped.values()),
        "presses": report.presses.produced,
        "presses_waiting": report.presses.waiting,
        "unaccounted": sum(_unaccounted(books) for books in (report.readings, report.presses)),
        "faults": len(report.faults),
        "faulty": int(bool(report.faults)),
        "clock": report.clock,
        "clock_trusted": int(is_trusted(report.clock)),
        "software": report.software,
    }
    if report.faults:
        fields["fault"] = sorted(report.faults)[0]
    return Point(BOX_REPORT, {"device": report.device}, fields, report.timestamp_ns)


def beat_point(beat: Heartbeat) -> Point:
    """Return the desk's sign of life."""
    fields: dict[str, FieldValue] = {"open_incidents": beat.open_incidents, "recording": int(beat.recording)}
    if beat.tests is not None:
        fields |= tests_fields(beat.tests)
    return Point(DESK_BEAT, {"desk": beat.desk}, fields, beat.timestamp_ns)


def tests_fields(tests: PathTests) -> dict[str, FieldValue]:
    """Return what is kept of test presses. Percents are cut, not rounded: 99.99996 % is not all.

    The share of a time is of the last beat in it: each tells of the 24 hours before it.
    """
    fields: dict[str, FieldValue] = {
        "tests": tests.tests,
        "tests_in_time": tests.in_time,
        "hops_broken": len(tests.broken),
    }
    if tests.tests:
        fields["tests_share_pct"] = _percent(tests.in_time / tests.tests)
    if tests.budget_left is not None:
        fields["tests_budget_pct"] = _percent(tests.budget_left)
    if tests.p99_ms is not None:
        fields["tests_p99_ms"] = tests.p99_ms
    return fields | {f"tests_{hop}_s": taken_ms / 1_000 for hop, taken_ms in tests.hops_p99_ms.items()}


def _percent(part: float) -> float:
    return math.floor(part * 10_000 + 1e-6) / 100


def _unaccounted(books: Books) -> int:
    """Return how many of what was produced are neither receipted, waiting nor dropped, or are counted twice."""
    return abs(books.produced - books.receipted - books.waiting - sum(books.dropped.values()))


def _seconds(from_ns: int, to_ns: int | None) -> float | None:
    return None if to_ns is None else max(0, to_ns - from_ns) / 1e9
