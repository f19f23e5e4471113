"""Reads gpsd's reports: lines of JSON in, positions out. No I/O.

gpsd_json(5), protocol 3.x. TPV has the fix, SKY the satellites and the dilution, DEVICE and DEVICES tell of receivers
that come and go, VERSION is the first line. Other classes are left alone.

Rules:
- A TPV is a position at once; one that says the time of the last one again is dropped, so that a fix gpsd completes
  step by step, as it does until it has learnt the receiver's cycle, is told once.
- The satellites and the dilution are those of the last SKY, if it is at most 10 s old.
- Of several receivers the first one that gives a fix is taken, until it was silent for 10 s.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

from contract.batch import FieldValue
from contract.catalogue import KINDS
from edge_agent.drivers.base import Sample
from edge_agent.drivers.nmea.gate import FixGate, FixRules

MAX_LINE_BYTES: Final = 16_384
"""gpsd's longest report is 10,240 bytes (GPS_JSON_RESPONSE_MAX)."""
REFUSED: Final = frozenset(
    {"no fix", "estimated", "manual", "simulated", "malformed", "bad time", "out of range", "null island"}
)
_RECENT_NS: Final = 10 * 10**9
_NULL_ISLAND_DEG: Final = 1e-4
_QUANTITIES: Final = {quantity.name: quantity for quantity in KINDS["position"].quantities}
_FROM_TPV: Final = {"altitude_m": "altMSL", "speed_mps": "speed", "course_deg": "track"}
_STATUS: Final = {5: "estimated", 7: "manual", 8: "simulated"}


class GpsdDecoder:
    """The decoder of one gpsd. It holds at most `MAX_LINE_BYTES`.

    `counters`: `bytes`, `reports`, `fixes`; refused: `no fix`, `estimated`, `manual`, `simulated`, `malformed`, `bad
    time`, `out of range`, `null island`, `repeated`, `another receiver`, `not json`, `too long`, and what the gate
    refuses; left out: `implausible <field>`, and a fix's time after a `week rollover`; `errors` that gpsd reports.

    Args:
        device: The receiver to take, as gpsd names it; None: the first that gives a fix.
        earliest_ns: As for `NmeaDecoder`.
        rules: What a fix is held against; None: nothing.
    """

    def __init__(
        self, *, device: str | None = None, earliest_ns: int | None = None, rules: FixRules | None = None
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._wanted = device
        self._earliest_ns = earliest_ns
        self._gate = None if rules is None else FixGate(rules, self.counters, REFUSED)
        self._buffer = bytearray()
        self._overlong = False
        self._device: tuple[str, int] | None = None
        self._sky: tuple[dict[str, FieldValue], int] = ({}, 0)
        self._last_time: str | None = None
        self._is_gpsd = False
        self._fault: str | None = None

    def feed(self, data: bytes, monotonic_ns: int) -> list[Sample]:
        """Take bytes that arrived at `monotonic_ns`; return the positions they complete."""
        self.counters["bytes"] += len(data)
        samples: list[Sample] = []
        *lines, rest = data.split(b"\n")
        for line in lines:
            samples += self._line(line, monotonic_ns)
            self._buffer.clear()
            self._overlong = False
        self._keep(rest)
        return samples if self._gate is None else self._gate.take(samples, monotonic_ns)

    def flush(self) -> list[Sample]:
        """Drop what is pending, because the line ended: gpsd ends each report."""
        self._buffer.clear()
        self._overlong = False
        self._device = self._last_time = self._fault = None
        self._is_gpsd = False
        self._sky = ({}, 0)
        return []

    def fault(self) -> str | None:
        """Return what gpsd says is wrong, or why there was no good fix for a minute, or None."""
        if self._fault is not None:
            return self._fault
        return None if self._gate is None else self._gate.fault()

    def _keep(self, rest: bytes) -> None:
        if len(self._buffer) + len(rest) > MAX_LINE_BYTES:
            self._buffer.clear()
            self._overlong = True
        elif not self._overlong:
            self._buffer += rest

    def _line(self, end: bytes, monotonic_ns: int) -> list[Sample]:
        self._keep(end)
        if self._overlong:
            self.counters["too long"] += 1
            return []
        line = bytes(self._buffer).strip()
        if not line:
            return []
        try:
            report = json.loads(line)
        except (ValueError, RecursionError):
            report = None
        if not isinstance(report, dict) or not isinstance(report.get("class"), str):
            self.counters["not json"] += 1
            if not self._is_gpsd:
                self._fault = "not gpsd: what answers there does not speak gpsd's JSON; check host and port"
            return []
        self.counters["reports"] += 1
        return self._report(report, monotonic_ns)

    def _report(self, report: dict[str, Any], monotonic_ns: int) -> list[Sample]:
        kind = report["class"]
        if kind == "VERSION":
            self._is_gpsd, self._fault = True, None
        elif kind in ("DEVICE", "DEVICES"):
            self._receivers(report)
        elif kind == "ERROR":
            self.counters["errors"] += 1
        elif kind in ("TPV", "SKY"):
            device = str(report.get("device", ""))
            if self._wanted not in (None, device):
                self.counters["another receiver"] += 1
            elif kind == "SKY":
                if self._device is None or self._device[0] == device:
                    self._sky = (_sky(report, self.counters), monotonic_ns)
            else:
                sample = self._fix(report, device, monotonic_ns)
                return [] if sample is None else [sample]
        return []

    def _receivers(self, report: dict[str, Any]) -> None:
        devices = report.get("devices") if report["class"] == "DEVICES" else [report]
        if not isinstance(devices, list):
            return
        if not devices:
            self._fault = "no receiver: gpsd has none; name it in DEVICES of /etc/default/gpsd and restart gpsd"
        for device in devices:
            if not isinstance(device, dict) or self._wanted not in (None, device.get("path")):
                continue
            path = str(device.get("path"))[:64]
            gone = report["class"] == "DEVICE" and not device.get("activated")
            self._fault = f"receiver gone: gpsd lost {path}; check its cable" if gone else None

    def _fix(self, report: dict[str, Any], device: str, monotonic_ns: int) -> Sample | None:
        reason = self._reason_to_refuse(report)
        if reason is None and self._device is not None and self._device[0] != device:
            reason = "another receiver" if monotonic_ns - self._device[1] < _RECENT_NS else None
        said = report.get("time")
        if reason is None and said is not None and said == self._last_time:
            reason = "repeated"
        if reason is not None:
            self.counters[reason] += 1
            return None
        self._fault = None
        self._device = (device, monotonic_ns)
        self._last_time = said if isinstance(said, str) else None
        fields: dict[str, FieldValue] = {"latitude": float(report["lat"]), "longitude": float(report["lon"])}
        fields |= _plausible({name: report.get(key) for name, key in _FROM_TPV.items()}, self.counters)
        sky, at_ns = self._sky
        if monotonic_ns - at_ns <= _RECENT_NS:
            fields |= sky
        self.counters["fixes"] += 1
        return Sample("position", fields, monotonic_ns, self._time_ns(said))

    def _reason_to_refuse(self, report: dict[str, Any]) -> str | None:
        if report.get("mode") not in (2, 3):
            return "no fix"
        status = report.get("status")
        if isinstance(status, int) and status in _STATUS:
            return _STATUS[status]
        place = {"latitude": report.get("lat"), "longitude": report.get("lon")}
        for name, value in place.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                return "malformed"
            if _QUANTITIES[name].fault(value) is not None:
                return "out of range"
        if all(abs(float(value or 0)) < _NULL_ISLAND_DEG for value in place.values()):
            return "null island"
        return None

    def _time_ns(self, said: object) -> int | None:
        if said is None:
            return None
        try:
            moment = datetime.fromisoformat(str(said)[:40])
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None or moment.year < 1971:
            self.counters["bad time"] += 1
            return None
        moment = moment.astimezone(UTC)
        time_ns = int(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1_000
        if self._earliest_ns is not None and time_ns < self._earliest_ns:
            self.counters["week rollover"] += 1
            return None
        return time_ns


def _sky(report: dict[str, Any], counters: Counter[str]) -> dict[str, FieldValue]:
    used = report.get("uSat")
    satellites = report.get("satellites")
    if used is None and isinstance(satellites, list):
        used = sum(1 for each in satellites if isinstance(each, dict) and each.get("used") is True)
    return _plausible({"hdop": report.get("hdop"), "satellites": used}, counters)


def _plausible(values: dict[str, object], counters: Counter[str]) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {}
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, int | float) and _QUANTITIES[name].fault(value) is None:
            fields[name] = value if _QUANTITIES[name].type == "int" else float(value)
        else:
            counters[f"implausible {name}"] += 1
    return fields
