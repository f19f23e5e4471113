"""What boxes report of themselves that somebody has to mend before it costs an alarm: a clock that nobody tells, a
certificate that ends. Pure.

Only the devices it is made with are kept, so a stranger costs nothing. What a box reported counts until it reports
again: that it is silent is `presence.py`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from contract.messages import Report
from contract.time_quality import is_trusted

CERTIFICATE_DAYS: Final = 14
"""A certificate that ends sooner is told: somebody has to bring a new one to the box."""
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a box. `days` until its certificate ends, below 0 when it has; None with `clock`."""

    device: str
    kind: Literal["clock", "certificate"]
    days: float | None = None


class Supervision:
    """The last report of each box.

    Args:
        devices: The devices to watch.
    """

    def __init__(self, devices: Iterable[str]) -> None:
        self._known = frozenset(devices)
        self._clocks: dict[str, bool] = {}
        self._ends_s: dict[str, int] = {}

    def hear(self, device: str, report: Report) -> None:
        """Take a report, which comes each minute."""
        if device not in self._known or report.device != device:
            return
        self._clocks[device] = is_trusted(report.clock)
        if report.certificate_ends_s is not None:
            self._ends_s[device] = report.certificate_ends_s

    def troubles(self, now_s: float) -> list[Trouble]:
        """Return what is wrong at a time, in s since 1970, by box."""
        found = [Trouble(device, "clock") for device, trusted in self._clocks.items() if not trusted]
        for device, ends_s in self._ends_s.items():
            days = (ends_s - now_s) / _DAY_S
            if days < CERTIFICATE_DAYS:
                found.append(Trouble(device, "certificate", round(days, 1)))
        return sorted(found, key=lambda one: (one.device, one.kind))
