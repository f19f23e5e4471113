"""Which incident stands on which screen. Messages and the time go in, screens come out. Pure.

- An incident takes the chosen screens when it is first heard of, and gives them back when it is closed or cancelled, or
  `takeover_s` after it was opened. Given back once, it does not take them again unless there is a new press.
- Several share: the screens are dealt out, real ones before drills, newer before older when there are too few screens.
- Both brokers tell the same, and the desk tells it again when it connects: what is not newer changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from contract.messages import IncidentMessage

MAX_INCIDENTS: Final = 200
"""Incidents that are remembered; of more, those that changed longest ago are forgotten."""
ENDED: Final = frozenset({"closed", "cancelled"})


class Takeover:
    """The incidents, and the screens they take.

    Args:
        screens: The numbers of the screens that incidents take over.
        takeover_s: How long an incident keeps them at most.
    """

    def __init__(self, screens: Sequence[int], takeover_s: float) -> None:
        self._screens = tuple(screens)
        self._takeover_ns = int(takeover_s * 1e9)
        self._known: dict[str, IncidentMessage] = {}
        self._since: dict[str, int] = {}

    def hear(self, message: IncidentMessage, now_ns: int) -> bool:
        """Take note of an incident; return whether anything is new."""
        before = self._known.get(message.incident_id)
        if before is not None and not _is_newer(message, before):
            return False
        pressed_again = before is not None and message.presses > before.presses
        if before is None or pressed_again:
            # One that was opened long ago and is heard of late does not begin now.
            opened_ns = now_ns if pressed_again else min(now_ns, message.opened_at_ns)
            self._since[message.incident_id] = opened_ns
        self._known.pop(message.incident_id, None)
        self._known[message.incident_id] = message
        while len(self._known) > MAX_INCIDENTS:
            oldest = next(iter(self._known))
            del self._known[oldest], self._since[oldest]
        return True

    def known(self, incident_id: str) -> IncidentMessage | None:
        """Return an incident as it was last told, or None."""
        return self._known.get(incident_id)

    def active(self, now_ns: int) -> list[IncidentMessage]:
        """Return the incidents that take screens now: real ones before drills, newest first."""
        taking = [
            message
            for message in self._known.values()
            if message.state not in ENDED and now_ns - self._since[message.incident_id] < self._takeover_ns
        ]
        return sorted(taking, key=lambda each: (is_drill(each), -each.opened_at_ns, each.incident_id))

    def shown(self, now_ns: int) -> dict[int, str]:
        """Return the incident on each screen that one takes."""
        active = self.active(now_ns)[: len(self._screens)]
        if not active:
            return {}
        return {screen: active[at % len(active)].incident_id for at, screen in enumerate(self._screens)}

    def others(self, now_ns: int) -> int:
        """Return how many active incidents have no screen."""
        return max(0, len(self.active(now_ns)) - len(self._screens))


def is_drill(message: IncidentMessage) -> bool:
    """Return whether it is a drill or a test, not somebody in need."""
    return message.status != "Actual"


def _is_newer(message: IncidentMessage, before: IncidentMessage) -> bool:
    return message.changed_at_ns > before.changed_at_ns or (
        message.changed_at_ns == before.changed_at_ns
        and (message.presses > before.presses or (message.state in ENDED and before.state not in ENDED))
    )
