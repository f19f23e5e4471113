"""Asks the store on behalf of all screens: one query for all who ask the same within a second, four at once at most.

What no screen asks by itself is a guest's question. One of those is at the store at a time, few wait, and when one gets
no answer that says nothing of the store: whoever asks for ten years again and again slows down nobody but himself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from store import Row, StoreError

FRESH_S: Final = 1.0
AT_ONCE: Final = 4
WAITING: Final = 256
"""Questions that may wait for their turn; who comes later is told so at once."""
WAITING_GUESTS: Final = 24
"""Of those, guests' questions."""
TIMEOUT_S: Final = 5.0
MAX_KEPT: Final = 1_024
MAX_KEPT_ROWS: Final = 400_000
"""Answers that are kept, and the rows of all of them together."""
TELL_EACH_S: Final = 60.0
"""Of a store that answers some questions and others not, at most one failure is told in so long."""
_NOT_MADE: Final = ("database not found", "retention policy not found")

_log = logging.getLogger("siaga.wall")


class NoAnswer(Exception):  # noqa: N818 - it is what the screens call it
    """The store gives no answer; the text is for people."""


class Asked(Protocol):
    """What of a store is needed here."""

    async def query(self, influxql: str) -> list[Row]:
        """Return the rows that answer an InfluxQL query."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Rows, and when the store was asked for them, in ms since 1970."""

    rows: list[Row]
    asked_ms: int


class Asking:
    """The store, behind a memory of one second.

    Args:
        store: The store.
        time_ms: The centre's clock, in ms since 1970.
        monotonic: The monotonic clock, in s.
        timeout_s: How long one question may take, its wait for a turn included.
    """

    def __init__(
        self,
        store: Asked,
        time_ms: Callable[[], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._store = store
        self._time_ms = time_ms
        self._monotonic = monotonic
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._guests_turn = asyncio.Semaphore(1)
        self._guests = 0
        self._kept: OrderedDict[str, tuple[float, Reply]] = OrderedDict()
        self._rows = 0
        self._under_way: dict[str, asyncio.Task[Reply]] = {}
        self.no_answer_since_ms: int | None = None
        """When the store stopped answering; None while it answers."""
        self._told = False
        self._told_at: float | None = None
        self.queries = 0
        """Questions that went to the store."""

    async def ask(self, influxql: str, *, guest: bool = False) -> Reply:
        """Return the store's rows, at most a second old.

        Args:
            influxql: The question.
            guest: Whether no screen of the wall asks it.

        Raises:
            NoAnswer: The store does not answer, refuses, or too many questions wait.
        """
        kept = self._kept.get(influxql)
        if kept is not None and self._monotonic() - kept[0] < FRESH_S:
            return kept[1]
        task = self._under_way.get(influxql)
        if task is None:
            if len(self._under_way) >= WAITING or (guest and self._guests >= WAITING_GUESTS):
                raise NoAnswer("too many questions wait for the store")
            self._guests += guest
            task = asyncio.create_task(self._query(influxql, guest=guest), name="wall-question")
            self._under_way[influxql] = task
            task.add_done_callback(lambda done: self._ended(influxql, done, guest=guest))
        # Who asked first may go away; the others still want the answer.
        return await asyncio.shield(task)

    async def _query(self, influxql: str, *, guest: bool) -> Reply:
        began = self._monotonic()
        first = self._guests_turn if guest else contextlib.nullcontext()
        try:
            async with asyncio.timeout(self._timeout_s), first, self._turns:
                asked_ms = self._time_ms()
                self.queries += 1
                rows = await self._store.query(influxql)
        except TimeoutError:
            raise self._failed(f"no answer within {self._timeout_s:g} s", guest=guest) from None
        except StoreError as error:
            raise self._failed(str(error), guest=guest) from None
        self.no_answer_since_ms = None
        if self._told:
            self._told = False
            _log.info("the store answers again")
        reply = Reply(rows, asked_ms)
        self._keep(influxql, began, reply)
        return reply

    def _failed(self, why: str, *, guest: bool) -> NoAnswer:
        if any(each in why for each in _NOT_MADE):
            why += "; next: siaga store init"
        if not guest:
            if self.no_answer_since_ms is None:
                self.no_answer_since_ms = self._time_ms()
            self._tell(why)
        return NoAnswer(why)

    def _tell(self, why: str) -> None:
        now = self._monotonic()
        if not self._told and (self._told_at is None or now - self._told_at >= TELL_EACH_S):
            self._told, self._told_at = True, now
            _log.warning("the store gives no answer: %s", why)

    def _keep(self, influxql: str, began: float, reply: Reply) -> None:
        before = self._kept.pop(influxql, None)
        self._rows += len(reply.rows) - (0 if before is None else len(before[1].rows))
        self._kept[influxql] = began, reply
        while self._kept and (len(self._kept) > MAX_KEPT or self._rows > MAX_KEPT_ROWS or self._is_old()):
            _, (_, dropped) = self._kept.popitem(last=False)
            self._rows -= len(dropped.rows)

    def _is_old(self) -> bool:
        began, _ = next(iter(self._kept.values()))
        return self._monotonic() - began > 10 * FRESH_S

    def _ended(self, influxql: str, task: asyncio.Task[Reply], *, guest: bool) -> None:
        self._under_way.pop(influxql, None)
        self._guests -= guest
        if not task.cancelled():
            task.exception()  # whoever waits has it; without this asyncio would tell it again
