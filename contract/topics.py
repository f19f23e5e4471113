"""The topics of Siaga, made and taken apart in one place.

`up` is written by devices, `down` is read by them, `desk`, `centre`, `bell` and `wall` belong to the centre's services.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from contract.errors import TopicError
from contract.identity import NAME_PATTERN

ROOT: Final = "siaga/v1"

Lane = Literal["alarm", "telemetry"]
"""Each lane has its own broker, session and outbox."""

UpKind = Literal["telemetry", "alarm", "status", "report", "reply"]

HEARTBEAT: Final = f"{ROOT}/desk/heartbeat"
INCIDENT: Final = f"{ROOT}/desk/incident"
INVENTORY: Final = f"{ROOT}/centre/inventory"

ALL_TELEMETRY: Final = f"{ROOT}/up/+/telemetry"
ALL_ALARMS: Final = f"{ROOT}/up/+/alarm"
ALL_STATUS: Final = f"{ROOT}/up/+/status/+"
ALL_REPORTS: Final = f"{ROOT}/up/+/report"
ALL_REPLIES: Final = f"{ROOT}/up/+/reply"
ALL_SCREENS: Final = f"{ROOT}/wall/screen/+"
ALL_BELLS: Final = f"{ROOT}/bell/+"

_UP: Final = re.compile(rf"{ROOT}/up/({NAME_PATTERN[1:-1]})/([a-z/]+)\Z")
_KINDS: Final[dict[str, tuple[UpKind, Lane | None]]] = {
    "telemetry": ("telemetry", None),
    "alarm": ("alarm", None),
    "report": ("report", None),
    "reply": ("reply", None),
    "status/alarm": ("status", "alarm"),
    "status/telemetry": ("status", "telemetry"),
}


@dataclass(frozen=True, slots=True)
class UpTopic:
    """A topic a device writes: who, what kind, and for a status the lane it came in on."""

    device: str
    kind: UpKind
    lane: Lane | None = None


def telemetry(device: str) -> str:
    """Return the topic of a device's batches of readings."""
    return f"{ROOT}/up/{device}/telemetry"


def alarm(device: str) -> str:
    """Return the topic of a device's presses; never retained."""
    return f"{ROOT}/up/{device}/alarm"


def status(device: str, lane: Lane) -> str:
    """Return the topic of a device's retained birth and will on one lane's broker."""
    return f"{ROOT}/up/{device}/status/{lane}"


def report(device: str) -> str:
    """Return the topic of a device's books, sent each minute."""
    return f"{ROOT}/up/{device}/report"


def reply(device: str) -> str:
    """Return the topic of what a device answers to a command, and of what became of a configuration pushed to it."""
    return f"{ROOT}/up/{device}/reply"


def config(device: str) -> str:
    """Return the topic of a device's configuration, signed by provisioning; retained."""
    return f"{ROOT}/down/{device}/config"


def alarm_receipt(device: str) -> str:
    """Return the topic of receipts for presses; only the desk writes it."""
    return f"{ROOT}/down/{device}/alarm/receipt"


def lamp(device: str) -> str:
    """Return the topic of the whole state of a device's lamps; only the desk writes it."""
    return f"{ROOT}/down/{device}/alarm/lamp"


def command(device: str) -> str:
    """Return the topic of what a device is to do now, such as sound its siren: signed by the desk, never retained."""
    return f"{ROOT}/down/{device}/command"


def telemetry_receipt(device: str) -> str:
    """Return the topic of receipts for batches; only the collector writes it."""
    return f"{ROOT}/down/{device}/telemetry/receipt"


def wall_screen(number: int) -> str:
    """Return the topic of how one screen of the wall is; retained."""
    return f"{ROOT}/wall/screen/{number}"


def bell(name: str) -> str:
    """Return the topic on which a bell says how it is; only that bell writes it."""
    return f"{ROOT}/bell/{name}"


def parse_up(topic: str) -> UpTopic:
    """Take apart a topic that a device writes.

    Raises:
        TopicError: It is none of ours; the reason is `unknown topic`.
    """
    match = _UP.match(topic)
    if match is None or match.group(2) not in _KINDS:
        raise TopicError("unknown topic", topic[:256].encode(errors="backslashreplace"))
    kind, lane = _KINDS[match.group(2)]
    return UpTopic(match.group(1), kind, lane)
