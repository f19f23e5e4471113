"""What a CAP message needs to know of an incident. Pure.

No name, no note, nothing a caller said, and no address that one told: only what the inventory says, and where.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contract.messages import AlertStatus, IncidentOrigin
from duty_desk.incidents.entries import CancelReason, Category

Stage = Literal["open", "accepted", "on_the_way", "resolved", "closed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Case:
    """An incident as other systems may know it.

    Args:
        id: Its id.
        stages: What became of it, in order, each with its time in ns by the centre's clock; the first is `open`.
        place: The address by the inventory; None where it has none.
        latitude, longitude: In degrees, WGS 84; None where not known.
    """

    id: str
    origin: IncidentOrigin
    status: AlertStatus
    category: Category | None
    reason: CancelReason | None
    opened_at_ns: int
    stages: tuple[tuple[Stage, int], ...]
    place: str | None
    latitude: float | None
    longitude: float | None
