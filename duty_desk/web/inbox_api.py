"""SMS that came and were no answer to a page, for who heads the shift: none of them is obeyed, some should be read."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Final, Literal, get_args

from fastapi import FastAPI
from pydantic import BaseModel, Field

from duty_desk.channels.sms.inbox import kept
from duty_desk.channels.sms.settings import DATABASE
from duty_desk.channels.sms.spool import Kept
from duty_desk.errors import LedgerUnreadableError
from duty_desk.settings import Desk
from duty_desk.web.acting_api import FAULTS
from duty_desk.web.session_api import needs

MOST: Final = 20
MAX_TEXT: Final = 480
"""Three messages of one part each."""
MAX_NUMBER: Final = 40

Why = Literal["no_answer", "two_accounts", "not_clear", "nothing_unanswered", "other"]
WHYS: Final[tuple[Why, ...]] = get_args(Why)
_WHY: Final[dict[str, Why]] = {
    "kept": "no_answer",
    "kept: the number of two accounts": "two_accounts",
    "kept: which incident is not clear": "not_clear",
    "kept: nothing that is unanswered": "nothing_unanswered",
}


class SmsView(BaseModel):
    """A message. `text` is cut, and what is no letter, digit or sign of it is a space; `why` it was not obeyed."""

    at_ms: int
    number: str = Field(examples=["+62 811 555 0110"])
    text: str
    why: Why


class InboxView(BaseModel):
    """The latest of them, the latest first. `sms`: whether the desk has the channel at all."""

    sms: bool
    messages: list[SmsView]


def add_inbox(app: FastAPI, config: Desk) -> None:
    """Add what is read of them."""
    path = config.contacts.parent / DATABASE
    has_sms = config.settings.channels.sms is not None

    @app.get("/api/inbox", dependencies=[needs("export")], responses=FAULTS)
    async def inbox() -> InboxView:
        """Tell the latest SMS that were no answer to a page, for supervisors and admins: strangers wrote them."""
        return InboxView(sms=has_sms, messages=[_view(each) for each in await asyncio.to_thread(_read, path)])


def _read(path: Path) -> list[Kept]:
    try:
        return kept(path, MOST)
    except sqlite3.Error as error:
        raise LedgerUnreadableError(f"{path.name}: {error}") from None


def _view(message: Kept) -> SmsView:
    return SmsView(
        at_ms=message.at_ns // 1_000_000,
        number=_plain(message.number, MAX_NUMBER),
        text=_plain(message.text, MAX_TEXT),
        why=_WHY.get(message.verdict, "other"),
    )


def _plain(text: str, most: int) -> str:
    """Return a text without what would steer a screen: no controls, no marks that turn the writing round."""
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text[:most]).strip()
