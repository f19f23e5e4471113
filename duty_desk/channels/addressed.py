"""Puts the channels together that go to addresses in contacts.db, or to a room: SMS, and those by apprise."""

from __future__ import annotations

import time
from pathlib import Path

from duty_desk.channels.by_apprise import ByApprise
from duty_desk.channels.channel import Channel
from duty_desk.channels.contacts import Contacts
from duty_desk.channels.sms.channel import Sms
from duty_desk.channels.sms.settings import DATABASE
from duty_desk.channels.sms.words import Language
from duty_desk.channels_settings import ChannelsSettings
from duty_desk.desk import DutyDesk
from duty_desk.errors import UnknownIncidentError


def open_addressed(
    contacts: Contacts, settings: ChannelsSettings, data: Path, language: Language, desk: DutyDesk
) -> list[Channel]:
    """Return the channels that are set up, in the order of desk.toml.

    Args:
        contacts: Knows the addresses.
        settings: `[channels]`.
        data: The data folder; the files with URLs are relative to it.
        language: In which language people are told how to answer.
        desk: Knows what is still unanswered.
    """

    def unanswered(incident_id: str) -> bool:
        try:
            return bool(desk.board.find(incident_id).unanswered)
        except UnknownIncidentError:
            return False

    found: list[Channel] = []
    if settings.sms is not None:
        found.append(
            Sms(
                data / DATABASE,
                contacts,
                settings.sms,
                language,
                now_ns=time.time_ns,
                monotonic_s=time.monotonic,
                unanswered=unanswered,
            )
        )
    return [*found, *(ByApprise(each, data, contacts) for each in settings.apprise)]
