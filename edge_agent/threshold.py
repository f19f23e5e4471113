"""When a measured value is an alarm. Pure: samples in, alarms out.

State      On a reading                                                        Then
normal     beyond the limit                                                    pending since it
pending    not beyond the limit                                                normal
pending    after a silence longer than `for_s` and 60 s                        pending since it
pending    beyond for `for_s`, and the last alarm is `again_after_s` ago       raised; the alarm goes out
raised     back from the limit by `hysteresis`                                 normal

Rules:
- Time is the readings' own, by the monotonic clock; a reading older than the one before is left alone.
- A sensor that falls silent raises nothing and clears nothing: its silence is a fault of its own.
- A value that comes and goes about its limit sends an alarm each `again_after_s` at most, and a crossing within that
  time is sent at its end if the value is still beyond.
- Nothing is kept over a restart: a value that is still beyond raises again, which joins the open incident at the desk.
  Better twice than never.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from contract.catalogue import KINDS, Quantity
from contract.identity import Name
from contract.settings import Settings
from edge_agent.drivers.base import Sample

MOST_THRESHOLDS: Final = 64
SILENCE_NS: Final = 60 * 10**9
_S: Final = 10**9

State = Literal["normal", "pending", "raised"]


class ThresholdSettings(Settings):
    """A value that is an alarm: a table of `[[thresholds]]`.

    `id` stands where a button's name does in the alarm. `sensor` is that of the readings, or a part of a bus; `field`
    is kind and field, as `water_level.level_m`. The limit is `above` or `below`, in the catalogue's unit; a value just
    at it is not beyond it. The value must be beyond for `for_s` seconds, and be back by `hysteresis`, in the same unit,
    before it can raise again.
    """

    id: Name
    sensor: Name
    field: Annotated[str, Field(max_length=129)]
    above: float | None = None
    below: float | None = None
    for_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    hysteresis: Annotated[float, Field(ge=0)] = 0.0
    again_after_s: Annotated[float, Field(ge=10, le=86_400)] = 60.0

    @field_validator("field")
    @classmethod
    def _of_the_catalogue(cls, name: str) -> str:
        kind, _, field = name.partition(".")
        if kind not in KINDS:
            raise ValueError(f"kind and field, such as water_level.level_m; kinds: {', '.join(sorted(KINDS))}")
        fields = [quantity.name for quantity in KINDS[kind].quantities if quantity.type in ("float", "int")]
        if field not in fields:
            raise ValueError(f"{kind} has no number {field!r}; it has: {', '.join(fields)}")
        return name

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("needs above or below, and not both")
        quantity, limit = self.quantity, self.limit
        for what, value in (("the limit", limit), ("where it ends, by hysteresis,", self.ends_at)):
            if quantity.fault(int(value) if quantity.type == "int" else value) is not None:
                span = f"{quantity.minimum:g} to {quantity.maximum:g} {quantity.unit}"
                raise ValueError(f"{what} {value:g} is outside what {self.field} can be: {span}")
        return self

    @property
    def quantity(self) -> Quantity:
        """The catalogue's word on the field."""
        kind, _, field = self.field.partition(".")
        return next(quantity for quantity in KINDS[kind].quantities if quantity.name == field)

    @property
    def limit(self) -> float:
        """The limit, whichever it is."""
        return self.above if self.above is not None else self.below or 0.0

    @property
    def ends_at(self) -> float:
        """Where the value is back."""
        return self.limit - self.hysteresis if self.above is not None else self.limit + self.hysteresis

    def is_beyond(self, value: float) -> bool:
        """Return whether a value is beyond the limit."""
        return value > self.limit if self.above is not None else value < self.limit

    def is_back(self, value: float) -> bool:
        """Return whether a value is back from the limit by the hysteresis."""
        return value <= self.ends_at if self.above is not None else value >= self.ends_at


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm with cause `threshold`.

    `button` is the threshold's id. `monotonic_ns` is the moment of the reading that raised it. `detail` says in
    Indonesian and English what was measured where.
    """

    button: str
    monotonic_ns: int
    detail: str


class _Rule:
    def __init__(self, settings: ThresholdSettings) -> None:
        self.settings = settings
        self.state: State = "normal"
        self.value: float | None = None
        self._since_ns = 0
        self._last_ns: int | None = None
        self._raised_ns: int | None = None

    def take(self, value: float, monotonic_ns: int) -> bool:
        """Take a value; return whether it raises the alarm."""
        last_ns, settings = self._last_ns, self.settings
        if math.isnan(value) or (last_ns is not None and monotonic_ns < last_ns):
            return False
        self.value, self._last_ns = value, monotonic_ns
        if self.state == "raised":
            if settings.is_back(value):
                self.state = "normal"
            return False
        if not settings.is_beyond(value):
            self.state = "normal"
            return False
        for_ns = round(settings.for_s * _S)
        silent = last_ns is not None and monotonic_ns - last_ns > max(for_ns, SILENCE_NS)
        if self.state == "normal" or silent:
            self.state = "pending"
            self._since_ns = monotonic_ns
        again_ns = round(settings.again_after_s * _S)
        rested = self._raised_ns is None or monotonic_ns - self._raised_ns >= again_ns
        if monotonic_ns - self._since_ns < for_ns or not rested:
            return False
        self.state = "raised"
        self._raised_ns = monotonic_ns
        return True


class Thresholds:
    """All thresholds of a box.

    Args:
        settings: The rules, at most 64; their readings come to `take`.
    """

    def __init__(self, settings: Iterable[ThresholdSettings]) -> None:
        self._rules: dict[tuple[str, str], list[_Rule]] = {}
        for each in settings:
            kind = each.field.partition(".")[0]
            self._rules.setdefault((each.sensor, kind), []).append(_Rule(each))

    def take(self, sensor: str, sample: Sample) -> list[Raised]:
        """Take a sample of a sensor, or of a part of it; return the alarms it raises, each to be sent at once."""
        raised: list[Raised] = []
        for rule in self._rules.get((sensor, sample.kind), ()):
            value = sample.fields.get(rule.settings.quantity.name)
            if isinstance(value, bool | str) or value is None:
                continue
            if rule.take(float(value), sample.monotonic_ns):
                raised.append(Raised(rule.settings.id, sample.monotonic_ns, _detail(rule.settings, value)))
        return raised

    def states(self) -> dict[str, tuple[State, float | None]]:
        """Return each threshold's state and the last value it saw, by its id."""
        return {rule.settings.id: (rule.state, rule.value) for rules in self._rules.values() for rule in rules}


def _detail(settings: ThresholdSettings, value: float) -> str:
    quantity = settings.quantity
    above = settings.above is not None
    what = f"{value:.6g} {quantity.unit}"
    limit = f"{settings.limit:.6g} {quantity.unit}"
    long_id, long_en = (f" selama {settings.for_s:g} s", f" for {settings.for_s:g} s") if settings.for_s else ("", "")
    return (
        f"{settings.sensor}: {quantity.label_id} {what}, {'di atas' if above else 'di bawah'} {limit}{long_id} / "
        f"{quantity.label_en} {what}, {'above' if above else 'below'} {limit}{long_en}"
    )
