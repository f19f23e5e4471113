"""What the bell in the duty room says of itself: `siaga/v1/bell/NAME`, on both brokers, each 10 s and when it changes.

It tells its last `MAX_EVENTS` events each time: whoever was dead meanwhile hears of all of them when it is back.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from contract.identity import Name
from contract.messages import Count, Message, Nanoseconds, Word

BELL_REPORT_S: Final = 10.0
"""Between two reports."""
MAX_EVENTS: Final = 16
MAX_REASONS: Final = 8


class BellEvent(Message):
    """It sounded, or was silenced at the bell. `why` names what was wrong, such as `desk` or `press box-1/sos`.

    `at_ns` is by the bell's own clock, and with the bell's name it names the event.
    """

    what: Literal["sounded", "silenced"]
    at_ns: Nanoseconds
    why: Annotated[str, Field(max_length=80)] = ""


class BellReport(Message):
    """How a bell is. `reasons` is what is wrong by its own ears; `faults` what is wrong with itself, such as its siren.

    `presses` and `tests` are how many presses it heard since its start: those it would sound for, and the others.
    """

    bell: Name
    timestamp_ns: Nanoseconds
    sounding: bool
    silenced: bool = False
    reasons: Annotated[list[Word], Field(max_length=MAX_REASONS)] = Field(default_factory=list)
    faults: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=4)] = Field(default_factory=list)
    presses: Count = 0
    tests: Count = 0
    events: Annotated[list[BellEvent], Field(max_length=MAX_EVENTS)] = Field(default_factory=list)
