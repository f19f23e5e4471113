"""What an agent tells about itself when asked, and what is on its card. Pure; in words: `status_words.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import Field

from contract.batch import FieldValue
from contract.messages import Counts, Message, Press, Report
from contract.topics import Lane
from edge_agent.config_state import Outcome
from edge_agent.drivers.base import Sample
from edge_agent.faults import Fault
from edge_agent.outbox.writer import Writer
from link import Session

_SHOWN_PRESSES: Final = 16


class SessionStatus(Message):
    """One lane's session. `fault` is what a person must mend, in words; None while a lost link just comes back."""

    broker: str
    connected: bool
    connects: int
    fault: str | None = None


class OutboxStatus(Message):
    """One outbox file. `fault` is what the card refused last; `set_aside` counts damaged files since the start."""

    fault: str | None = None
    set_aside: int


class WaitingPress(Message):
    """A press that has no receipt."""

    event_id: str
    button: str
    cause: str
    status: str
    pressed_at_ns: int


class ReadingStatus(Message):
    """The last reading of one kind of a sensor, or of a part of it, and how long ago it was measured."""

    sensor: str
    kind: str
    fields: dict[str, FieldValue]
    age_s: float


class SensorStatus(Message):
    """One sensor and its driver; no reading of a kind was measured before it is here."""

    id: str
    driver: str
    readings: list[ReadingStatus]


class ButtonStatus(Message):
    """One button: whether it is down, and what its lamp shows (`lamp.py`)."""

    id: str
    pressed: bool
    lamp: str


class OutputStatus(Message):
    """A siren or a beacon: whether it goes, and for how many seconds more by itself."""

    id: str
    on: bool
    left_s: float


class ThresholdStatus(Message):
    """One threshold: its state (`threshold.py`), and the last value it saw."""

    id: str
    state: str
    value: float | None


class FaultStatus(Message):
    """Something wrong, in words that say what to do. `lasts_s`: for how long; `over_s`: how long ago it ended."""

    what: str
    words: str
    lasts_s: float
    over_s: float | None = None


class ConfigStatus(Message):
    """The configuration in force: the file on the box, or a push (`config_state.py`); and what became of the last."""

    standing: Literal["file", "confirmed", "trial"]
    version: int | None = None
    last: Outcome | None = None


class AgentStatus(Message):
    """A running agent. `presses` are those without receipt, the oldest 16; `running_s` is since its start.

    `clock_floor`: nobody has told the time, and it counts from where the last life ended. `chattering` are buttons that
    chatter, each with the presses that joined the one held back. `faults` are those that last, `cleared` the last ones
    that are over. `receipt_ages_s` is how long ago the last receipt came on each lane.
    """

    pid: int
    running_s: float
    report: Report
    sessions: dict[Lane, SessionStatus]
    outboxes: dict[str, OutboxStatus]
    presses: Annotated[list[WaitingPress], Field(max_length=_SHOWN_PRESSES)]
    clock_floor: bool = False
    chattering: Counts = Field(default_factory=dict)
    sensors: list[SensorStatus] = Field(default_factory=list)
    buttons: list[ButtonStatus] = Field(default_factory=list)
    outputs: list[OutputStatus] = Field(default_factory=list)
    thresholds: list[ThresholdStatus] = Field(default_factory=list)
    faults: list[FaultStatus] = Field(default_factory=list)
    cleared: list[FaultStatus] = Field(default_factory=list)
    receipt_ages_s: dict[Lane, float] = Field(default_factory=dict)
    config: ConfigStatus | None = None


class CardStatus(Message):
    """What waits in the files while no agent runs. `faults` are files that cannot be read, in words."""

    presses: int = 0
    unreadable: int = 0
    waiting: list[WaitingPress] = Field(default_factory=list)
    batches: int = 0
    readings: int = 0
    faults: list[str] = Field(default_factory=list)


class FileStatus(Message):
    """A file in the data folder and its size in bytes."""

    name: str
    size_bytes: int


class BoxStatus(Message):
    """A box: its agent if one answered, else its card; and the files."""

    device: str
    data_dir: str
    agent: AgentStatus | None = None
    card: CardStatus | None = None
    files: list[FileStatus] = Field(default_factory=list)


def session_status(session: Session) -> SessionStatus:
    """Return what a session is up to."""
    return SessionStatus(
        broker=str(session.endpoint), connected=session.connected, connects=session.connects, fault=session.fault
    )


def outbox_status(writer: Writer) -> OutboxStatus:
    """Return how an outbox file is."""
    return OutboxStatus(fault=writer.fault, set_aside=writer.set_aside)


def waiting_presses(presses: Iterable[Press]) -> list[WaitingPress]:
    """Return the oldest presses that wait, as they are shown."""
    return [
        WaitingPress(
            event_id=press.event_id,
            button=press.button,
            cause=press.cause,
            status=press.status,
            pressed_at_ns=press.pressed_at_ns,
        )
        for _, press in zip(range(_SHOWN_PRESSES), presses, strict=False)
    ]


def reading_status(sensor: str, sample: Sample, now_ns: int) -> ReadingStatus:
    """Return a sensor's last sample, as it is shown."""
    age_s = max(0.0, (now_ns - sample.monotonic_ns) / 1e9)
    return ReadingStatus(sensor=sensor, kind=sample.kind, fields=sample.fields, age_s=age_s)


def fault_status(fault: Fault, now_ns: int) -> FaultStatus:
    """Return a fault, as it is shown."""
    until_ns = now_ns if fault.until_ns is None else fault.until_ns
    over_s = None if fault.until_ns is None else (now_ns - fault.until_ns) / 1e9
    return FaultStatus(what=fault.what, words=fault.words, lasts_s=(until_ns - fault.since_ns) / 1e9, over_s=over_s)
