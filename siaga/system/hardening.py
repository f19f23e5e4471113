"""What every unit of Siaga forbids itself, in one table; a unit opens what it needs by key, and says why.

Meanings: systemd.exec(5) of systemd 252. `systemd-analyze security` weighs most of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Opened(NamedTuple):
    """A key of the table with another value in one unit; the reason stands above it in the file. None: left out."""

    value: str | None
    why: str


SYSTEM_CALLS: Final = "@system-service"

HARDENING: Final[Mapping[str, str | None]] = {
    "UMask": "0077",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "ProtectProc": "invisible",
    "ProcSubset": "pid",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "PrivateUsers": "yes",
    "PrivateMounts": "yes",
    "RemoveIPC": "yes",
    "KeyringMode": "private",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": SYSTEM_CALLS,
    "SystemCallFilter~": "@privileged @resources",
    "SystemCallFilter+": None,
    "SystemCallErrorNumber": "EPERM",
}
"""By key of `[Service]`. A key with `~` or `+` is one more line of its key: what is taken from it, and added again."""

GPIO: Final = ("char-gpiochip rw",)
SERIAL: Final = ("char-ttyS rw", "char-ttyAMA rw", "char-ttyUSB rw", "char-ttyACM rw")
"""Lines of GPIO and serial ports, by the names their drivers have in /proc/devices."""


def hardened(opened: Mapping[str, Opened]) -> list[str]:
    """Return the lines of the table with what a unit opens; each of those has its reason in a comment.

    Raises:
        KeyError: A key that is opened is not in the table.
    """
    for key in opened:
        if key not in HARDENING:
            raise KeyError(f"{key} is not in the table of hardening")
    lines: list[str] = []
    for key, value in HARDENING.items():
        change, name = opened.get(key), key.rstrip("~+")
        told = value if change is None else change.value
        if change is not None:
            reason = f"# {change.why}" if told is not None else f"# No {name}: {change.why}"
            lines += [] if lines[-1:] == [reason] else [reason]
        if told is not None:
            lines.append(f"{name}=~{told}" if key.endswith("~") else f"{name}={told}")
    return lines
