"""The alarm lane at work: commits, sends and forgets presses as the pure lane decides, and tells it what happened."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from contract import topics
from edge_agent.alarm_lane import AlarmLane, KeptPress, Send, decode_receipt
from edge_agent.hops import Hops
from edge_agent.lamp import LampPanel
from edge_agent.outbox.alarms import AlarmOutbox
from edge_agent.outbox.writer import OutboxError
from edge_agent.waiting import Signal, wait_until
from edge_agent.workers import Workers
from link import NotConnectedError, PublishRefusedError, PublishTimeoutError, Session

_log = logging.getLogger("siaga.edge.uplink")

RETRY_DISK_S: Final = 5.0
_MOST_UNREMOVED: Final = 1_000


class AlarmUplink:
    """Sends presses and hears their receipts.

    Args:
        device: The device's name.
        sessions: Both lanes' sessions.
        workers: Where its work runs.
        panel: The lamps.
        lamps_changed: Woken when a lamp is to show something else.
        outbox: The outbox of presses, started.
        lane: The alarm lane.
        on_settled: Called when a press has its receipt: telemetry may go on.
    """

    def __init__(
        self,
        device: str,
        sessions: Mapping[topics.Lane, Session],
        workers: Workers,
        *,
        panel: LampPanel,
        lamps_changed: Signal,
        outbox: AlarmOutbox,
        lane: AlarmLane,
        on_settled: Callable[[], None],
    ) -> None:
        self._device = device
        self._sessions = sessions
        self._workers = workers
        self._panel = panel
        self._lamps_changed = lamps_changed
        self._outbox = outbox
        self._lane = lane
        self._on_settled = on_settled
        self._uncommitted: dict[str, KeptPress] = {}
        self._down: dict[str, str] = {}
        self._releasing: set[str] = set()
        self._unremoved: dict[str, None] = {}
        self._removing = False
        self._set_aside = 0
        self._wake = asyncio.Event()
        self.hops = Hops()
        self.stored: Callable[[KeptPress], None] = lambda kept: None
        """Hears of each press that is safe: on the card, or with the desk."""
        self.receipt_ns: int | None = None

    @property
    def overdue_s(self) -> float:
        """How long ago something should have been sent, in seconds: more than an instant only when `run` hangs."""
        next_ns = self._lane.next_ns()
        return 0.0 if next_ns is None else max(0.0, (time.monotonic_ns() - next_ns) / 1e9)

    @property
    def in_memory(self) -> bool:
        """Whether a press is on no card, and would end with this process."""
        return bool(self._uncommitted)

    async def run(self) -> None:
        """Send what is due until cancelled."""
        while True:
            self._wake.clear()
            self._send_due(time.monotonic_ns())
            await wait_until(self._wake, self._lane.next_ns())

    def connected(self) -> None:
        """A new connection stands on either session."""
        self._lane.connected(time.monotonic_ns())
        self._wake.set()

    def press(self, kept: KeptPress) -> None:
        """Take a press: commit it and send it, both at this moment."""
        now_ns = time.monotonic_ns()
        self._lane.take(kept, now_ns)
        if kept.press.button in self._panel:
            self._panel[kept.press.button].pressed(kept.press.event_id, kept.monotonic_ns)
        self._uncommitted[kept.press.event_id] = kept
        if kept.press.cause == "press":
            self._down[kept.press.button] = kept.press.event_id
        elif kept.press.cause == "synthetic":
            self.hops.follow(kept.press.event_id, kept.monotonic_ns)
        self._workers.spawn(self._commit(kept), "commit-press")
        self._send_due(now_ns)
        self._wake.set()
        self._lamps_changed.wake()

    def restored(self, presses: list[KeptPress]) -> None:
        """Take presses that an earlier run left on the card, oldest first."""
        now_ns = time.monotonic_ns()
        for kept in presses:
            self._lane.take(kept, now_ns, restored=True)
            if kept.press.button in self._panel:
                self._panel[kept.press.button].pressed(kept.press.event_id, now_ns)
        self._mind_new_file()
        self._wake.set()
        self._lamps_changed.wake()

    def released(self, button: str) -> None:
        """A button was let go: the outbox need not remember that it is held."""
        self._down.pop(button, None)
        self._workers.spawn(self._forget_held(button), "button-released")

    def board_forgot(self, port: str) -> None:
        """A board counts its presses anew: what the card has of its numbers means nothing any more."""
        self._workers.spawn(self._forget_board(port), "forget-board")

    async def keep_all(self) -> None:
        """The agent stops: every press that the card does not have yet goes there."""
        self._miss_what_was_set_aside()
        for kept in list(self._uncommitted.values()):
            try:
                await self._outbox.add(kept, held=self._held(kept))
            except OutboxError as error:
                _log.error("press %s is lost with this process: %s", kept.press.event_id, error)

    def hear_receipt(self, body: bytes) -> None:
        """Take a receipt of the desk."""
        receipt = decode_receipt(body, self._device)
        if receipt is None:
            self._workers.faults["garbled receipt"] += 1
            return
        outcome = self._lane.receipt(receipt)
        if outcome is None:
            return
        event_id, verdict = outcome
        self.receipt_ns = time.monotonic_ns()
        self.hops.note(event_id, receipt.stage, self.receipt_ns)
        self._panel.receipted(event_id)
        self._lamps_changed.wake()
        if verdict == "forget":
            if (kept := self._uncommitted.pop(event_id, None)) is not None:
                self.stored(kept)
            self._workers.spawn(self._forget_press(event_id), "forget-press")
            self._on_settled()

    async def _forget_press(self, event_id: str) -> None:
        # What cannot be deleted now is deleted with the next one; after a restart the desk absorbs it.
        self._unremoved[event_id] = None
        while len(self._unremoved) > _MOST_UNREMOVED:
            del self._unremoved[next(iter(self._unremoved))]
        if self._removing:
            return
        # One commit at a time: a press must not wait for the card behind a hundred receipts.
        self._removing = True
        try:
            while unremoved := list(self._unremoved):
                await self._outbox.remove(*unremoved)
                for removed in unremoved:
                    self._unremoved.pop(removed, None)
        except OutboxError as error:
            self._workers.disk_fault(error)
        finally:
            self._removing = False
        self._mind_new_file()

    async def _forget_board(self, port: str) -> None:
        try:
            await self._outbox.forget_board(port)
        except OutboxError as error:
            self._workers.disk_fault(error)

    async def _forget_held(self, button: str) -> None:
        if button in self._releasing:
            return
        self._releasing.add(button)
        try:
            # While the file calls it held, a restart would take the next press for the last one.
            while button not in self._down:
                try:
                    await self._outbox.released(button)
                except OutboxError as error:
                    self._workers.disk_fault(error)
                    await asyncio.sleep(RETRY_DISK_S)
                else:
                    self._mind_new_file()
                    return
        finally:
            self._releasing.discard(button)

    async def _commit(self, kept: KeptPress) -> None:
        # A receipt may come between two attempts; what it let us forget must not be written after its deletion.
        while kept.press.event_id in self._uncommitted:
            try:
                await self._outbox.add(kept, held=self._held(kept))
            except OutboxError as error:
                self._workers.faults["press not on the card"] += 1
                _log.error("press %s goes out from memory only: %s", kept.press.event_id, error)
                await asyncio.sleep(RETRY_DISK_S)
            else:
                self._uncommitted.pop(kept.press.event_id, None)
                self.stored(kept)
                self._hop(kept.press.event_id, "card")
        self._mind_new_file()

    def _held(self, kept: KeptPress) -> bool:
        return self._down.get(kept.press.button) == kept.press.event_id

    def _mind_new_file(self) -> None:
        """Commit all presses again when a damaged file was set aside: the new one does not have them."""
        for kept in self._miss_what_was_set_aside():
            self._workers.spawn(self._commit(kept), "commit-press")

    def _miss_what_was_set_aside(self) -> list[KeptPress]:
        """Return the presses that went with a file that was set aside; they are uncommitted from now on."""
        if self._outbox.writer.set_aside == self._set_aside:
            return []
        self._set_aside = self._outbox.writer.set_aside
        self._workers.faults["outbox of presses set aside"] = self._set_aside
        missed = [kept for kept in self._lane.waiting() if kept.press.event_id not in self._uncommitted]
        self._uncommitted |= {kept.press.event_id: kept for kept in missed}
        return missed

    def _send_due(self, now_ns: int) -> None:
        for send in self._lane.due(now_ns):
            self._hop(send.event_id, f"sent {send.path}")
            self._workers.spawn(self._send_press(send), f"send-press-{send.path}")

    async def _send_press(self, send: Send) -> None:
        session = self._sessions[send.path]
        # On a slow link a PUBACK is late without anything being dead, and a new connection costs it a handshake.
        timeout_s = max(send.puback_timeout_s, session.pace_s)
        acknowledged = False
        try:
            await session.publish(topics.alarm(self._device), send.body, timeout_s=timeout_s)
            acknowledged = True
            self._hop(send.event_id, f"broker {send.path}")
        except NotConnectedError:
            pass  # it goes out again on the next connection
        except PublishTimeoutError:
            self._hop(send.event_id, f"no answer {send.path}")
            self._workers.faults[f"no PUBACK on {send.path}"] += 1
            # Else it is not dead, but slow; or it has ended, and is made new by itself, in its own time.
            if session.connected and session.silent_s >= timeout_s:
                session.renew()
        except PublishRefusedError as error:
            acknowledged = True
            self._hop(send.event_id, f"no answer {send.path}")
            self._workers.refused("press", error)
        finally:
            self._lane.answered(send, time.monotonic_ns(), acknowledged=acknowledged)
            self._wake.set()

    def _hop(self, event_id: str, hop: str) -> None:
        self.hops.note(event_id, hop, time.monotonic_ns())
