"""The world's box: the pure lanes exactly as they are, a card that outlives the agent, and the uplink's calls between.

What `alarm_uplink.py` does with tasks is done here with events, call for call (`telemetry_uplink.py`:
`world_readings.py`). The claims that hold at every step are checked there and here.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping

from contract.messages import Lamps, Press, decode
from contract.topics import Lane
from edge_agent.alarm_lane import WINDOW_LEAST, AlarmLane, KeptPress, Send, decode_receipt
from edge_agent.clock import Clock
from edge_agent.drivers.base import Sample
from edge_agent.gatherer import Gatherer
from edge_agent.lamp import LampPanel
from edge_agent.telemetry_lane import TelemetryLane
from tests.edge_agent.world_card import Card, Life, Verdict
from tests.edge_agent.world_centre import DEVICE, claim
from tests.edge_agent.world_net import MS, Broker, DownTopic, Loop, Outcome, S, Session
from tests.edge_agent.world_readings import RETRY_DISK_NS, Readings

BUTTONS = ("sos", "gate")


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
        self.clock = Clock(life.wall_ns, self.now_ns)
        self.presses = AlarmLane(life.boot, self.clock)
        self.panel = LampPanel(BUTTONS)
        self._uncommitted: dict[str, KeptPress] = {}
        self._unremoved: dict[str, None] = {}
        self._wake_ns: dict[str, int] = {}
        # The world's own notes, against which the alarm lane is held.
        self._still_ns = -2 * 60 * S
        self._sent: dict[str, tuple[int, int]] = {}
        self._second: set[str] = set()
        self._presses_on_way: Counter[Lane] = Counter()
        self._full_ns: dict[Lane, int] = {"alarm": 0, "telemetry": 0}
        self._lamp_version = -1
        self.sessions: dict[Lane, Session] = {
            "alarm": Session(brokers["alarm"], self._heard, self._alarm_stood),
            "telemetry": Session(brokers["telemetry"], self._heard, self._telemetry_stood),
        }
        self._restore_presses()
        self.readings_side = Readings(
            loop,
            draw,
            card,
            life,
            self.clock,
            self.sessions["telemetry"],
            still_until_ns=self.presses.telemetry_stands_still_until_ns,
            still=self._check_standstill,
            wake=lambda moment_ns: self._wake("readings", moment_ns, self.pump_readings),
            seen=seen,
        )

    @property
    def now_ns(self) -> int:
        """The monotonic clock of this boot."""
        return self._loop.now_ns - self.life.booted_ns

    @property
    def gatherer(self) -> Gatherer:
        """The gatherer."""
        return self.readings_side.gatherer

    @property
    def readings(self) -> TelemetryLane:
        """The telemetry lane."""
        return self.readings_side.lane

    @property
    def dropped(self) -> Counter[str]:
        """Readings dropped, by reason."""
        return self.readings_side.dropped

    @property
    def dropped_readings(self) -> set[int]:
        """Their numbers, as far as `settle_accounts` has named them."""
        return self.readings_side.dropped_readings

    # --- inputs

    def sample(self, sensor: str, kind: str, number: int, time_ns: int | None, late_ns: int = 0) -> None:
        """A driver made a sample of what arrived `late_ns` ago."""
        moment_ns = max(0, self.now_ns - late_ns)
        if time_ns is not None:
            self.clock.tell("gnss", time_ns, moment_ns)
        self.readings_side.sample(sensor, Sample(kind, {"number": float(number)}, moment_ns, time_ns), number)

    def press(self, kept: KeptPress) -> None:
        """As `AlarmUplink.press`."""
        self._take(kept)
        self.panel[kept.press.button].pressed(kept.press.event_id, kept.monotonic_ns)
        self._uncommitted[kept.press.event_id] = kept
        self._commit(kept)
        self.pump_presses()

    def kill(self) -> set[int]:
        """SIGKILL; return the readings lost with the memory, each young enough."""
        self.alive = False
        self._card.alarms.kill()
        for session in self.sessions.values():
            session.close()
        return self.readings_side.kill()

    def settle_accounts(self) -> None:
        """Name each reading the lane dropped, and hold that against its counters."""
        self.readings_side.settle_accounts()

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

        def done(_: object, verdict: Verdict) -> None:
            if verdict == "done":
                self._uncommitted.pop(event_id, None)
            else:
                self._loop.after(RETRY_DISK_NS, lambda: self._commit(kept))

        self._card.alarms.run(job, done)

    def _forget_press(self, event_id: str) -> None:
        self._unremoved[event_id] = None
        for unremoved in list(self._unremoved):

            def done(_: object, verdict: Verdict, unremoved: str = unremoved) -> None:
                if verdict == "done":
                    self._unremoved.pop(unremoved, None)

            self._card.alarms.run(lambda unremoved=unremoved: self._card.presses.pop(unremoved, None), done)  # type: ignore[misc]

    def _restore_presses(self) -> None:
        def done(left: object, verdict: Verdict) -> None:
            if verdict != "done":
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
        if self.alive:
            self.readings_side.pump()

    def check_books(self) -> None:
        """Claim that produced = receipted + waiting + dropped, and that the lane waits for what the world knows of."""
        self.readings_side.check_books()
        claim(
            self.presses.produced == self.presses.receipted + len(self.presses), "the books of presses do not balance"
        )

    def _check_standstill(self, until_ns: int | None) -> bool:
        """Claim that telemetry stands still when it must; return whether it must."""
        standing = bool(self._sent) and self._still_ns <= self.now_ns < self._still_ns + 60 * S
        claim(standing == (until_ns is not None and until_ns > self.now_ns), "telemetry stands still against the rule")
        return standing

    # --- what is heard

    def _alarm_stood(self) -> None:
        self.presses.connected(self.now_ns)
        self.pump_presses()

    def _telemetry_stood(self) -> None:
        self.presses.connected(self.now_ns)
        self.readings_side.connected()
        self.pump_presses()
        self.pump_readings()

    def _heard(self, topic: DownTopic, body: bytes) -> None:
        if topic == "alarm receipt":
            self._heard_press_receipt(body)
        elif topic == "telemetry receipt":
            self.readings_side.hear_receipt(body)
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

    def _heard_lamps(self, told: Lamps) -> None:
        before = [self.panel[button].pattern(self.now_ns)[0] for button in BUTTONS]
        self.panel.told(told)
        if told.version <= self._lamp_version:
            self._seen["old lamp messages"] += 1
            after = [self.panel[button].pattern(self.now_ns)[0] for button in BUTTONS]
            claim(before == after, "an older lamp message changed a lamp")
        self._lamp_version = max(self._lamp_version, told.version)
        self.clock.tell("centre", told.centre_time_ns, self.now_ns)

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
