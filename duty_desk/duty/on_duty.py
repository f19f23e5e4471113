"""What the rest of the desk needs to know of the roster."""

from __future__ import annotations

from typing import Protocol


class OnDuty(Protocol):
    """Who is on duty at a moment. Names are those of accounts."""

    def officers(self, now_ns: int) -> tuple[str, ...]:
        """Return the officers on duty at a moment of the centre's clock; empty when nobody is."""

    def supervisors(self, now_ns: int) -> tuple[str, ...]:
        """Return the supervisors to be called at that moment."""

    def everyone(self) -> tuple[str, ...]:
        """Return everybody who may be called at all, on duty or not."""
