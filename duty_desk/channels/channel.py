"""What a channel is: it takes a page to a person, or calls a room, and says how that went.

A channel never decides who is paged, when, or how often: the pager does (`pager.py`), and gives each attempt 5 s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from contract.messages import AlertStatus
from duty_desk.errors import ChannelError

__all__ = ["SEND_S", "Answer", "Channel", "ChannelError", "Handed", "Health", "Page", "Report", "Tell"]

SEND_S: Final = 5.0
"""What an attempt may take; after that it is cancelled, noted as failed, and the next channel is used."""


@dataclass(frozen=True, slots=True)
class Page:
    """One message to one person, or to a room, through one channel.

    Args:
        id: Names the attempt: a reply and a report of delivery come back under it.
        who: The account's name; None for a channel that calls a room or another system.
        display: The name that people see; empty without `who`.
        status: `Actual`, `Exercise` or `Test`; anything but `Actual` is said in the first word of the message.
        title: One line, at most 60 characters: what and where.
        text: What more there is to say, at most 400 characters.
        incident_id: None for the test of a channel.
        path: The page of the desk to open, such as `/?incident=…`.
        expires_ns: By the centre's clock; a provider that keeps messages drops it after that.
    """

    id: str
    who: str | None
    display: str
    status: AlertStatus
    title: str
    text: str
    incident_id: str | None
    path: str
    expires_ns: int


@dataclass(frozen=True, slots=True)
class Handed:
    """The provider took it, or the device itself obeyed. `detail` is a short word for the ledger, without names."""

    detail: str | None = None


Answer = Literal["accept", "cannot"]


@dataclass(frozen=True, slots=True)
class Report:
    """What came back of a page after it was handed over: it arrived, it did not, or somebody answered by it."""

    page: str
    outcome: Literal["delivered", "failed", "answered"]
    answer: Answer | None = None
    detail: str | None = None


Tell = Callable[[Report], None]
"""Called on the event loop with what came back."""


class Channel(Protocol):
    """One way to reach people. Constructors only store; `run` opens what is needed and ends with its cancellation."""

    @property
    def name(self) -> str:
        """Its name in settings, ledger and pages, such as `push` or `sms`."""

    @property
    def personal(self) -> bool:
        """Whether it goes to a person; else it calls a room or another system, once an attempt."""

    def reaches(self, who: str) -> bool:
        """Return whether it has an address of this account. Not asked where it is not personal."""

    async def send(self, page: Page) -> Handed:
        """Hand a page over.

        Raises:
            ChannelError: It could not be; nothing of it will arrive.
        """

    async def run(self, tell: Tell) -> None:
        """Take in what comes back, for ever; a channel from which nothing comes waits for ever."""


@dataclass(slots=True)
class Health:
    """When a channel was last tried and last worked, in ns by the centre's clock, and why it does not."""

    tested_ns: int | None = None
    worked_ns: int | None = None
    fault: str | None = None
    people: dict[str, int] = field(default_factory=dict)
    """When somebody last confirmed it, by account."""
