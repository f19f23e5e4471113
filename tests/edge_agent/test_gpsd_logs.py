"""Compares captured receiver logs with what gpsd reported for them, epoch by epoch.

For each time of which gpsd reported a fix (mode 2 or 3), its last such TPV is compared: latitude and longitude within
1e-5°, time within 1 ms. A fix of ours at a time gpsd never reported fails too. What differs is listed below with its
reason, and a listed difference that is none any more fails as well.

The logs are gpsd's own test logs; they are no part of this repository. SIAGA_NMEA_LOGS names their folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from edge_agent.drivers.base import Sample
from edge_agent.drivers.nmea.driver import NmeaDecoder

LOGS: Final = Path(os.environ.get("SIAGA_NMEA_LOGS", Path(__file__).parents[3] / "shared/data/nmea"))
pytestmark = pytest.mark.skipif(
    not LOGS.is_dir(),
    reason=f"no captured logs in {LOGS}; SIAGA_NMEA_LOGS names a folder of gpsd's test logs",
)

WEEK_NS: Final = 7 * 86_400 * 10**9
GPSD_WEEKS_AHEAD: Final = {
    # The only log whose header has no "# Date: yyyy-mm-dd" ("# Date = 2015-03-18"). Without it gpsd takes the receiver
    # for a live one, holds 2015 for a week rollover and adds 1,024 weeks: 2034. Its RMCs say 180315, and so do we.
    "neo-m8n.log": 1_024,
}
ONLY_OURS: Final = {
    ("gp-320fw-2019-04-06-overflow.log", "2019-04-06T23:57:26.020Z"): "the log lacks the GLL of this cycle, which gpsd "
    "had just learnt to wait for; RMC and GGA of it are valid",
    ("haicom-305N.log", "2007-04-08T09:53:04.802Z"): "the first fix; gpsd reports it without a time, before its RMC "
    "with the date comes, and not again",
    ("neo-m8n.log", "2015-03-18T17:19:48.000Z"): "the log stops within this cycle, before gpsd reports it",
    ("quectel-l76k-nmea.log", "2026-08-05T05:53:04.000Z"): "the log stops within this cycle, before gpsd reports it",
}
TOLERANCE_DEG: Final = 1e-5
TOLERANCE_NS: Final = 1_000_000

Place = tuple[float, float]


def _ns(text: str) -> int:
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return int(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1_000


def _text(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9 // 10**6:03}Z"


def _gpsd(log: Path) -> tuple[dict[int, Place], list[Place]]:
    """Return what gpsd reported: the last fix of each time, and the fixes without a time."""
    timed: dict[int, Place] = {}
    timeless: list[Place] = []
    for line in Path(f"{log}.chk").read_text(errors="replace").splitlines():
        if not line.startswith('{"class":"TPV"'):
            continue
        tpv = json.loads(line)
        if tpv.get("mode", 0) < 2 or "lat" not in tpv or "lon" not in tpv:
            continue
        if "time" in tpv:
            timed[_ns(tpv["time"]) - GPSD_WEEKS_AHEAD.get(log.name, 0) * WEEK_NS] = (tpv["lat"], tpv["lon"])
        else:
            timeless.append((tpv["lat"], tpv["lon"]))
    return timed, timeless


def _ours(log: Path) -> list[Sample]:
    decoder = NmeaDecoder()
    content = log.read_bytes()
    samples = [sample for at in range(0, len(content), 100) for sample in decoder.feed(content[at : at + 100], at)]
    return samples + decoder.flush()


def _place(sample: Sample) -> Place:
    return float(sample.fields["latitude"]), float(sample.fields["longitude"])


def _near(one: Place, other: Place) -> bool:
    return abs(one[0] - other[0]) <= TOLERANCE_DEG and abs(one[1] - other[1]) <= TOLERANCE_DEG


def _find(places: dict[int, Place], time_ns: int) -> int | None:
    return next((other for other in places if abs(other - time_ns) <= TOLERANCE_NS), None)


def _differences(log: Path) -> tuple[int, list[str], set[tuple[str, str]]]:
    """Return the number of fixes compared, what is wrong, and which fixes only we have."""
    reported, timeless = _gpsd(log)
    samples = _ours(log)
    ours = {sample.time_ns: _place(sample) for sample in samples if sample.time_ns is not None}
    wrong: list[str] = []
    for time_ns, place in reported.items():
        found = _find(ours, time_ns)
        if found is None:
            wrong.append(f"{log.name} {_text(time_ns)}: gpsd has a fix, we have none")
        elif not _near(ours[found], place):
            wrong.append(f"{log.name} {_text(time_ns)}: gpsd {place}, we {ours[found]}")
    only_ours = {(log.name, _text(time_ns)) for time_ns in ours if _find(reported, time_ns) is None}
    wrong += [
        f"{log.name}: a fix without a time at {_place(sample)}, gpsd has none there"
        for sample in samples
        if sample.time_ns is None and not any(_near(_place(sample), place) for place in timeless)
    ]
    return len(reported), wrong, only_ours


def test_captured_logs_agree_with_gpsd(record_property: Callable[[str, object], None]) -> None:
    logs = sorted(path for path in LOGS.glob("*.log") if Path(f"{path}.chk").exists())
    fixes = 0
    wrong: list[str] = []
    only_ours: set[tuple[str, str]] = set()
    for log in logs:
        compared, wrong_here, only_ours_here = _differences(log)
        fixes += compared
        wrong += wrong_here
        only_ours |= only_ours_here
    record_property(
        "told",
        f"gpsd: {len(logs)} captured logs, {fixes} fixes compared, {len(wrong)} differ; {len(only_ours)} fixes only "
        f"ours ({len(ONLY_OURS)} listed); {len(GPSD_WEEKS_AHEAD)} log compared 1,024 weeks before gpsd's date",
    )
    assert logs, f"{LOGS} has no *.log with a *.log.chk"
    assert fixes > 0
    assert wrong == []
    listed = {key for key in ONLY_OURS if (LOGS / key[0]).exists()}
    assert only_ours == listed


@pytest.mark.parametrize("name", GPSD_WEEKS_AHEAD)
def test_a_log_listed_as_wrongly_dated_by_gpsd_still_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LOGS / name
    if not log.exists():
        pytest.skip(f"{log} is not there")
    compared, wrong, _ = _differences(log)
    assert (compared > 0, wrong) == (True, [])
    monkeypatch.delitem(GPSD_WEEKS_AHEAD, name)
    compared, wrong, _ = _differences(log)
    assert len(wrong) == compared
    assert b"\n# Date:" not in log.read_bytes()
