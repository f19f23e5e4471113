"""`[channels]` in desk.toml: by what people are reached when nobody answers at a screen."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from contract.settings import Settings
from duty_desk.channels.by_apprise import EXAMPLES as APPRISE_EXAMPLES
from duty_desk.channels.by_apprise import AppriseSettings
from duty_desk.channels.sms.settings import EXAMPLES as SMS_EXAMPLES
from duty_desk.channels.sms.settings import SmsSettings
from duty_desk.channels.webpush.settings import EXAMPLES as PUSH_EXAMPLES
from duty_desk.channels.webpush.settings import PushSettings

EXAMPLES: Final = {**PUSH_EXAMPLES, **SMS_EXAMPLES, **APPRISE_EXAMPLES}


class ChannelsSettings(Settings):
    """The channels. `push` needs nothing: each phone is turned on by its owner, at the console."""

    push: PushSettings = Field(default_factory=PushSettings)
    sms: SmsSettings | None = None
    apprise: Annotated[list[AppriseSettings], Field(max_length=8)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [each.name for each in self.apprise]
        if len(set(names)) < len(names):
            raise ValueError(f"two channels have the same name: {', '.join(names)}")
        return self

    def names(self) -> frozenset[str]:
        """Return the names of the channels that are set up, by which the steps of an escalation may page."""
        sms = () if self.sms is None else ("sms",)
        return frozenset(("push", *sms, *(each.name for each in self.apprise)))
