"""Beats as a screen sends them, and a wall in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dashboards.guardian.beat import Beat, Board, Frame
from dashboards.guardian.judge import Judge, Verdict

PAGE, OTHER = "a" * 32, "b" * 32
BEAT_S = 2.0


def grafana(**changed: Any) -> Beat:
    """Return the beat of a Grafana that is well; what is changed is of the frame or of the beat."""
    frame: dict[str, Any] = {"reachable": True, "ticked_ms": 300, "panels": 9, "attempted_ms": 900, "answered_ms": 900}
    frame |= {key: changed.pop(key) for key in list(changed) if key in Frame.model_fields}
    given: dict[str, Any] = {
        "page": PAGE,
        "browser": PAGE,
        "kiosk": True,
        "loaded_ms": 60_000,
        "dashboard": "siaga_air",
    }
    return Beat(**given | {"source": "grafana", "frame": Frame(**frame)} | changed)


def board(**changed: Any) -> Beat:
    """Return the beat of a board that is well; what is changed is of the board or of the beat."""
    drawn: dict[str, Any] = {"panels": 9, "answered_ms": 900}
    drawn |= {key: changed.pop(key) for key in list(changed) if key in Board.model_fields}
    given: dict[str, Any] = {
        "page": PAGE,
        "browser": PAGE,
        "kiosk": True,
        "loaded_ms": 60_000,
        "dashboard": "siaga_air",
    }
    return Beat(**given | {"source": "board", "board": Board(**drawn)} | changed)


@dataclass
class Room:
    """A judge, and a clock that only moves when it is told to."""

    judge: Judge = field(default_factory=lambda: Judge([7], 1_000.0, version="v1"))
    now_s: float = 1_000.0
    told: list[tuple[float, str]] = field(default_factory=list)
    reloads: list[float] = field(default_factory=list)

    def run(self, seconds: float, *beats: Beat, origin: str = "10.0.0.7") -> None:
        """Let time pass; each of the beats comes each 2 s, the judge looks each second."""
        for step in range(round(seconds)):
            self.now_s += 1.0
            for beat in beats if step % BEAT_S == 0 else ():
                if self.judge.heard(7, origin, beat, self.now_s):
                    self.reloads.append(self.now_s)
            if self.judge.judge(self.now_s) and (not self.told or self.told[-1][1] != self.verdict.state):
                self.told.append((self.now_s, self.verdict.state))

    @property
    def verdict(self) -> Verdict:
        """How screen 7 is."""
        found = self.judge.verdict(7)
        assert found is not None
        return found
