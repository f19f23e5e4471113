"""Calls people about a fault of duty: by each channel that reaches them, at once, each in a task of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from contract.identity import new_event_id
from duty_desk.channels.channel import SEND_S, Channel, ChannelError, Page
from duty_desk.duty.duty import Duty
from duty_desk.duty.faults import Fault
from duty_desk.duty.words import Language, say
from duty_desk.incidents.clock import Now
from duty_desk.incidents.entries import PageEntry, PageOutcome
from duty_desk.incidents.records import Aside, Record

MAX_CALLS: Final = 200
"""On their way at once; what is beyond that is not sent: so many people have been called."""
EXPIRES_NS: Final = 30 * 60 * 10**9

_log = logging.getLogger("siaga.desk.duty")


class Calls:
    """The calls on their way.

    Args:
        channels: All channels, by name.
        display: Returns the name of an account as people see it.
        note: Takes what is to be recorded.
        now_ns: The centre's clock.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        display: Callable[[str], str],
        note: Callable[[Record], None],
        now_ns: Now,
    ) -> None:
        self.channels = channels
        self._display = display
        self._note = note
        self._now_ns = now_ns
        self._tasks: set[asyncio.Task[None]] = set()

    def ways(self, who: str) -> tuple[str, ...] | None:
        """Return the channels that have an address of an account; None where none goes to people at all."""
        personal = [channel for channel in self.channels.values() if channel.personal]
        return tuple(channel.name for channel in personal if channel.reaches(who)) if personal else None

    def about(self, fault: Fault, duty: Duty, language: Language) -> None:
        """Call whom a fault concerns: all on duty where a press may reach nobody, else the supervisors."""
        now_ns = self._now_ns()
        people = duty.supervisors(now_ns)
        if fault.kind in ("nobody", "consoles"):
            people = (*duty.officers(now_ns), *people)
        what = say(language, f"call_{fault.kind}", who=self._display(fault.who), detail=fault.detail)
        self.call(people, say(language, "call", what=what), say(language, "call_text"))

    def call(self, people: Iterable[str], title: str, text: str) -> None:
        """Send a message to people, by all their channels."""
        for who in dict.fromkeys(people):
            for name in self.ways(who) or ():
                if len(self._tasks) >= MAX_CALLS:
                    _log.error("not called, as too many are being called: %s", title)
                    return
                page = Page(
                    id=new_event_id(),
                    who=who,
                    display=self._display(who),
                    status="Actual",
                    title=title[:60],
                    text=text[:400],
                    incident_id=None,
                    path="/duty",
                    expires_ns=self._now_ns() + EXPIRES_NS,
                )
                task = asyncio.create_task(self._send(name, page), name=f"desk-call-{name}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _send(self, name: str, page: Page) -> None:
        began = time.monotonic()
        outcome: PageOutcome = "failed"
        detail: str | None = f"no answer within {SEND_S:g} s"
        try:
            async with asyncio.timeout(SEND_S):
                detail = (await self.channels[name].send(page)).detail
            outcome = "handed"
        except TimeoutError:
            pass
        except ChannelError as error:
            detail = error.detail
        except Exception as error:  # noqa: BLE001 - whatever a channel did not foresee must not keep the others from being used
            _log.exception("channel %s failed", name)
            detail = type(error).__name__
        assert page.who is not None
        aside = Aside.of(page.who)
        entry = PageEntry(
            at_ns=self._now_ns(),
            page=page.id,
            channel=name,
            outcome=outcome,
            who=aside.hash,
            took_ms=round((time.monotonic() - began) * 1_000),
            detail=None if detail is None else detail[:120],
        )
        self._note(Record(entry, {"who": aside}))
