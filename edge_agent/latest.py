"""The last reading of each sensor and kind, for who looks at the box. Pure."""

from __future__ import annotations

from typing import Final

from edge_agent.drivers.base import Sample

MOST: Final = 256


class Latest:
    """Remembers the last sample of each sensor and kind, 256 at most."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], Sample] = {}

    def take(self, sensor: str, sample: Sample) -> None:
        """Take a sample of a sensor, or of a part of it."""
        key = (sensor, sample.kind)
        if key in self._samples or len(self._samples) < MOST:
            self._samples[key] = sample

    def of(self, sensor: str) -> list[Sample]:
        """Return the last samples of a sensor, one of each kind."""
        return [sample for (name, _), sample in self._samples.items() if name == sensor]
