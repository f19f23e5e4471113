"""The channel `push`: a page to all phones of a person at once, and off them again when somebody has the incident.

- It is handed over when the service of any of the phones took it; the others go on by themselves, within their 5 s.
- A browser that its service does not know any more is forgotten.
- A page about an incident stands under the incident's topic and tag: a phone that was away gets the last one only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from duty_desk.channels.channel import Handed, Page, Report, Tell
from duty_desk.channels.contacts import Contacts, Subscription
from duty_desk.channels.webpush.courier import KEEP_S, Courier, Urgency
from duty_desk.channels.webpush.notes import close_note, page_note
from duty_desk.channels.webpush.settings import PushSettings
from duty_desk.channels.webpush.vapid import PushKey
from duty_desk.errors import ChannelError

LOOK_S: Final = 0.25
"""Between two looks at which of the paged incidents somebody has taken."""
MAX_PAGED: Final = 1_000
"""Incidents whose phones are remembered; of older ones the notification stays until its time is over."""
MAX_GOING: Final = 2_000
"""Pushes on their way at once; beyond that the attempt fails at once and the next channel is used."""
CLOSE_S: Final = 3_600.0

_log = logging.getLogger("siaga.desk.push")

Settled = Callable[[str], str | None]
"""What became of an incident: None while somebody must still come; else who has it, or nothing when it is over."""


@dataclass(slots=True)
class _Paged:
    """Whom an incident was told, the phones that know already that it is taken, and pages on their way, by phone."""

    who: set[str] = field(default_factory=set)
    knows: set[str] = field(default_factory=set)
    going: dict[str, asyncio.Task[None]] = field(default_factory=dict)


class WebPush:
    """Web push.

    Args:
        contacts: Knows the phones.
        key: Who pushes; None when the key cannot be read: then nobody is reached, and all else goes on.
        settings: Where to.
        now_ns: The centre's clock.
        settled: Tells what became of an incident.
        fault: Why there is no key.
    """

    name = "push"
    personal = True

    def __init__(
        self,
        contacts: Contacts,
        key: PushKey | None,
        settings: PushSettings,
        *,
        now_ns: Callable[[], int],
        settled: Settled = lambda _: None,
        fault: str | None = None,
    ) -> None:
        self.contacts = contacts
        self.key = key
        self.settings = settings
        self._now_ns = now_ns
        self._settled = settled
        self.fault = fault
        self._courier = None if key is None else Courier(key, settings)
        self._paged: OrderedDict[str, _Paged] = OrderedDict()
        self._going: set[asyncio.Task[None]] = set()
        self._tell: Tell | None = None

    def reaches(self, who: str) -> bool:
        """Return whether an account has a phone that may be pushed to."""
        return self.key is not None and bool(self.contacts.phones(who))

    async def send(self, page: Page) -> Handed:
        """Push a page to all phones of its person.

        Raises:
            ChannelError: No service took it.
        """
        phones = [] if page.who is None else self.contacts.phones(page.who)
        return await self.send_to(page, phones)

    async def send_to(self, page: Page, phones: list[Subscription]) -> Handed:
        """Push a page to some of them.

        Raises:
            ChannelError: No service took it.
        """
        ttl_s = (page.expires_ns - self._now_ns()) / 1e9
        if self._courier is None:
            raise ChannelError(f"no key: {self.fault}")
        if not phones:
            raise ChannelError("no phone")
        if ttl_s <= 0:
            raise ChannelError("its time is over")
        if len(self._going) + len(phones) > MAX_GOING:
            raise ChannelError("too many pushes on their way")
        topic = "test" if page.incident_id is None else page.incident_id.replace("-", "")[:32]
        waiting = {phone.id: self._start(self._push_page(phone, page, ttl_s, topic)) for phone in phones}
        if page.incident_id is not None:
            for phone in phones:
                self.remember(page.incident_id, phone.account)
            self._paged[page.incident_id].going.update(waiting)
        return await self._first_taken(set(waiting.values()), len(phones))

    @property
    def going(self) -> int:
        """How many pushes are on their way."""
        return len(self._going)

    def remember(self, incident_id: str, who: str) -> None:
        """Take note that somebody was paged, before a restart too, so that they are told who has the incident."""
        self._paged.setdefault(incident_id, _Paged()).who.add(who)
        if len(self._paged) > MAX_PAGED:
            self._paged.popitem(last=False)

    # What phones say

    def told(self, page: str, proof: str, who: str) -> bool:
        """Return whether a page came to this account, as its phone says."""
        return self.key is not None and self.key.proves(proof, page, who)

    def delivered(self, page: str, phone_id: str, who: str) -> None:
        """Take note that a page is shown at a phone."""
        for phone in self.contacts.phones(who):
            if phone.id == phone_id:
                self.contacts.confirmed(phone.endpoint, self._now_ns())
        self._report(Report(page, "delivered"))

    def cannot(self, page: str) -> None:
        """Take note that somebody cannot come."""
        self._report(Report(page, "answered", answer="cannot"))

    def accepted(self, page: str, incident_id: str, phone_id: str) -> None:
        """Take note that somebody accepted by a phone, which needs not be told."""
        paged = self._paged.get(incident_id)
        if paged is not None:
            paged.knows.add(phone_id)
        self._report(Report(page, "answered", answer="accept"))

    def _report(self, report: Report) -> None:
        if self._tell is not None:
            self._tell(report)

    # Its own work

    async def run(self, tell: Tell) -> None:
        """Keep the connections, and take alarms off the phones when somebody has the incident, for ever."""
        self._tell = tell
        try:
            if self._courier is not None:
                await self._courier.prepare()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep(), name="push-keep")
                while True:
                    self.look()
                    await asyncio.sleep(LOOK_S)
        finally:
            self._tell = None
            await self.close()

    async def close(self) -> None:
        """Give up what is on its way, and close the connections."""
        going = list(self._going)
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        if self._courier is not None:
            await self._courier.close()

    def look(self) -> None:
        """Tell the phones of paged incidents that somebody has them."""
        for incident_id, paged in list(self._paged.items()):
            officer = self._settled(incident_id)
            if officer is None:
                continue
            del self._paged[incident_id]
            for phone in [phone for who in sorted(paged.who) for phone in self.contacts.phones(who)]:
                if phone.id not in paged.knows and len(self._going) < MAX_GOING:
                    self._start(self._push_close(phone, incident_id, officer, paged.going.get(phone.id)))

    async def _keep(self) -> None:
        while self._courier is not None:
            await self._courier.keep(phone.endpoint for phone in self.contacts.all_phones())
            await asyncio.sleep(KEEP_S)

    async def _push_page(self, phone: Subscription, page: Page, ttl_s: float, topic: str) -> None:
        assert self.key is not None
        note = page_note(page, phone, self.key.proof(page.id, phone.account))
        await self._push(phone, note, ttl_s, "high", topic)

    async def _push_close(
        self, phone: Subscription, incident_id: str, officer: str, page: asyncio.Task[None] | None
    ) -> None:
        # A page that is still on its way may have come there already, and must not be the last that does.
        if page is not None:
            await asyncio.wait((page,))
        # Not in haste: who looks at the phone gets it at once, and nobody is woken for it.
        note = close_note(incident_id, phone, officer)
        with contextlib.suppress(ChannelError):
            await self._push(phone, note, CLOSE_S, "normal", incident_id.replace("-", "")[:32])

    async def _push(self, phone: Subscription, note: bytes, ttl_s: float, urgency: Urgency, topic: str) -> None:
        assert self._courier is not None
        try:
            await self._courier.push(phone, note, ttl_s=ttl_s, urgency=urgency, topic=topic)
        except ChannelError as error:
            if error.gone:
                _log.warning("a phone of %s is gone: %s", phone.account, error.detail)
                self.contacts.forget(phone.endpoint)
            raise
        self.contacts.worked(phone.endpoint, self._now_ns())

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="push-one")
        self._going.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._going.discard(task)
        # One that fails after another was taken is told by nobody else.
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("a push was not handed over: %s", error)

    async def _first_taken(self, waiting: set[asyncio.Task[None]], count: int) -> Handed:
        """Return when a service took one."""
        error: ChannelError | None = None
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if task.cancelled():
                        error = error or ChannelError("given up: the desk stops")
                        continue
                    fault = task.exception()
                    if fault is None:
                        return Handed(None if count == 1 else f"{count} phones")
                    if not isinstance(fault, ChannelError):
                        raise fault
                    # What is wrong with the service says more than that one of the phones is gone.
                    error = fault if error is None or error.gone else error
        except asyncio.CancelledError:
            for task in waiting:
                task.cancel()
            raise
        assert error is not None
        raise error
