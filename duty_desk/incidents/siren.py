"""When the sirens are told to sound, and to be silent. Pure.

A command says for how long, so that a siren whose desk or link dies ends by itself; while it is wanted, the command
comes again, so that one that was lost costs little.
"""

from __future__ import annotations

from typing import Final

from contract.identity import Name, new_event_id
from contract.messages import Command

SOUND_S: Final = 30
"""How long a siren sounds on one command."""
AGAIN_NS: Final = 10 * 10**9
"""Between two commands while it is wanted."""
EXPIRES_NS: Final = 10 * 10**9
"""A command that arrives later than this after it was sent is not obeyed."""


class Sirens:
    """The sirens of the desk.

    Args:
        devices: The boxes they are at.
    """

    def __init__(self, devices: tuple[Name, ...]) -> None:
        self.devices = devices
        self._sounding = False
        self._told_ns = 0

    def commands(self, wanted: bool, *, wall_ns: int, monotonic_ns: int) -> list[Command]:
        """Return what to send now, given whether they should sound."""
        if not wanted and not self._sounding:
            return []
        if wanted and self._sounding and monotonic_ns - self._told_ns < AGAIN_NS:
            return []
        self._sounding, self._told_ns = wanted, monotonic_ns
        return [
            Command(
                id=new_event_id(),
                device=device,
                expires_at_ns=wall_ns + EXPIRES_NS,
                command="siren",
                on=wanted,
                seconds=SOUND_S if wanted else 0,
            )
            for device in self.devices
        ]
