"""Test presses at the desk: hears them beside the board, answers them, asks for them and judges what became of each.

Rules:
- An alarm is a test press when its body is whole, its cause `synthetic` and its status `Test`. It never comes to the
  board: no officer sees it, nobody is paged, no lamp but the box's own shows it. Whatever is torn or contradicts itself
  rings as every alarm.
- `stored` is told after the commit to `synthetic.db`; a press that was made at the box is told `ringing` before.
- One test at a time. A box that is not there, or that has an incident, is left out: its lamp says something else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

from sqlalchemy.exc import SQLAlchemyError

from contract import topics
from contract.messages import AlarmReceipt, PathTests, encode
from contract.topics import Lane
from duty_desk.commander import Commander
from duty_desk.errors import NotCommandedError
from duty_desk.incidents.clock import Now
from duty_desk.incidents.intake import Alarm
from duty_desk.synthetic.book import Book
from duty_desk.synthetic.judge import Judge, Place, Turns
from duty_desk.synthetic.summary import Summary, summarize
from duty_desk.synthetic.trial import HOLD_NS, LIMIT_NS, By, Press, Result, Trial
from duty_desk.web.view import Places

_log = logging.getLogger("siaga.desk.synthetic")

MAX_PRESSES: Final = 10_000
"""Test presses whose repeats are known, the latest."""
COUNT_S: Final = 60.0
SOON_S: Final = 1.0
"""Before a second opinion, in s: a box takes no two tests within 10 s of each other."""


class Outlet(Protocol):
    """What takes messages to both brokers; it must not block."""

    def send(self, topic: str, body: bytes) -> None:
        """Send a message soon."""

    def lamps(self, device: str) -> None:
        """Send the lamps of a device soon."""


def is_test(alarm: Alarm) -> bool:
    """Return whether an alarm is a test press, beyond doubt."""
    return not alarm.incomplete and alarm.cause == "synthetic" and alarm.status == "Test"


class Synthetic:
    """Test presses.

    Args:
        places: The inventory.
        outlet: Takes messages to the brokers.
        commander: Commands boxes.
        now_ns: The centre's clock.
        monotonic_ns: The monotonic clock.
        busy: Tells which boxes cannot be tested now.
        links: Tells whether the desk's connections stand.
    """

    def __init__(
        self,
        places: Places,
        outlet: Outlet,
        commander: Commander,
        *,
        now_ns: Now,
        monotonic_ns: Callable[[], int],
        busy: Callable[[], frozenset[str]],
        links: Callable[[], Mapping[Lane, bool]],
    ) -> None:
        self.judge = Judge()
        self.book: Book | None = None
        """Where they are kept; None: nowhere, so that none has a receipt."""
        self.limit_ns, self.hold_ns = LIMIT_NS, HOLD_NS
        self.soon_s = SOON_S
        self.counted: Summary | None = None
        """The last count."""
        self._outlet = outlet
        self._commander = commander
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self._busy = busy
        self._links = links
        self._turns = Turns((device, button) for device in places.devices() for button in places.buttons(device))
        self._presses: OrderedDict[tuple[str, str], Press] = OrderedDict()
        self._trial: Trial | None = None
        self._one = asyncio.Lock()

    @property
    def faults(self) -> dict[Lane | Literal["synthetic"], str]:
        """What is broken at the centre, in words: of a broker under its lane, of anything else under `synthetic`."""
        faults: dict[Lane | Literal["synthetic"], str] = {}
        for broken in self.judge.broken:
            if broken.hop == "alarm" or broken.hop == "telemetry":
                faults[broken.hop] = f"no test press comes by the {broken.hop} broker; see /synthetic"
            else:
                faults.setdefault("synthetic", f"test presses end at the hop {broken.hop}; see /synthetic")
        return faults

    def told(self) -> PathTests | None:
        """Return what the heartbeat tells of the last day, as of the last count; None where there were no tests."""
        counted = self.counted
        if counted is None or not counted.shares[0].tests:
            return None
        return PathTests(
            tests=counted.shares[0].tests,
            in_time=counted.shares[0].in_time,
            p99_ms=next(one.p99_ms for one in counted.hops if one.hop == "alarm"),
            broken=[broken.hop for broken in self.judge.broken],
            hops_p99_ms={one.hop: one.p99_ms for one in counted.hops if one.p99_ms is not None},
            budget_left=counted.shares[-1].budget_left,
        )

    async def count(self) -> None:
        """Count the last day, each minute, for ever; what cannot be read is told by `Book.fault` and the page."""
        while True:
            with contextlib.suppress(SQLAlchemyError, OSError):
                self.counted = await asyncio.to_thread(self._count)
            await asyncio.sleep(COUNT_S)

    def _count(self) -> Summary | None:
        if self.book is None:
            return None
        with self.book.engine().connect() as connection:
            return summarize(connection, self._now_ns())

    # From the brokers and the disk

    def hear(self, alarm: Alarm, lane: Lane) -> None:
        """Take a test press, or a repeat of one."""
        assert alarm.event_id is not None
        now_ns = self._monotonic_ns()
        press = self._presses.get((alarm.device, alarm.event_id))
        if press is None:
            press = self._new(alarm, now_ns)
        press.came(lane, now_ns)
        if press.receipt_ns is not None or press.due(now_ns):
            self._receipt(press, now_ns)

    def kept(self, presses: list[tuple[str, str]]) -> None:
        """Take note that presses are on the disk."""
        now_ns = self._monotonic_ns()
        for known in presses:
            press = self._presses.get(known)
            if press is not None and press.stored_ns is None:
                press.stored_ns = now_ns
                if press.due(now_ns):
                    self._receipt(press, now_ns)

    # Tests

    async def run(self, each_s: float) -> None:
        """Ask for a test each so many seconds, for ever; for a second opinion at once."""
        while True:
            began_ns = self._monotonic_ns()
            result = await self.turn()
            spent_s = (self._monotonic_ns() - began_ns) / 1e9
            # A box that was only just tested is passed over, but not all of them in one breath.
            soon = result is not None and (self.judge.again or not result.counted)
            await asyncio.sleep(self.soon_s if soon else max(self.soon_s, each_s - spent_s))

    async def turn(self) -> Result | None:
        """Test the box whose turn it is; return what became of it, or None when none can be tested."""
        place = self._turns.next(self._busy(), self.judge.again)
        return None if place is None else await self.test(place, "schedule")

    async def test(self, place: Place, by: By) -> Result:
        """Test a button of a box, once the test under way is over, and judge it; it takes `limit_ns`."""
        async with self._one:
            result = await self._test(place, by)
        self.judge.take(result, self._links(), alone=self._turns.count(self._busy()) <= 1)
        if result.missing:
            _log.warning("test press of %s/%s: no %s; %s", *place, ", ".join(result.missing), result.detail or "")
        if self.book is not None:
            self.book.add(result)
        return result

    async def _test(self, place: Place, by: By) -> Result:
        device, button = place
        command = self._commander.make("synthetic_press", device, button=button)
        trial = Trial(command.id, device, button, by, self._now_ns(), self._monotonic_ns())
        self._trial = trial
        try:
            with contextlib.suppress(NotCommandedError):
                reply = await self._commander.ask(command)
                trial.answered(reply, self._monotonic_ns())
                if reply.outcome == "done" and reply.detail is not None:
                    self._claim(trial, reply.detail)
                elif reply.outcome != "done":
                    return trial.result()
            await self._until(trial.sent_ns + self.hold_ns)
            self._let_go(trial.press)
            await self._until(trial.sent_ns + self.limit_ns)
            return trial.result()
        finally:
            self._trial = None
            self._let_go(trial.press)

    def _let_go(self, press: Press | None) -> None:
        """Let a press have its receipt, whichever lane it did not come by."""
        if press is None or press.held_ns is None:
            return
        press.held_ns = None
        if press.receipt_ns is None and press.due(self._monotonic_ns()):
            self._receipt(press, self._monotonic_ns())

    async def _until(self, at_ns: int) -> None:
        await asyncio.sleep(max(0.0, (at_ns - self._monotonic_ns()) / 1e9))

    def _claim(self, trial: Trial, event_id: str) -> None:
        """The box told which press it made: it counts, whatever else came from that box meanwhile."""
        if trial.press is not None and trial.press.event_id != event_id:
            trial.press.by = "box"
            self._let_go(trial.press)
            trial.press = None
        trial.event_id = event_id
        if trial.press is None and (press := self._presses.get((trial.device, event_id))) is not None:
            press.by = trial.by
            trial.press = press

    def _new(self, alarm: Alarm, now_ns: int) -> Press:
        assert alarm.event_id is not None
        press = Press(alarm.device, alarm.button, alarm.event_id, self._now_ns())
        trial = self._trial
        if trial is not None and trial.is_its(alarm.device, alarm.event_id, alarm.age_ms, now_ns):
            press.by, press.held_ns = trial.by, trial.sent_ns + self.hold_ns
            trial.press = press
        self._presses[alarm.device, alarm.event_id] = press
        while len(self._presses) > MAX_PRESSES:
            self._presses.popitem(last=False)
        if self.book is not None:
            self.book.add(
                Result(
                    id=alarm.event_id,
                    device=press.device,
                    button=press.button,
                    by=press.by,
                    at_ns=press.at_ns,
                    outcome="arrived",
                    event_id=alarm.event_id,
                )
            )
        if press.held_ns is None:
            self._tell(press, "ringing")
        return press

    def _receipt(self, press: Press, now_ns: int) -> None:
        if press.receipt_ns is None:
            press.receipt_ns = now_ns
        self._tell(press, "stored")
        # Its lamp waits for the desk's word, which is that nothing is open.
        self._outlet.lamps(press.device)

    def _tell(self, press: Press, stage: Literal["ringing", "stored"]) -> None:
        receipt = AlarmReceipt(device=press.device, stage=stage, event_id=press.event_id)
        self._outlet.send(topics.alarm_receipt(press.device), encode(receipt))
