"""`make bench-collector`: the collector at the broker's limit, against C programs that do a part of its work.

One broker process, one InfluxDB 1.6, a generator that is bound by the broker's Receive Maximum only, 200 devices; all
checks, identity and receipts are on. Each figure is the median and range of interleaved pairs of one run, in an order
that changes with each pair. The targets hold with TLS off; TLS on is shown beside it.

- Rate: against `mosquitto_sub`, which throws the same QoS 1 messages away, with the same MQTT version and Receive
  Maximum. From the first message sent to the last one stored, or received.
- Points: batches of 50 readings, against `curl` posting the same points as ready line protocol, 5,000 a body.
- CPU: user and system time of the process, by the kernel's count.
- After each run the store's points are counted by a query and must equal what was sent, and each batch must have its
  receipt; or the benchmark fails.
- Devices: 10 to 10,000, one reading a message. Model: CPU a message = a + b × readings, fitted over 1 to 50.
- Outage: the store is killed while OUTAGE_MESSAGES_S messages a second come, for OUTAGE_S seconds.

The processes share the machine's cores: where they bound the rate, both sides of a pair are bound by them.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.collector_rig import Rig, Run, peak_mb
from benchmarks.collector_steps import table
from benchmarks.figures import Figure, conclude, keep_samples

PAIRS: Final = int(os.environ.get("PAIRS", "5"))
ONES: Final = 200_000
FIFTIES: Final = 16_000
DEVICES: Final = 200
MANY_DEVICES: Final = (10, 100, 1_000, 10_000)
SIZES: Final = (1, 2, 5, 10, 20, 50)
READINGS_A_SIZE: Final = 300_000
OUTAGE_S: Final = float(os.environ.get("OUTAGE_S", "600"))
OUTAGE_MESSAGES_S: Final = 500

RATE_SHARE: Final = 0.90
POINTS_SHARE: Final = 0.85
CPU_ONE_US: Final = 5.0
CPU_FIFTY_US: Final = 2.5
RSS_MB: Final = 120.0
OUTAGE_RSS_MB: Final = 250.0
FLAT_PERCENT: Final = 15.0
MANY: Final = 400_000

Rows = list[tuple[str, int, str, float, float, float]]


def main() -> int:
    """Measure and print; return the exit status."""
    rows: Rows = []
    figures: list[Figure] = []
    print(table(), flush=True)
    with Rig() as rig:
        for tls in (False, True):
            figures += _ones(rig, rows, tls=tls)
            figures += _fifties(rig, rows, tls=tls)
        figures += _flat(rig, rows)
        figures += _model(rig, rows)
        figures += _outage(rig)
    header = ("what", "pair", "side", "messages_a_s", "cpu_us_a_message", "rss_mb")
    path = keep_samples("collector", header, rows)
    return conclude(figures, path)


def _pairs(rows: Rows, name: str, theirs: Callable[[], Run], ours: Callable[[], Run]) -> tuple[list[Run], list[Run]]:
    """Run both sides by turns, the order changing with each pair."""
    sides: dict[str, list[Run]] = {"theirs": [], "ours": []}
    for number in range(PAIRS):
        for side in sorted(sides, reverse=number % 2 == 0):
            run = theirs() if side == "theirs" else ours()
            sides[side].append(run)
            rows.append((name, number, side, run.rate, run.cpu_us, run.rss_mb))
        one, other = sides["ours"][-1], sides["theirs"][-1]
        print(f"{name}, pair {number + 1} of {PAIRS}: {one.rate:,.0f}/s of {other.rate:,.0f}/s,"
              f" {one.cpu_us:.2f} µs and {other.cpu_us:.2f} µs a message", flush=True)  # fmt: skip
    return sides["theirs"], sides["ours"]


def _checked(run: Run, points: int) -> Run:
    if run.points != points or run.missing:
        raise SystemExit(f"{run.points} points stored of {points} sent, {run.missing} batches without receipt")
    return run


def _spread(
    name: str, values: Sequence[float], target: float | None, unit: str, *, at_least: bool = False, digits: int = 2
) -> Figure:
    """Return the median of some pairs' values as a figure, with their range in its name."""
    span = f"{min(values):.{digits}f} to {max(values):.{digits}f}"
    return Figure(
        f"{name}, median of {len(values)} ({span})", statistics.median(values), target, unit, at_least, digits
    )


def _ones(rig: Rig, rows: Rows, *, tls: bool) -> list[Figure]:
    way = "TLS" if tls else "plain"

    def theirs() -> Run:
        order = rig.order(messages=ONES, readings=1, devices=DEVICES, receipts=False)
        return rig.subscriber(order, tls=tls)

    def ours() -> Run:
        return _checked(rig.collector(rig.order(messages=ONES, readings=1, devices=DEVICES), tls=tls), ONES)

    them, us = _pairs(rows, f"one reading a message, {way}", theirs, ours)
    shares = [one.rate / other.rate for one, other in zip(us, them, strict=True)]
    multiples = [one.cpu_us / other.cpu_us for one, other in zip(us, them, strict=True)]
    return [
        _spread(f"{way}: rate as a share of mosquitto_sub's", shares, None if tls else RATE_SHARE, "", at_least=True),
        _spread(f"{way}: messages a second, collector", [one.rate for one in us], None, "/s", digits=0),
        _spread(f"{way}: messages a second, mosquitto_sub", [one.rate for one in them], None, "/s", digits=0),
        _spread(f"{way}: CPU a message of one reading", [one.cpu_us for one in us], None if tls else CPU_ONE_US, "µs"),
        _spread(f"{way}: the same as a multiple of mosquitto_sub's CPU", multiples, None, "×"),
        Figure(
            f"{way}: RSS, most, one reading a message", max(one.rss_mb for one in us), None if tls else RSS_MB, "MB"
        ),
    ]


def _fifties(rig: Rig, rows: Rows, *, tls: bool) -> list[Figure]:
    way = "TLS" if tls else "plain"
    points = FIFTIES * 50

    def theirs() -> Run:
        run = rig.curl(rig.order(messages=FIFTIES, readings=50, devices=DEVICES))
        return _checked(run, points)

    def ours() -> Run:
        return _checked(rig.collector(rig.order(messages=FIFTIES, readings=50, devices=DEVICES), tls=tls), points)

    them, us = _pairs(rows, f"50 readings a message, {way}", theirs, ours)
    shares = [one.rate * 50 / other.rate for one, other in zip(us, them, strict=True)]
    cpu = [one.cpu_us / 50 for one in us]
    return [
        _spread(f"{way}: points a second as a share of curl's", shares, None if tls else POINTS_SHARE, "",
                 at_least=True),
        _spread(f"{way}: points a second, collector", [one.rate * 50 for one in us], None, "/s", digits=0),
        _spread(f"{way}: points a second, curl", [one.rate for one in them], None, "/s", digits=0),
        _spread(f"{way}: CPU a reading in batches of 50", cpu, None if tls else CPU_FIFTY_US, "µs"),
        Figure(f"{way}: RSS, most, batches of 50", max(one.rss_mb for one in us), None if tls else RSS_MB, "MB"),
    ]  # fmt: skip


def _flat(rig: Rig, rows: Rows) -> list[Figure]:
    """Return how the CPU a message changes with the number of devices, against the mean of all."""
    costs: dict[int, list[float]] = {devices: [] for devices in MANY_DEVICES}
    for number in range(PAIRS):
        for devices in MANY_DEVICES if number % 2 else reversed(MANY_DEVICES):
            run = _checked(rig.collector(rig.order(messages=MANY, readings=1, devices=devices)), MANY)
            costs[devices].append(run.cpu_us)
            rows.append((f"{devices} devices", number, "ours", run.rate, run.cpu_us, run.rss_mb))
    medians = {devices: statistics.median(some) for devices, some in costs.items()}
    middle = (max(medians.values()) + min(medians.values())) / 2
    print("; ".join(f"{devices:,} devices: {cost:.2f} µs a message" for devices, cost in medians.items()), flush=True)
    return [
        *(Figure(f"CPU a message, {devices:,} devices", cost, None, "µs", digits=2) for devices, cost in
        medians.items()), Figure("CPU a message, 10 to 10,000 devices: ± around the middle", 100 *
        (max(medians.values()) / middle - 1), FLAT_PERCENT, "%"), ]  # fmt: skip


def _model(rig: Rig, rows: Rows) -> list[Figure]:
    """Fit CPU a message = a + b × readings by least squares, each size weighing the same in relative terms."""
    costs: dict[int, list[float]] = {size: [] for size in SIZES}
    for number in range(PAIRS):
        for size in SIZES if number % 2 else reversed(SIZES):
            messages = READINGS_A_SIZE // size if size > 1 else ONES
            run = _checked(rig.collector(rig.order(messages=messages, readings=size, devices=DEVICES)), messages * size)
            costs[size].append(run.cpu_us)
            rows.append((f"{size} readings", number, "ours", run.rate, run.cpu_us, run.rss_mb))
    medians = {size: statistics.median(some) for size, some in costs.items()}
    a, b = fit(medians)
    worst = max(abs(a + b * size - cost) / cost for size, cost in medians.items())
    print(f"CPU a message = {a:.2f} µs + {b:.2f} µs × readings; measured: "
          + ", ".join(f"{size}: {cost:.2f}" for size, cost in medians.items()), flush=True)  # fmt: skip
    return [
        Figure("model: CPU a message, whatever it holds", a, None, "µs", digits=2),
        Figure("model: CPU a reading on top", b, None, "µs", digits=2),
        Figure("model: furthest from what was measured", 100 * worst, FLAT_PERCENT, "%"),
    ]


def fit(costs: dict[int, float]) -> tuple[float, float]:
    """Return a and b of cost = a + b × size with the least sum of squared relative errors."""
    weights = {size: 1 / cost**2 for size, cost in costs.items()}
    total = sum(weights.values())
    size_mean = sum(weights[size] * size for size in costs) / total
    cost_mean = sum(weights[size] * cost for size, cost in costs.items()) / total
    over = sum(weights[size] * (size - size_mean) * (cost - cost_mean) for size, cost in costs.items())
    under = sum(weights[size] * (size - size_mean) ** 2 for size in costs)
    b = over / under
    return cost_mean - b * size_mean, b


def _outage(rig: Rig) -> list[Figure]:
    """Return the memory with the store down, and after it came back and everything was stored."""
    if OUTAGE_S <= 0:
        return []
    messages = int(OUTAGE_S * OUTAGE_MESSAGES_S)
    order = rig.order(messages=messages, readings=5, devices=DEVICES, rate=float(OUTAGE_MESSAGES_S), receipts=False)
    with (
        rig.fresh_database() as database,
        rig.collecting(database, tls=False) as running,
        rig.generating(order) as generator,
    ):
        rig.influxdb.kill()
        began_s = time.monotonic()
        generator.go()
        generator.outcome()
        lasted_s, down_mb = time.monotonic() - began_s, peak_mb(running.pid)
        rig.influxdb.start()
        running.wait_stored(messages * 5)
        back_mb = peak_mb(running.pid)
    return [
        Figure(f"RSS, most, store down for {lasted_s:.0f} s", down_mb, OUTAGE_RSS_MB, "MB"),
        Figure("RSS, most, until all of it was stored", back_mb, OUTAGE_RSS_MB, "MB"),
    ]


if __name__ == "__main__":
    sys.exit(main())
