"""What a broker is: its listeners, its limits, and who may do what on it. No I/O.

A broker has two listeners. Devices come in on one, with a certificate; the centre's services on the other, with a user
name and a password. Rules are per listener, so a device gains nothing by being called like a service. Client ids,
though, are common to both: whoever connects under the id of a live session ends it. On both listeners the user name
therefore is the client id, and a service's has a dot, which no device's name can have (`CENTRE`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from contract import topics
from contract.batch import MAX_BATCH_BYTES
from contract.errors import SiagaError
from contract.identity import NAME_PATTERN
from contract.messages import MAX_ALARM_BYTES
from contract.settings import Settings
from contract.topics import Lane

LANES: Final[tuple[Lane, ...]] = ("alarm", "telemetry")

CENTRE: Final = "centre."
"""What the user name of each service begins with."""

Direction = Literal["read", "write"]
Port = Annotated[int, Field(ge=1, le=65_535)]
Bind = Annotated[str, Field(pattern=r"^[0-9A-Za-z.:-]*$", max_length=253)]

_MIB: Final = 1024 * 1024
_ROLE: Final = re.compile(r"-[0-9]{1,4}\Z")
_TOPIC: Final = re.compile(r"[A-Za-z0-9/+#$-]+\Z")


class AccountError(SiagaError):
    """An account's name or grant is none that a broker could be given."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One topic filter in one direction.

    Raises:
        AccountError: The filter has a character that no topic of ours has.
    """

    direction: Direction
    topic: str

    def __post_init__(self) -> None:
        if not _TOPIC.match(self.topic):
            raise AccountError(f"{self.topic!r}: not a topic filter")


@dataclass(frozen=True, slots=True)
class Account:
    """A service of the centre and what it may do on each lane's broker; on a lane without grants it has no account.

    Args:
        name: Such as `desk` or `collector-1`: a name as a device's.
        alarm: Its grants on the alarm broker.
        telemetry: Its grants on the telemetry broker.

    Raises:
        AccountError: The name does not fit.
    """

    name: str
    alarm: tuple[Grant, ...] = ()
    telemetry: tuple[Grant, ...] = ()

    def __post_init__(self) -> None:
        if not re.match(NAME_PATTERN.removesuffix("$") + r"\Z", self.name):
            raise AccountError(f"{self.name!r}: an account's name is 1 to 63 of a-z, 0-9 and hyphen, such as desk")

    @property
    def username(self) -> str:
        """Its user name, and so its client id: `centre.desk`."""
        return CENTRE + self.name

    def grants(self, lane: Lane) -> tuple[Grant, ...]:
        """Return what it may do on one lane's broker."""
        return self.alarm if lane == "alarm" else self.telemetry


def account(name: str) -> Account:
    """Return the account of a service by its role, the name without a number: `collector-2` is a `collector`.

    Raises:
        AccountError: There is no such role.
    """
    role = _ROLE.sub("", name)
    if role not in _ROLES:
        raise AccountError(f"{name!r}: no such service; known: {', '.join(_ROLES)}, each with a number if need be (-2)")
    alarm, telemetry = _ROLES[role]
    own = _writes(topics.bell(name)) if role == "bell" else ()
    return Account(name, (*alarm, *own), (*telemetry, *own))


def _reads(*filters: str) -> tuple[Grant, ...]:
    return tuple(Grant("read", one) for one in filters)


def _writes(*filters: str) -> tuple[Grant, ...]:
    return tuple(Grant("write", one) for one in filters)


_CONFIGS: Final = f"{topics.ROOT}/down/+/config"

_DESK: Final = (
    *_reads(topics.ALL_ALARMS, topics.ALL_STATUS, topics.ALL_REPLIES, topics.ALL_BELLS, topics.HEARTBEAT),
    *_writes(topics.alarm_receipt("+"), topics.lamp("+"), topics.command("+"), topics.HEARTBEAT, topics.INCIDENT),
)
_BELL: Final = _reads(topics.ALL_ALARMS, topics.alarm_receipt("+"), topics.HEARTBEAT)

_WALL: Final = (*_reads(topics.HEARTBEAT, topics.INCIDENT), *_writes(topics.ALL_SCREENS))

_ROLES: Final[dict[str, tuple[tuple[Grant, ...], tuple[Grant, ...]]]] = {
    "desk": (_DESK, (*_DESK, *_reads(topics.ALL_REPORTS), *_writes(topics.INVENTORY))),
    "collector": ((), (*_reads(topics.ALL_TELEMETRY), *_writes(topics.telemetry_receipt("+")))),
    "books": ((), _reads(topics.ALL_REPORTS, topics.HEARTBEAT, topics.INCIDENT)),
    "bell": (_BELL, (*_BELL, *_reads(topics.INVENTORY))),
    "provisioning": ((), (*_reads(topics.ALL_REPLIES), *_writes(topics.INVENTORY, _CONFIGS))),
    "wall": (_WALL, _WALL),
}
"""Each role's grants on the alarm and on the telemetry broker; a bell also writes the one topic that has its name."""

DEFAULT_ACCOUNTS: Final = ("bell", "books", "collector-1", "desk", "provisioning", "wall")

DEVICE_PATTERNS: Final[tuple[tuple[Direction, str], ...]] = (
    ("write", f"{topics.ROOT}/up/%u/#"),
    ("read", f"{topics.ROOT}/down/%u/#"),
)
"""What every device may do: `%u` is its name, from its certificate."""


class Limits(Settings):
    """What a broker lets pass and keeps. Each is for the whole broker but `*_connections`, which are per listener.

    Attributes:
        device_connections: Devices connected at once; the process may have to be allowed more open files.
        centre_connections: Services connected at once.
        inflight_messages: What the broker takes from one client without PUBACK, and tells it in CONNACK; and what it
            hands over to a client that names no receive maximum. A client that names one, as the collector does, is
            handed as many as that.
        queued_messages: Messages waiting for one client; the newest beyond that are dropped, which costs nothing but
            time, as the ends send again.
        queued_bytes: The same in bytes.
        packet_bytes: The largest MQTT packet; whoever sends a larger one is disconnected.
        memory_bytes: Heap of the whole broker.
        keep_alive_s: The longest keep-alive a client may have, in seconds.
        session_hours: How long the session of a client that went away is kept at most.
    """

    device_connections: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    centre_connections: Annotated[int, Field(ge=1, le=10_000)] = 64
    inflight_messages: Annotated[int, Field(ge=1, le=65_535)] = 1_000
    queued_messages: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    queued_bytes: Annotated[int, Field(ge=65_536, le=1024 * _MIB)] = 64 * _MIB
    packet_bytes: Annotated[int, Field(ge=1_024, le=16 * _MIB)]
    memory_bytes: Annotated[int, Field(ge=16 * _MIB, le=256 * 1024 * _MIB)]
    keep_alive_s: Annotated[int, Field(ge=10, le=65_535)] = 300
    session_hours: Annotated[int, Field(ge=1, le=8_760)] = 24


def default_limits(lane: Lane) -> Limits:
    """Return the limits of one lane's broker; a packet of its largest body fits, with its topic and properties.

    On the telemetry broker the inventory is larger than a batch: four times as large at most.
    """
    if lane == "alarm":
        return Limits(packet_bytes=2 * MAX_ALARM_BYTES, memory_bytes=512 * _MIB)
    return Limits(packet_bytes=4 * MAX_BATCH_BYTES, memory_bytes=2048 * _MIB)


_DEFAULT_PORTS: Final[dict[Lane, tuple[int, int]]] = {"alarm": (8883, 8893), "telemetry": (8884, 8894)}


class Broker(Settings):
    """One lane's broker; as TOML it is `brokers/LANE/broker.toml`, where every key may be left out.

    Attributes:
        lane: Which lane it serves.
        device_port: The port of the devices' listener.
        centre_port: The port of the centre's listener.
        device_bind: The address the devices' listener listens on; empty is every address of the host.
        centre_bind: The address of the centre's listener: the centre's own network, by default this host alone.
        at: The folder its files lie in on the broker's host; empty is the folder they are rendered to.
        user: The user Mosquitto becomes when root starts it (otherwise it stays who it is).
        log_file: Where it logs; empty is stderr, for the journal.
        limits: What it lets pass and keeps.
    """

    lane: Lane
    device_port: Port
    centre_port: Port
    device_bind: Bind = ""
    centre_bind: Bind = "127.0.0.1"
    at: Annotated[str, Field(pattern=r"^(/[^\n\r#\"]*)?$", max_length=1_024)] = ""
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = "mosquitto"
    log_file: Annotated[str, Field(pattern=r"^(/[^\n\r#\"]*)?$", max_length=1_024)] = ""
    limits: Limits

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, value: object) -> object:
        """Fill in what depends on the lane."""
        lane = value.get("lane", cls.model_fields["lane"].default) if isinstance(value, dict) else None
        if not isinstance(value, dict) or lane not in LANES:
            return value
        device_port, centre_port = _DEFAULT_PORTS[lane]
        limits = value.get("limits", {})
        if isinstance(limits, dict):
            limits = default_limits(lane).model_dump() | limits
        return {"device_port": device_port, "centre_port": centre_port, **value, "limits": limits}

    @field_validator("centre_port")
    @classmethod
    def _two_ports(cls, value: int, info: object) -> int:
        if value == getattr(info, "data", {}).get("device_port"):
            raise ValueError("must differ from device_port")
        return value


class AlarmBroker(Broker):
    """The alarm lane's broker, as its `broker.toml` has it."""

    lane: Literal["alarm"] = "alarm"


class TelemetryBroker(Broker):
    """The telemetry lane's broker, as its `broker.toml` has it."""

    lane: Literal["telemetry"] = "telemetry"


MODELS: Final[dict[Lane, type[Broker]]] = {"alarm": AlarmBroker, "telemetry": TelemetryBroker}


def local_broker(lane: Lane, *, device_port: int, centre_port: int, user: str) -> Broker:
    """Return a broker that listens on 127.0.0.1 only, with the lane's default limits: for demo, tests and benchmarks.

    Args:
        lane: Which lane it serves.
        device_port: The port of the devices' listener.
        centre_port: The port of the centre's listener.
        user: The user it runs as when root starts it; see `placing.this_user`.
    """
    known = {"device_port": device_port, "centre_port": centre_port, "device_bind": "127.0.0.1", "user": user}
    return MODELS[lane].model_validate(known)
