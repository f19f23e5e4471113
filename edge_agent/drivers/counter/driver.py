"""The counter driver: pulses on a GPIO line become rain, wind, or a plain count. The counting is in `meter.py`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from contract.batch import FieldValue
from contract.settings import fault_at
from edge_agent.drivers.base import DriverSettings, DriverType, Sample
from edge_agent.drivers.button.driver import check_button_uri, watch_button
from edge_agent.drivers.counter.meter import GUST_NS, Count, PulseMeter
from edge_agent.drivers.fields import plausible
from edge_agent.errors import LineError
from pins.uri import line_claim, parse_button_uri

Measures = Literal["rain", "wind", "pulses"]

_KINDS: Final[dict[Measures, str]] = {"rain": "weather", "wind": "weather", "pulses": "pulses"}


def _uri(uri: str) -> str:
    check_button_uri(uri)
    return uri


class CounterSettings(DriverSettings):
    """A line with pulses. `uri` is that of a button: `gpio://gpiochip0/5?active=low&bias=pull-up&debounce_ms=10`."""

    uri: Annotated[str, AfterValidator(_uri)]
    measures: Measures
    mm_per_pulse: Annotated[float, Field(gt=0, le=100)] | None = None
    mps_per_hz: Annotated[float, Field(gt=0, le=100)] | None = None
    interval_s: Annotated[float, Field(ge=1, le=3_600)] = 60.0
    quiet_h: Annotated[float, Field(gt=0, le=10_000)] | None = None

    def claims(self) -> tuple[str, ...]:
        """Return the line."""
        return (line_claim(parse_button_uri(self.uri)),)

    def gives(self) -> frozenset[tuple[str, str]]:
        """Return what is made of pulses."""
        kind, interval_ns = _KINDS[self.measures], round(self.interval_s * 1e9)
        return frozenset((self.id, f"{kind}.{name}") for name in measured(self, Count(0, 0, interval_ns, 0)))

    @model_validator(mode="after")
    def _factor_fits(self) -> Self:
        for key, measures in (("mm_per_pulse", "rain"), ("mps_per_hz", "wind")):
            if (getattr(self, key) is None) == (self.measures == measures):
                raise fault_at((key,), f'stands with measures = "{measures}", and only there')
        return self


class CounterDriver:
    """A line at work.

    `counters`: `pulses`, of which `lost pulses` were known only by the numbers of the edges around them, `intervals`,
    `implausible <field>`.
    """

    def __init__(self, settings: CounterSettings) -> None:
        self.counters: Counter[str] = Counter()
        self._settings = settings
        self._meter = PulseMeter()

    async def samples(self) -> AsyncGenerator[list[Sample], None]:
        """Open the line and yield a sample each interval; one more, of what came until then, when it is lost.

        Raises:
            LineError: The line cannot be opened or is lost.
        """
        watching = asyncio.create_task(self._watch(), name=f"pulses {self._settings.id}")
        due_s = time.monotonic() + self._settings.interval_s
        try:
            while True:
                done, _ = await asyncio.wait([watching], timeout=max(due_s - time.monotonic(), 0.0))
                now_ns = time.monotonic_ns()
                if done:
                    if last := self._samples(self._meter.lost_line(now_ns), now_ns):
                        yield last
                    watching.result()
                    return
                yield self._samples(self._meter.close(now_ns), now_ns)
                due_s = max(due_s + self._settings.interval_s, time.monotonic())
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError, LineError):
                await watching
            self._meter.lost_line(time.monotonic_ns())

    def fault(self) -> str | None:
        """Return `quiet` when no pulse came for as long as the settings allow."""
        limit_h, last_ns = self._settings.quiet_h, self._meter.last_pulse_ns
        if limit_h is None or last_ns is None or time.monotonic_ns() - last_ns < limit_h * 3_600e9:
            return None
        return f"quiet: no pulse for {limit_h:g} h; check that it turns or tips, its switch and its cable"

    async def _watch(self) -> None:
        async with aclosing(watch_button(self._settings.uri)) as edges:
            async for edge in edges:
                self._meter.edge(edge)

    def _samples(self, count: Count | None, now_ns: int) -> list[Sample]:
        if count is None or not count.duration_ns:
            return []
        self.counters["intervals"] += 1
        self.counters["pulses"] += count.pulses
        if count.lost:
            self.counters["lost pulses"] += count.lost
        kind = _KINDS[self._settings.measures]
        fields = plausible(kind, measured(self._settings, count), self.counters)
        return [] if fields is None else [Sample(kind, fields, now_ns, None)]


def measured(settings: CounterSettings, count: Count) -> dict[str, FieldValue]:
    """Return what an interval's pulses mean; a rate of less than 3 s is none."""
    fields: dict[str, FieldValue] = {}
    long_enough = count.duration_ns >= GUST_NS
    hertz = count.pulses * 1e9 / count.duration_ns
    if settings.mm_per_pulse is not None:
        fields["rain_mm"] = round(count.pulses * settings.mm_per_pulse, 6)
        if long_enough:
            fields["rain_rate_mmph"] = round(hertz * 3_600 * settings.mm_per_pulse, 6)
    elif settings.mps_per_hz is not None:
        if long_enough:
            gust_hertz = max(count.gust * 1e9 / GUST_NS, hertz)
            fields["wind_speed_mps"] = round(hertz * settings.mps_per_hz, 6)
            fields["wind_gust_mps"] = round(gust_hertz * settings.mps_per_hz, 6)
    else:
        fields["pulses"] = count.pulses
        if long_enough:
            fields["rate_hz"] = round(hertz, 6)
    return fields


DRIVER: Final = DriverType(
    name="counter",
    settings=CounterSettings,
    open=CounterDriver,
    example="""\
[[sensors]]
id = "rain"
driver = "counter"
uri = "gpio://gpiochip0/6?active=low&bias=pull-up&debounce_ms=100"
measures = "rain"
mm_per_pulse = 0.2794
""",
)
