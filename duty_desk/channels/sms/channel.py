"""The channel `sms`: a page as one short message, what became of it, and what people answer.

- It is handed over when the modem says that the network took it. When others are before it, it is handed over once the
  modem goes on sending; what has no chance within SEND_S is taken back and fails.
- Only `1` and `2` or `tidak`, from the number of the account that was paged, are answers, for the incident that is
  still unanswered. Where there are several, the code says which; without one nothing is done, and it is asked for.
- Whatever else comes is kept and shown (`siaga desk channel inbox`), and never obeyed.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from duty_desk.channels.channel import Handed, Page, Report, Tell
from duty_desk.channels.contacts import Contacts
from duty_desk.channels.sms.faults import why
from duty_desk.channels.sms.settings import SmsSettings
from duty_desk.channels.sms.spool import Came, Life, Paged, Spool, State
from duty_desk.channels.sms.words import Language, Reply, code_of, phone_number, read_reply, sms_text, which_text
from duty_desk.errors import ChannelError, ContactError

HAND_S: Final = 4.6
"""The modem must have taken a page, or be at work on others, within this."""
LOOK_S: Final = 0.25
"""Between two looks while something is on its way; REST_S otherwise."""
REST_S: Final = 1.0
DEAD_S: Final = 15.0
"""gammu-smsd writes a sign of life each second, and none while it sends."""
QUEUED_S: Final = 120.0
"""A page that waits longer behind others has failed."""
REPORT_NS: Final = 3_600 * 10**9
"""Reports and answers are taken for so long."""

_log = logging.getLogger("siaga.desk.sms")
T = TypeVar("T")


class Sms:
    """SMS through gammu-smsd.

    Args:
        path: sms.db.
        contacts: Knows the numbers.
        settings: Whose numbers begin with a 0.
        language: Of how to answer.
        now_ns: The centre's clock.
        monotonic_s: The monotonic clock.
        unanswered: Whether an incident is still unanswered.
    """

    name: Final = "sms"
    personal: Final = True

    def __init__(
        self,
        path: Path,
        contacts: Contacts,
        settings: SmsSettings,
        language: Language,
        *,
        now_ns: Callable[[], int],
        monotonic_s: Callable[[], float],
        unanswered: Callable[[str], bool],
    ) -> None:
        self._path = path
        self._contacts = contacts
        self._settings = settings
        self._language: Language = language
        self._now_ns = now_ns
        self._monotonic_s = monotonic_s
        self._unanswered = unanswered
        self._spool: Spool | None = None
        self._disk = ThreadPoolExecutor(1, "sms")
        self._life = Life(None, None, 0)
        self._lived_s = monotonic_s()
        self._known: dict[str, tuple[State, float]] = {}
        self._wake = asyncio.Event()

    def reaches(self, who: str) -> bool:
        """Return whether an account has a number."""
        return self._contacts.address(who, self.name) is not None

    async def send(self, page: Page) -> Handed:
        """Write a message, and wait for the modem.

        Raises:
            ChannelError: The modem did not take it, or nothing is there that would.
        """
        if page.who is None:
            raise ChannelError("SMS goes to people")
        address = self._contacts.address(page.who, self.name)
        if address is None:
            raise ChannelError("no number", gone=True)
        try:
            number = phone_number(address, self._settings.country)
        except ContactError as error:
            raise ChannelError(f"bad number: {error}", gone=True) from None
        who, began_s = page.who, self._monotonic_s()
        life = await self._look()
        if life.stamp is None or self._monotonic_s() - self._lived_s > DEAD_S:
            raise ChannelError("no sign of life of gammu-smsd: systemctl status gammu-smsd; is the modem plugged in?")
        await self._do(lambda spool: self._put(spool, page, who, number))
        try:
            return await self._handed(page.id, life.sent, began_s)
        except BaseException:  # a cancellation too: what was not handed over must not go out later
            await asyncio.shield(self._withdraw(page.id))
            self._known.pop(page.id, None)
            raise

    async def run(self, tell: Tell) -> None:
        """Tell of reports and answers, for ever."""
        pages = await self._do(lambda spool: spool.pages(self._now_ns() - REPORT_NS))
        for paged in pages:
            self._known.setdefault(paged.page, (State("sent"), self._monotonic_s()))
        while True:
            await self._look()
            for report in await self._reports():
                tell(report)
            for came in await self._do(lambda spool: spool.came()):
                await self._hear(came, tell)
            self._wake.clear()
            moving = any(state.became == "waiting" for state, _ in self._known.values())
            try:
                async with asyncio.timeout(LOOK_S if moving else REST_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    # Out

    def _put(self, spool: Spool, page: Page, who: str, number: str) -> None:
        code = None
        if page.incident_id is not None:
            recent = spool.pages(self._now_ns() - REPORT_NS)
            others = {each.code or "" for each in recent if each.incident_id != page.incident_id}
            code = code_of(page.incident_id, others)
        text = sms_text(page, code, self._language)
        paged = Paged(page.id, who, number, page.incident_id, code, page.title, self._now_ns())
        spool.put(paged, text, urgent=page.status == "Actual")

    async def _handed(self, page: str, sent_before: int, began_s: float) -> Handed:
        before = State("waiting")
        while True:
            state = (await self._do(lambda spool: spool.states((page,))))[page]
            if state.became in ("sent", "delivered", "undelivered"):
                self._known[page] = (State("sent"), began_s)
                return Handed()
            if state.became != "waiting" and not _half_told(state, before):
                raise ChannelError(why(state.error, self._life.signal), gone=state.error in (1, 28))
            if self._monotonic_s() - began_s >= HAND_S - LOOK_S:
                life = await self._look()
                if life.sent > sent_before:
                    self._known[page] = (state, began_s)
                    self._wake.set()
                    return Handed("queued")
                raise ChannelError(why(-1, life.signal))
            before = state
            await asyncio.sleep(LOOK_S)

    async def _withdraw(self, page: str) -> bool:
        return await self._do(lambda spool: spool.withdraw(page))

    # Back

    async def _look(self) -> Life:
        life = await self._do(lambda spool: spool.life())
        if life.stamp != self._life.stamp or life.sent != self._life.sent:
            self._lived_s = self._monotonic_s()
        self._life = life
        return life

    async def _reports(self) -> list[Report]:
        """Return what became of messages since the last look."""
        now_s = self._monotonic_s()
        states = await self._do(lambda spool: spool.states(tuple(self._known)))
        found: list[Report] = []
        for page, state in states.items():
            known = self._known.get(page)
            if known is None:
                continue
            before, began_s = known
            if _half_told(state, before):
                self._known[page] = (state, began_s)
                continue
            if state.became == "delivered":
                found.append(Report(page, "delivered"))
            elif state.became == "undelivered":
                found.append(
                    Report(page, "failed", detail="the network could not deliver it: phone off, or no reception")
                )
            elif state.became in ("failed", "gone"):
                found.append(Report(page, "failed", detail=why(state.error, self._life.signal)))
            elif state.became == "waiting" and now_s - began_s > QUEUED_S:
                await self._withdraw(page)
                found.append(Report(page, "failed", detail=why(-1, self._life.signal)))
            elif now_s - began_s < REPORT_NS / 1e9:
                self._known[page] = (state, began_s)
                continue
            del self._known[page]
        return found

    async def _hear(self, came: Came, tell: Tell) -> None:
        """Make of a message that came what it is, and write that down."""
        reply = read_reply(came.text)
        try:
            number: str | None = phone_number(came.number, self._settings.country)
        except ContactError:
            number = None
        verdict = "kept"
        if reply is not None and number is not None:
            sent = await self._do(lambda spool: spool.pages(self._now_ns() - REPORT_NS))
            verdict = await self._answered(reply, number, [each for each in sent if self._is_of(each, number)], tell)
        # Its text may be anybody's, and may have anything in it: it is not logged.
        _log.info("an SMS came: %s", verdict)
        await self._do(lambda spool: spool.settle(came, self._now_ns(), verdict))

    def _is_of(self, paged: Paged, number: str) -> bool:
        """Return whether a page went to this number, and it is still that person's."""
        if paged.number != number:
            return False
        try:
            now = phone_number(self._contacts.address(paged.account, self.name) or "", self._settings.country)
        except ContactError:
            return False
        return now == number

    async def _answered(self, reply: Reply, number: str, sent: list[Paged], tell: Tell) -> str:
        """Return what is to be written of an answer: whose it was taken for, or why it was not."""
        if len({each.account for each in sent}) > 1:
            return "kept: the number of two accounts"
        open_ = {each.incident_id: each for each in sent if each.incident_id and self._unanswered(each.incident_id)}
        if reply.code is not None:
            open_ = {key: each for key, each in open_.items() if each.code == reply.code}
        if len(open_) > 1:
            codes = {each.code: each.title for each in open_.values() if each.code is not None}
            await self._do(lambda spool: spool.answer(number, which_text(codes, self._language)))
            return "kept: which incident is not clear"
        page = next(iter(open_.values()), None)
        if page is None and reply.code is None and sent and sent[-1].incident_id is None:
            page = sent[-1]
        if page is None:
            return "kept: nothing that is unanswered"
        tell(Report(page.page, "answered", answer=reply.answer))
        return reply.answer

    # The disk

    async def _do(self, work: Callable[[Spool], T]) -> T:
        """Do something with sms.db in its thread, one thing at a time, also after one whose caller was cancelled.

        Raises:
            ChannelError: It cannot be used.
        """

        def done() -> T:
            if self._spool is None:
                self._spool = Spool(self._path)
            return work(self._spool)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._disk, done)
        except (sqlite3.Error, OSError) as error:
            raise ChannelError(f"{self._path.name} cannot be used: {error}") from None


def _half_told(state: State, before: State) -> bool:
    """Return whether why it failed may follow: gammu-smsd writes first that it did, and then the modem's number."""
    return state.became == "failed" and state.error < 0 and before.became != "failed"
