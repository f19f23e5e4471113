"""What each box says of itself: its report each minute, its health each five. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from contract.chronicle import BOX_REPORT
from simulator.history import courses
from simulator.history.fates import FINE, Fate
from simulator.history.plan import HOUR, MINUTE, Plan
from simulator.history.series import Series, reading

REPORT: Final = {
    "produced": "q",
    "waiting": "q",
    "dropped": "q",
    "presses": "q",
    "presses_waiting": "q",
    "faults": "q",
    "faulty": "q",
    "clock": "s",
    "clock_trusted": "q",
    "software": "s",
    "fault": "s",
    "unaccounted": "q",
}
"""The fields of `contract.chronicle.report_point`."""
_HEALTH: Final = (
    "uptime_s",
    "cpu_temperature_c",
    "disk_free_bytes",
    "memory_available_bytes",
    "load_1min",
    "supply_v",
    "link_signal_dbm",
)
_WHOLE: Final = ("disk_free_bytes", "memory_available_bytes")
_A_MINUTE: Final = {"box": 2, "vehicle": 45}
_SPOOL: Final = 900
"""Readings that a box in this city keeps; what is more is dropped."""


def boxes(plan: Plan, known: dict[str, Fate]) -> Iterator[Series]:
    """Yield each box's reports and health, those that were never heard of left out."""
    for box in (*plan.fixed, *plan.moving):
        fate = known.get(box, FINE)
        for series in (_reports(plan, box, fate), _health(plan, box, fate), _inside(plan, box, fate)):
            if series is not None and len(series):
                yield series


def _reports(plan: Plan, box: str, fate: Fate) -> Series:
    series = Series(BOX_REPORT, {"device": box}, REPORT)
    series.late = None  # what a box reports is of now, and lost with its link
    chance = plan.random("reports", box)
    at_ns = plan.begin_ns + chance.randrange(MINUTE)
    a_minute = _A_MINUTE[box.partition("-")[0]]
    software = chance.choice(("1.4.0", "1.4.0", "1.4.0", "1.3.2"))
    clock = "none" if fate.behind_ns else chance.choice(("ntp", "ntp", "ntp", "gnss"))
    produced, waiting, dropped = chance.randrange(10_000), 0, 0
    while at_ns < plan.end_ns:
        off = fate.gone is not None and fate.gone[0] <= at_ns < fate.gone[1]
        cut = fate.late is not None and fate.late[0] <= at_ns < fate.late[1]
        if not off:
            produced += a_minute
            waiting = waiting + a_minute if cut else chance.choice((0, 0, 0, 1, a_minute))
            dropped, waiting = dropped + max(0, waiting - _SPOOL), min(waiting, _SPOOL)
            # A full card drops what it is given.
            dropped += a_minute * fate.has("disk_low", at_ns)
        if fate.hears(at_ns) and not cut:
            # After a start nobody has told it the time yet.
            started = fate.gone is not None and fate.gone[1] <= at_ns < fate.gone[1] + 3 * MINUTE
            source = "none" if started else clock
            fault = fate.fault if fate.fault and at_ns >= fate.fault_from else None
            series.add(
                at_ns - fate.behind_ns,
                *(produced, waiting, dropped, 0, 0, int(fault is not None), int(fault is not None)),
                *(source, int(source != "none"), software, fault, 0),
            )
        at_ns += MINUTE
    return series


def _health(plan: Plan, box: str, fate: Fate) -> Series:
    series = reading("box_health", box, "box", _HEALTH, _WHOLE)
    series.late = fate.late
    chance = plan.random("health", box)
    phase, signal = chance.random(), chance.uniform(-95, -55)
    free = chance.randrange(2, 24) * 10**9 if fate.fault != "disk_low" else 150_000_000
    started_ns = plan.begin_ns - round(chance.uniform(1, 900) * HOUR)
    at_ns = plan.begin_ns + chance.randrange(5 * MINUTE)
    while at_ns < plan.end_ns:
        if fate.hears(at_ns):
            wave = courses.ripple(at_ns, 2_900, phase)
            series.add(
                at_ns - fate.behind_ns,
                float((at_ns - started_ns) // 10**9),
                round(38 + courses.warmth_c(at_ns, plan.storm_ns) / 2 + 2 * wave, 1),
                free - (at_ns - plan.begin_ns) // 10**6,
                410_000_000 + int(9_000_000 * wave),
                round(0.3 + 0.2 * abs(wave), 2),
                round((4.5 if fate.has("under_voltage", at_ns) else 5.1) + 0.05 * wave, 2),
                round(signal + 3 * wave, 1),
                "none" if fate.behind_ns else "ntp",
            )
        at_ns += 5 * MINUTE
    return series


def _inside(plan: Plan, box: str, fate: Fate) -> Series | None:
    """Return the warmth inside each tenth cabinet; it follows the day, and the rain."""
    if box.startswith("vehicle") or int(box.partition("-")[2]) % 10 != 1:
        return None
    series = reading("enclosure", box, "cabinet", ("temperature_c", "humidity_pct"))
    series.late = fate.late
    chance = plan.random("inside", box)
    phase, at_ns = chance.random(), plan.begin_ns + chance.randrange(MINUTE)
    while at_ns < plan.end_ns:
        if fate.hears(at_ns):
            warm = courses.warmth_c(at_ns, plan.storm_ns) + 9 + courses.ripple(at_ns, 1_300, phase)
            series.add(at_ns - fate.behind_ns, round(warm, 1), round(55 - (warm - 33), 1), "ntp")
        at_ns += 5 * MINUTE
    return series
