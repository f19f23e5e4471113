"""Joins the sentences of one time-of-fix into one fix.

A receiver tells one fix in several sentences, and only some of them carry the time. An epoch
- begins with the first sentence after the last one ended; GSA and VTG carry no time and belong to the epoch they are
  in;
- ends when another time-of-fix comes, or with the sentence that ended the last two cycles, so that a live position does
  not wait for the next second. A sentence that comes later for an epoch already ended is dropped, and the ending
  sentence is learnt anew.

Time of day comes with the fix, the date only with RMC and ZDA. Until one was seen, a fix has no time. An epoch without
its own date takes the day that brings it nearest to the last dated one, which is right across midnight.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from contract.batch import FieldValue
from edge_agent.drivers.base import Sample
from edge_agent.drivers.nmea.sentence import Sentence, Verdict

_DAY_NS: Final = 86_400_000_000_000
_REMEMBERED_TIMES: Final = 64
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()


@dataclass(slots=True)
class _Epoch:
    time_of_day_ns: int | None = None
    day_ns: int | None = None
    monotonic_ns: int = 0
    latitude: float | None = None
    longitude: float | None = None
    fields: dict[str, float] = field(default_factory=dict)
    satellites: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    types: Counter[str] = field(default_factory=Counter)
    last: tuple[str, int] | None = None


class EpochAssembler:
    """One receiver's assembler.

    `counters`: `fixes`, `no fix`, `estimated`, `manual`, `simulated`, `late`, `repeated`, `week rollover`,
    `no date`.
    """

    def __init__(self, counters: Counter[str], *, earliest_ns: int | None = None) -> None:
        self.counters = counters
        self._earliest_ns = earliest_ns
        self._epoch = _Epoch()
        self._ended_time_of_day_ns: int | None = None
        self._last_dated_ns: int | None = None
        self._times: deque[int] = deque(maxlen=_REMEMBERED_TIMES)
        self._candidate: tuple[str, int] | None = None
        self._ender: tuple[str, int] | None = None

    def feed(self, sentence: Sentence, monotonic_ns: int) -> list[Sample]:
        """Take a sentence that arrived at `monotonic_ns`; return the samples of the epochs it ends."""
        moment = sentence.time_of_day_ns
        if moment is None and sentence.verdict not in (None, "valid"):
            self.counters[sentence.verdict or ""] += 1
            return []
        samples: list[Sample] = []
        if moment is not None:
            if self._epoch.time_of_day_ns is None and moment == self._ended_time_of_day_ns:
                self.counters["late"] += 1
                self._candidate = self._ender = None
                return []
            if self._epoch.time_of_day_ns not in (None, moment):
                samples = self._end_by_time()
        self._take(sentence, monotonic_ns)
        if self._ender is not None and self._epoch.last == self._ender and self._epoch.time_of_day_ns is not None:
            samples += self.end()
        return samples

    def end(self) -> list[Sample]:
        """End the epoch now; return its sample, if it is a fix."""
        epoch, self._epoch = self._epoch, _Epoch()
        self._ended_time_of_day_ns = epoch.time_of_day_ns
        verdict = _judge(epoch)
        if verdict != "valid":
            if verdict is not None:
                self.counters[verdict] += 1
            elif epoch.day_ns is not None and epoch.time_of_day_ns is not None:
                self._last_dated_ns = epoch.day_ns + epoch.time_of_day_ns
            return []
        time_ns = self._time_ns(epoch)
        if time_ns is None:
            self.counters["no date"] += 1
        else:
            if time_ns in self._times:
                self.counters["repeated"] += 1
                return []
            self._times.append(time_ns)
        self.counters["fixes"] += 1
        return [Sample("position", _fields(epoch), epoch.monotonic_ns, time_ns)]

    def _end_by_time(self) -> list[Sample]:
        last = self._epoch.last
        self._ender = last if last == self._candidate else None
        self._candidate = last
        return self.end()

    def _take(self, sentence: Sentence, monotonic_ns: int) -> None:
        epoch = self._epoch
        epoch.monotonic_ns = monotonic_ns
        epoch.types[sentence.type] += 1
        epoch.last = (sentence.type, epoch.types[sentence.type])
        if sentence.time_of_day_ns is not None:
            epoch.time_of_day_ns = sentence.time_of_day_ns
        if sentence.date is not None:
            epoch.day_ns = (sentence.date.toordinal() - _FIRST_DAY) * _DAY_NS
        if sentence.verdict is not None:
            _note_verdict(epoch, sentence, sentence.verdict)
        if sentence.latitude is not None and sentence.longitude is not None:
            epoch.latitude, epoch.longitude = sentence.latitude, sentence.longitude
        for name, value in sentence.fields:
            if name == "satellites":
                epoch.satellites[sentence.talker] = int(value)
            elif sentence.type == "GSA":
                epoch.fields.setdefault(name, value)
            else:
                epoch.fields[name] = value

    def _time_ns(self, epoch: _Epoch) -> int | None:
        if epoch.time_of_day_ns is None:
            return None
        if epoch.day_ns is not None:
            time_ns = epoch.day_ns + epoch.time_of_day_ns
        elif self._last_dated_ns is not None:
            today_ns = self._last_dated_ns // _DAY_NS * _DAY_NS + epoch.time_of_day_ns
            last_ns = self._last_dated_ns
            time_ns = min((today_ns + days * _DAY_NS for days in (0, -1, 1)), key=lambda ns: abs(ns - last_ns))
        else:
            return None
        self._last_dated_ns = time_ns
        if self._earliest_ns is not None and time_ns < self._earliest_ns:
            self.counters["week rollover"] += 1
            return None
        return time_ns


def _note_verdict(epoch: _Epoch, sentence: Sentence, verdict: Verdict) -> None:
    # RMC speaks for the receiver; a GGA or GLL may speak for one constellation of several.
    source = "RMC" if sentence.type == "RMC" else "others"
    if epoch.verdicts.get(source) in (None, "no fix") or verdict in ("estimated", "manual", "simulated"):
        epoch.verdicts[source] = verdict


def _judge(epoch: _Epoch) -> Verdict | None:
    for verdict in epoch.verdicts.values():
        if verdict not in ("valid", "no fix"):
            return verdict
    said = epoch.verdicts.get("RMC", epoch.verdicts.get("others"))
    return "no fix" if said == "valid" and epoch.latitude is None else said


def _fields(epoch: _Epoch) -> dict[str, FieldValue]:
    assert epoch.latitude is not None
    assert epoch.longitude is not None
    fields: dict[str, FieldValue] = {"latitude": epoch.latitude, "longitude": epoch.longitude}
    fields.update((name, float(value)) for name, value in epoch.fields.items())
    if epoch.satellites:
        # GN counts the satellites of all constellations; without it, each talker counts its own.
        fields["satellites"] = epoch.satellites.get("GN", sum(epoch.satellites.values()))
    return fields
