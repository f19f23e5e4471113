"""How far a timestamp can be trusted.

No roadside box has a clock that survives power-off, so each timestamp says where its clock came from.
"""

from __future__ import annotations

from typing import Literal

ClockSource = Literal["ntp", "gnss", "centre", "none"]
"""Where the clock came from: an NTP server, a satellite fix, the centre time in a lamp message, or nowhere."""


def is_trusted(clock: ClockSource) -> bool:
    """Return whether a timestamp of this clock quality may be compared with those of other devices."""
    return clock != "none"
