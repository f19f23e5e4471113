"""What the lamps at the buttons show. Pure.

A lamp message is the whole state of a device's lamps, so that any one that arrives repairs every one that was lost. Its
version rises with each message, over restarts of the desk too: it starts at an epoch that the ledger keeps and raises,
or at the clock where the ledger cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable

from contract.messages import AlertStatus, Lamps, LampState
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.intake import UNKNOWN_BUTTON

_RANK: dict[AlertStatus, int] = {"Actual": 2, "Exercise": 1, "Test": 0}
_PER_MILLISECOND = 1_024
MAX_LAMPS = 64
"""As many lamps as a message can name: a box that makes buttons up must not keep the desk from sending."""


class Versions:
    """Numbers that only rise.

    Args:
        epoch_ms: A number above that of each earlier run; the time in ms since 1970 serves. Versions stay below 2^53
            until the year 2248, so that they survive every JSON reader.
    """

    def __init__(self, epoch_ms: int) -> None:
        self._last = epoch_ms * _PER_MILLISECOND

    def raise_to(self, epoch_ms: int) -> None:
        """Go on from a later epoch, if it is one."""
        self._last = max(self._last, epoch_ms * _PER_MILLISECOND)

    def next(self) -> int:
        """Return the next version."""
        self._last += 1
        return self._last


def lamp_state(incidents: Iterable[Incident]) -> LampState:
    """Return what the lamp of one button shows for its incidents.

    Only presses that are being handled count: not a fault of the button's line, and nothing that is resolved. A real
    press decides over a drill: a person must not be told that an officer comes because a drill was accepted.
    """
    handled = [incident for incident in incidents if incident.joinable and incident.origin == "press"]
    if not handled:
        return "off"
    gravest = max(_RANK[incident.status] for incident in handled)
    decisive = [incident for incident in handled if _RANK[incident.status] == gravest]
    return "received" if any(incident.state == "open" for incident in decisive) else "accepted"


def lamps_of(device: str, buttons: Iterable[str], incidents: Iterable[Incident], *, version: int, now_ns: int) -> Lamps:
    """Return the whole state of a device's lamps.

    Args:
        device: The device.
        buttons: Its buttons by the inventory.
        incidents: Its active incidents; their buttons are added to those of the inventory.
        version: The version of this message.
        now_ns: The centre's time in ns.
    """
    by_button: dict[str, list[Incident]] = {button: [] for button in list(buttons)[:MAX_LAMPS]}
    for incident in incidents:
        if incident.button is None or incident.button == UNKNOWN_BUTTON:
            continue
        if incident.button in by_button or len(by_button) < MAX_LAMPS:
            by_button.setdefault(incident.button, []).append(incident)
    states = {button: lamp_state(of_button) for button, of_button in sorted(by_button.items())}
    return Lamps(device=device, version=version, centre_time_ns=now_ns, lamps=states)
