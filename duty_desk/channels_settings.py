"""`[channels]` in desk.toml: by what people are reached when nobody answers at a screen."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from contract.settings import Settings
from duty_desk.channels.webpush.settings import EXAMPLES as PUSH_EXAMPLES
from duty_desk.channels.webpush.settings import PushSettings

EXAMPLES: Final = {**PUSH_EXAMPLES}


class ChannelsSettings(Settings):
    """The channels. `push` needs nothing: each phone is turned on by its owner, at the console."""

    push: PushSettings = Field(default_factory=PushSettings)
