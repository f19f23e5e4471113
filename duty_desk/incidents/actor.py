"""Who does something at the desk, and where. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["viewer", "officer", "call_taker", "supervisor", "admin"]


@dataclass(frozen=True, slots=True)
class Actor:
    """The person at a screen: the name others see, the role, and the name of the screen."""

    name: str
    role: Role
    screen: str
