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

    def names(self) -> frozenset[str]:
        """Return the names of the channels that are set up, by which the steps of an escalation may page."""
        return frozenset(name for name in type(self).model_fields if getattr(self, name) is not None)
