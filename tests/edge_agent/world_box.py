"""The world's box: the pure lanes exactly as they are, a card that outlives the agent, and the uplink's calls between.

What `alarm_uplink.py` and `telemetry_uplink.py` do with tasks is done here with events, call for call. The claims that
hold at every step are checked here.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping

from contract.batch import MAX_RECEIPT_BYTES, TelemetryReceipt
from contract.identity import body_hash
from contract.messages import Lamps, Press, decode
from contract.topics import Lane
from edge_agent.alarm_lane import WINDOW_LEAST, AlarmLane, KeptPress, Send, decode_receipt
from edge_agent.clock import Clock
from edge_agent.drivers.base import Sample
from edge_agent.gatherer import BATCH_AGE_NS, HOLD_NS, Gatherer
from edge_agent.lamp import LampPanel
from edge_agent.telemetry_lane import (
    DISK_PAUSE_NS,
    KEEP_AFTER_NS,
    WINDOW,
    Command,
    ForgetBatches,
    KeepBatches,
    Key,
    LoadBatch,
    SendBatch,
    TelemetryLane,
)
from tests.edge_agent.world_card import Card, Life
from tests.edge_agent.world_centre import DEVICE, claim
from tests.edge_agent.world_net import MS, Broker, DownTopic, Loop, Outcome, S, Session

BUTTONS = ("sos", "gate")
RETRY_DISK_NS = 5 * S


class Box:
    """One life of the agent."""

    def __init__(
        self,
        loop: Loop,
        draw: random.Random,
        card: Card,
        life: Life,
        brokers: Mapping[Lane, Broker],
        seen: Counter[str],
    ) -> None:
        self._loop, self._draw, self._card, self.life, self._seen = loop, draw, card, life, seen
        self.alive = True
        self.dropped: Counter[str] = Counter()
        self.dropped_readings: set[int] = set()
        self.clock = Clock(life.wall_ns, self.now_ns)
        self.gatherer = Gatherer(self.clock, self.dropped)
        self.readings = TelemetryLane(
            DEVICE,
            life.stream,
            self.dropped,
            max_bytes=life.max_bytes,
            max_memory_bytes=life.max_memory_bytes,
            draw=draw,
        )
        self.presses = AlarmLane(life.boot, self.clock)
        self.panel = LampPanel(BUTTONS)
        self._uncommitted: dict[str, KeptPress] = {}
        self._unremoved: dict[str, None] = {}
        self._wake_ns: dict[str, int] = {}
        # The world's own notes, against which the lanes are held.
        self._gathered: dict[int, int] = {}
        self._added: dict[Key, int] = {}
        self._numbers = 0
        self._on_way: set[Key] = set()
        self._names: dict[str, Key] = {}
        self._receipted: set[Key] = set()
        self._failed_ns = -DISK_PAUSE_NS
        self._still_ns = -2 * 60 * S
        self._sent: dict[str, tuple[int, int]] = {}
        self._second: set[str] = set()
        self._presses_on_way: Counter[Lane] = Counter()
        self._full_ns: dict[Lane, int] = {"alarm": 0, "telemetry": 0}
        self._standing = False
        self._restored: list[Key] = []
        self._lamp_version = -1
        self.sessions: dict[Lane, Session] = {
            "alarm": Session(brokers["alarm"], self._heard, self._alarm_stood),
            "telemetry": Session(brokers["telemetry"], self._heard, self._telemetry_stood),
        }
        self._restore_presses()
        self._restore_batches()

    @property
    def now_ns(self) -> int:
        """The monotonic clock of this boot."""
        return self._loop.now_ns - self.life.booted_ns

    # --- inputs

    def sample(self, sensor: str, kind: str, number: int, time_ns: int | None, late_ns: int = 0) -> None:
        """A driver made a sample of what arrived `late_ns` ago."""
        moment_ns = max(0, self.now_ns - late_ns)
        if time_ns is not None:
            self.clock.tell("gnss", time_ns, moment_ns)
        before = self.dropped.total()
        self._gathered[number] = self.now_ns
        self.gatherer.add(sensor, Sample(kind, {"number": float(number)}, moment_ns, time_ns), self.now_ns)
        if self.dropped.total() > before:
            self.dropped_readings.add(number)
            del self._gathered[number]
        self.pump_readings()

    def press(self, kept: KeptPress) -> None:
        """As `AlarmUplink.press`."""
        self._take(kept)
        self.panel[kept.press.button].pressed(kept.press.event_id, kept.monotonic_ns)
        self._uncommitted[kept.press.event_id] = kept
        self._commit(kept)
        self.pump_presses()

    def kill(self) -> set[int]:
        """SIGKILL; return the readings lost with the memory, each young enough."""
        self.settle_accounts()
        self.alive = False
        keeping = self._card.telemetry.busy
        self._card.alarms.kill()
        self._card.telemetry.kill()
        for session in self.sessions.values():
            session.close()
        lost = set(self._gathered)
        for number, since_ns in self._gathered.items():
            claim(self.now_ns - since_ns <= HOLD_NS + BATCH_AGE_NS, f"reading {number} was held too long")
        excused = keeping or self.now_ns - self._failed_ns <= DISK_PAUSE_NS
        for key, added_ns in self._added.items():
            if key in self._card.batches or key in self._receipted or self._is_dropped(key):
                continue
            lost.update(self._card.readings_of[key])
            claim(excused or self.now_ns - added_ns <= KEEP_AFTER_NS, f"batch {key} was in memory only for too long")
        return lost

    def settle_accounts(self) -> None:
        """Name each reading the lane dropped, and hold that against its counters."""
        for key in [*self._added, *self._restored]:
            if key not in self._receipted and self._is_dropped(key):
                self.dropped_readings.update(self._card.readings_of[key])
        told = self.dropped.total()
        claim(len(self.dropped_readings) == told, f"{len(self.dropped_readings)} readings are gone, {told} counted")

    # --- the alarm lane

    def pump_presses(self) -> None:
        """As `AlarmUplink.run`, one turn."""
        if not self.alive:
            return
        for send in self.presses.due(self.now_ns):
            self._send_press(send)
        self._check_press_timing()
        self._wake("presses", self.presses.next_ns(), self.pump_presses)

    def _take(self, kept: KeptPress, *, restored: bool = False) -> None:
        self.presses.take(kept, self.now_ns, restored=restored)
        self._sent.setdefault(kept.press.event_id, (self.now_ns, -1))
        if self.now_ns >= self._still_ns + 120 * S:
            self._still_ns = self.now_ns

    def _send_press(self, send: Send) -> None:
        event_id, now_ns = send.event_id, self.now_ns
        last_ns, unanswered_ns = self._sent[event_id]
        unanswered_ns = now_ns if unanswered_ns < 0 else unanswered_ns
        if send.path == "telemetry":
            claim(now_ns - unanswered_ns >= 3 * S, "the second path was taken too early")
            self._seen["presses sent on the second path"] += 1
            self._second.add(event_id)
        else:
            waited_ns = now_ns - max(last_ns, self._full_ns["alarm"])
            claim(waited_ns <= 10 * S, f"press {event_id} was not sent for {waited_ns / S} s")
            self._sent[event_id] = (now_ns, unanswered_ns)
            self._second.discard(event_id)

        self._check_age(send)
        self._presses_on_way[send.path] += 1

        def done(outcome: Outcome) -> None:
            if outcome == "timeout":
                self.sessions[send.path].lose()
            self._note_full(send.path)
            self._presses_on_way[send.path] -= 1
            self.presses.answered(send, self.now_ns, acknowledged=outcome in ("acknowledged", "no subscriber"))
            self.pump_presses()

        self.sessions[send.path].publish("alarm", send.body, int(send.puback_timeout_s * S), done)

    def _note_full(self, path: Lane) -> None:
        """Presses beyond the window wait for a PUBACK to come, or to fail."""
        if self._presses_on_way[path] >= WINDOW_LEAST:
            self._full_ns[path] = self.now_ns

    def _check_age(self, send: Send) -> None:
        """Within a boot the age is the true one, whatever the clock says."""
        kept = next(kept for kept in self.presses.waiting() if kept.press.event_id == send.event_id)
        if kept.boot == self.life.boot:
            age_ms = decode(Press, send.body).age_ms
            claim(age_ms == (self.now_ns - kept.monotonic_ns) // MS, f"press {send.event_id} has the age {age_ms} ms")

    def _check_press_timing(self) -> None:
        """Each press sent at this moment that had no answer for 3 s went by both paths."""
        self._note_full("telemetry")
        full = self._full_ns["telemetry"] == self.now_ns
        for event_id, (last_ns, unanswered_ns) in self._sent.items():
            if last_ns == self.now_ns and 0 <= unanswered_ns <= last_ns - 3 * S and not full:
                claim(event_id in self._second, f"press {event_id} did not take the second path")

    def _commit(self, kept: KeptPress) -> None:
        event_id = kept.press.event_id
        if not self.alive or event_id not in self._uncommitted:
            return

        def job() -> None:
            self._card.presses.setdefault(event_id, kept)
            self._card.committed.add(event_id)

        def done(_: object, taken: bool) -> None:
            if taken:
                self._uncommitted.pop(event_id, None)
            else:
                self._loop.after(RETRY_DISK_NS, lambda: self._commit(kept))

        self._card.alarms.run(job, done)

    def _forget_press(self, event_id: str) -> None:
        self._unremoved[event_id] = None
        for unremoved in list(self._unremoved):

            def done(_: object, taken: bool, unremoved: str = unremoved) -> None:
                if taken:
                    self._unremoved.pop(unremoved, None)

            self._card.alarms.run(lambda unremoved=unremoved: self._card.presses.pop(unremoved, None), done)  # type: ignore[misc]

    def _restore_presses(self) -> None:
        def done(left: object, taken: bool) -> None:
            if not taken:
                self._loop.after(RETRY_DISK_NS, lambda: self._restore_presses() if self.alive else None)
                return
            assert isinstance(left, list)
            for kept in left:
                if kept.press.stream != self.life.stream:
                    self._seen["presses taken up from the card"] += 1
                    self._take(kept, restored=True)
                    self.panel[kept.press.button].pressed(kept.press.event_id, self.now_ns)
            self.pump_presses()

        self._card.alarms.run(lambda: list(self._card.presses.values()), done)

    # --- the telemetry lane

    def pump_readings(self) -> None:
        """As `TelemetryUplink.run`, one turn."""
        if not self.alive:
            return
        now_ns = self.now_ns
        for batch in self.gatherer.ready(now_ns):
            key = (self.life.stream, self._numbers)
            self._numbers += 1
            self._card.readings_of[key] = [int(reading["fields"]["number"]) for reading in batch]
            self._added[key] = now_ns
            for number in self._card.readings_of[key]:
                del self._gathered[number]
            self.readings.add(batch, now_ns)
        until_ns = self.presses.telemetry_stands_still_until_ns()
        sending = self.sessions["telemetry"].connected and (until_ns is None or until_ns <= now_ns)
        self._check_standstill(until_ns)
        for command in self.readings.due(now_ns, sending=sending):
            self._carry_out(command)
        claim(len(self._on_way) <= WINDOW, f"{len(self._on_way)} batches are on the way")
        self.check_books()
        moments = (
            self.gatherer.next_ns(),
            self.readings.next_ns(now_ns, sending=sending),
            until_ns if until_ns is not None and until_ns > now_ns else None,
        )
        self._wake(
            "readings", min((moment for moment in moments if moment is not None), default=None), self.pump_readings
        )

    def check_books(self) -> None:
        """Claim that produced = receipted + waiting + dropped, and that the lane waits for what the world knows of."""
        produced = self.gatherer.produced + self.readings.restored
        waiting = self.gatherer.waiting + self.readings.waiting
        known = self.readings.receipted + waiting + self.dropped.total()
        claim(produced == known, f"books: {produced} produced, {known} accounted for")
        claim(
            self.presses.produced == self.presses.receipted + len(self.presses), "the books of presses do not balance"
        )

    def _check_standstill(self, until_ns: int | None) -> None:
        standing = bool(self._sent) and self._still_ns <= self.now_ns < self._still_ns + 60 * S
        claim(standing == (until_ns is not None and until_ns > self.now_ns), "telemetry stands still against the rule")
        self._standing = standing

    def _carry_out(self, command: Command) -> None:
        card = self._card
        match command:
            case SendBatch(key, body):
                claim(not self._standing, "a batch was sent while a press had precedence")
                self._on_way.add(key)
                self._names[body_hash(body)] = key
                self.sessions["telemetry"].publish(
                    "telemetry", body, 5 * S, lambda outcome: self._sent_batch(key, outcome)
                )
            case KeepBatches(batches):
                keys = tuple(key for key, _, _ in batches)

                def keep() -> None:
                    card.batches.update({key: (readings, body) for key, readings, body in batches})

                def kept(_: object, taken: bool) -> None:
                    self._card_answered(taken)
                    self.readings.kept(keys, stored=taken)
                    self.pump_readings()

                self._seen["batches written to the card"] += len(batches)
                card.telemetry.run(keep, kept)
            case LoadBatch(key):

                def loaded(body: object, taken: bool) -> None:
                    self._card_answered(taken)
                    if taken:
                        assert body is None or isinstance(body, bytes)
                        self.readings.loaded(key, body)
                    else:
                        self.readings.not_loaded(key)
                    self.pump_readings()

                card.telemetry.run(lambda: card.batches[key][1] if key in card.batches else None, loaded)
            case ForgetBatches(keys):

                def forgotten(_: object, taken: bool) -> None:
                    self._card_answered(taken)
                    if not taken:
                        self.readings.not_forgotten(keys)
                    self.pump_readings()

                card.telemetry.run(lambda: [card.batches.pop(key, None) for key in keys], forgotten)

    def _card_answered(self, taken: bool) -> None:
        if not taken:
            self._failed_ns = self.now_ns
            self.readings.disk_failed(self.now_ns)

    def _sent_batch(self, key: Key, outcome: Outcome) -> None:
        if outcome == "not connected":
            self.readings.not_sent(key)
            self._on_way.discard(key)
        elif outcome == "no subscriber":
            self.readings.unheard(key, self.now_ns)
            self.pump_readings()

    def _restore_batches(self) -> None:
        def done(left: object, taken: bool) -> None:
            if not taken:
                self._loop.after(RETRY_DISK_NS, lambda: self._restore_batches() if self.alive else None)
                return
            assert isinstance(left, list)
            for key, readings, size in left:
                if key[0] != self.life.stream:
                    self._restored.append(key)
                    self.readings.restore(key, readings, size, self.now_ns)
            self._seen["batches taken up from the card"] += len(self._restored)
            self.pump_readings()

        self._card.telemetry.run(
            lambda: [(key, readings, len(body)) for key, (readings, body) in self._card.batches.items()], done
        )

    # --- what is heard

    def _alarm_stood(self) -> None:
        self.presses.connected(self.now_ns)
        self.pump_presses()

    def _telemetry_stood(self) -> None:
        self.presses.connected(self.now_ns)
        self.readings.connected(self.now_ns)
        self.pump_presses()
        self.pump_readings()

    def _heard(self, topic: DownTopic, body: bytes) -> None:
        if topic == "alarm receipt":
            self._heard_press_receipt(body)
        elif topic == "telemetry receipt":
            self._heard_batch_receipt(decode(TelemetryReceipt, body, max_bytes=MAX_RECEIPT_BYTES))
        else:
            self._heard_lamps(decode(Lamps, body))
        self.pump_readings()

    def _heard_press_receipt(self, body: bytes) -> None:
        receipt = decode_receipt(body, DEVICE)
        assert receipt is not None
        assert receipt.event_id is not None
        outcome = self.presses.receipt(receipt)
        if outcome is None:
            claim(receipt.event_id not in self._sent, "a receipt of a press that waits was not taken")
            return
        event_id, verdict = outcome
        claim((verdict == "forget") == (receipt.stage == "stored"), f"press {event_id}: {verdict} on {receipt.stage}")
        self.panel.receipted(event_id)
        if verdict == "forget":
            del self._sent[event_id]
            self._uncommitted.pop(event_id, None)
            self._forget_press(event_id)
        else:
            self._sent[event_id] = (self._sent[event_id][0], -1)

    def _heard_batch_receipt(self, receipt: TelemetryReceipt) -> None:
        named = [(span.stream, number) for span in receipt.ranges for number in range(span.first, span.last + 1)]
        waiting = {key for key in named if not self._is_dropped(key)}
        waiting |= {key for name in receipt.bodies if (key := self._names.get(name)) and not self._is_dropped(key)}
        self.readings.receipt(receipt, self.now_ns)
        gone = {key for key in waiting if self._is_dropped(key)}
        claim(gone.issuperset(key for key in named if key in waiting), "a batch was receipted and still waits")
        self._receipted |= gone
        self._on_way -= gone

    def _heard_lamps(self, told: Lamps) -> None:
        before = [self.panel[button].pattern(self.now_ns)[0] for button in BUTTONS]
        self.panel.told(told)
        if told.version <= self._lamp_version:
            self._seen["old lamp messages"] += 1
            after = [self.panel[button].pattern(self.now_ns)[0] for button in BUTTONS]
            claim(before == after, "an older lamp message changed a lamp")
        self._lamp_version = max(self._lamp_version, told.version)
        self.clock.tell("centre", told.centre_time_ns, self.now_ns)

    def _is_dropped(self, key: Key) -> bool:
        # The lane tells counts only; which batch they are about is in its places.
        return self.readings._find(key) is None

    def _wake(self, name: str, moment_ns: int | None, pump: Callable[[], None]) -> None:
        # `wait_until` returns at once for a moment that has passed: a lane that names one makes the agent spin.
        claim(moment_ns is None or moment_ns > self.now_ns, f"the lane of {name} asks for a moment that has passed")
        scheduled_ns = self._wake_ns.get(name)
        if moment_ns is None or (scheduled_ns is not None and self.now_ns < scheduled_ns <= moment_ns):
            return
        self._wake_ns[name] = moment_ns

        def woken() -> None:
            if self.alive and self._wake_ns.get(name) == moment_ns:
                del self._wake_ns[name]
                pump()

        self._loop.after(moment_ns - self.now_ns, woken)
