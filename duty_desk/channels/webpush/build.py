"""Puts the channel `push` together from the desk's configuration and files."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from duty_desk.channels.contacts import Contacts
from duty_desk.channels.webpush.channel import WebPush
from duty_desk.channels.webpush.settings import PushSettings
from duty_desk.channels.webpush.vapid import PushKey, PushKeyError, load_push_key
from duty_desk.desk import DutyDesk
from duty_desk.errors import UnknownIncidentError

_log = logging.getLogger("siaga.desk.push")


def open_push(contacts: Contacts, key_file: Path, settings: PushSettings, desk: DutyDesk) -> WebPush:
    """Return the channel. Without a key that can be read it reaches nobody and says why; the desk goes on."""
    key, fault = None, None
    try:
        key = PushKey(load_push_key(key_file), settings.contact, time.time)
    except (OSError, PushKeyError) as error:
        fault = str(error)
        _log.error("nobody is reached by push: %s", fault)

    def settled(incident_id: str) -> str | None:
        try:
            incident = desk.board.find(incident_id)
        except UnknownIncidentError:
            return ""
        return None if incident.unanswered else incident.officer or ""

    return WebPush(contacts, key, settings, now_ns=time.time_ns, settled=settled, fault=fault)


def remember_paged(push: WebPush, desk: DutyDesk) -> None:
    """Let the channel know whom it paged before a restart, so that their phones fall silent when somebody accepts."""
    for incident in desk.board.active():
        for _, channel, who in incident.pages:
            if channel == push.name and who is not None and incident.unanswered:
                push.remember(incident.id, who)
