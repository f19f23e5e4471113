"""Every topic family there is, for those who prove who may do what with it. No I/O."""

from __future__ import annotations

from typing import Final

from contract import topics

UP: Final = ("telemetry", "alarm", "status/alarm", "status/telemetry", "report", "reply")
"""What a device writes, below `siaga/v1/up/{device}/`."""

DOWN: Final = ("alarm/receipt", "alarm/lamp", "telemetry/receipt", "config", "command")
"""What a device reads, below `siaga/v1/down/{device}/`."""

CENTRE: Final = (
    topics.HEARTBEAT,
    topics.INCIDENT,
    topics.INVENTORY,
    f"{topics.ROOT}/wall/screen/1",
    topics.bell("bell"),
    topics.bell("bell-9"),
)
"""What the centre's services tell one another."""

BROKER: Final = ("$SYS/broker/uptime", "$CONTROL/dynamic-security/v1")
"""The broker's own."""


def up(device: str) -> list[str]:
    """Return the topics that only this device may write."""
    return [f"{topics.ROOT}/up/{device}/{family}" for family in UP]


def down(device: str) -> list[str]:
    """Return the topics that only this device may read."""
    return [f"{topics.ROOT}/down/{device}/{family}" for family in DOWN]


def matches(topic_filter: str, topic: str) -> bool:
    """Return whether a topic filter covers a topic (MQTT 5, 4.7)."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    if given[0].startswith("$") and wanted[0] in ("+", "#"):
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(given) or level not in ("+", given[place]):
            return False
    return len(wanted) == len(given)
