"""The world's centre: a desk that rings, commits and receipts, and a collector that stores and receipts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping

from contract.batch import Range, TelemetryReceipt, decode_batch
from contract.identity import body_hash
from contract.messages import AlarmReceipt, Lamps, LampState, Press, decode, encode
from contract.topics import Lane
from tests.edge_agent.world_net import MS, Broker, Loop, S

DEVICE = "box-1"
LANES: tuple[Lane, Lane] = ("alarm", "telemetry")


class WorldError(AssertionError):
    """A claim of the world does not hold."""


def claim(holds: bool, words: str) -> None:
    """Raise WorldError with these words unless the claim holds."""
    if not holds:
        raise WorldError(words)


class Desk:
    """Rings from memory at once, commits later, and knows a press again by its event id.

    Args:
        loop: The world's time.
        draw: The source of its delays and of what officers do.
        brokers: Both brokers.
        true_ns: Returns the true time.
        injected: Counts what went wrong.
    """

    def __init__(
        self,
        loop: Loop,
        draw: random.Random,
        brokers: Mapping[Lane, Broker],
        true_ns: Callable[[], int],
        injected: Counter[str],
    ) -> None:
        self._loop, self._draw, self._brokers, self._true_ns = loop, draw, brokers, true_ns
        self._injected = injected
        self.alive = True
        self.full = False
        self.linked: dict[Lane, bool] = {"alarm": True, "telemetry": True}
        self.rows: list[Press] = []
        self.lamps: dict[str, LampState] = {}
        self.heard_by: Counter[Lane] = Counter()
        self._recorded: dict[str, LampState] = {}
        self._ringing: dict[str, Press] = {}
        self._known: set[str] = set()
        self._version = 0
        self._life = 0
        self._every_30_s()

    @property
    def busy(self) -> bool:
        """Whether a press rings that is not yet in the ledger."""
        return bool(self._ringing)

    def hear(self, lane: Lane, body: bytes) -> None:
        """Take a press from either broker."""
        press = decode(Press, body)
        event_id = press.event_id
        self.heard_by[lane] += 1
        if event_id in self._known:
            self._injected["repeats absorbed by the desk"] += 1
            self._receipt(event_id, "stored")
            return
        if event_id not in self._ringing:
            self._ringing[event_id] = press
            self.lamps[press.button] = "received"
            self.publish_lamps()
            self._later(0.02, 4.0 if self._draw.random() < 0.2 else 0.1, lambda: self._commit(press))
            self._later(1, 40, lambda: self._officer(press.button, "accepted"))
            if self._draw.random() < 0.6:
                self._later(5, 90, lambda: self._officer(press.button, "off"))
        self._receipt(event_id, "ringing")

    def kill(self) -> None:
        """SIGKILL: what only rang is forgotten."""
        self.alive = False
        self._life += 1
        self._ringing.clear()

    def start(self) -> None:
        """Start again from the ledger."""
        self.alive = True
        self.lamps = dict(self._recorded)
        self.publish_lamps()

    def publish_lamps(self) -> None:
        """Send the whole state under the next version, on both brokers."""
        if not self.alive:
            return
        self._version += 1
        told = Lamps(device=DEVICE, version=self._version, centre_time_ns=self._true_ns(), lamps=dict(self.lamps))
        for lane in LANES:
            if self.linked[lane]:
                self._brokers[lane].send_down("lamp", encode(told))

    def _commit(self, press: Press) -> None:
        if self.full:
            self._injected["desk commits failed"] += 1
            self._later(1, 3, lambda: self._commit(press))
            return
        del self._ringing[press.event_id]
        self._known.add(press.event_id)
        self.rows.append(press)
        self._recorded[press.button] = self.lamps.get(press.button, "off")
        self._receipt(press.event_id, "stored")

    def _officer(self, button: str, state: LampState) -> None:
        if self.lamps.get(button, "off") == "off":
            return
        self.lamps[button] = state
        if button in self._recorded:
            self._recorded[button] = state
        self.publish_lamps()

    def _receipt(self, event_id: str, stage: str) -> None:
        body = encode(AlarmReceipt.model_validate({"device": DEVICE, "stage": stage, "event_id": event_id}))
        for lane in LANES:
            if self.linked[lane]:
                self._brokers[lane].send_down("alarm receipt", body)

    def _later(self, least_s: float, most_s: float, event: Callable[[], None]) -> None:
        life = self._life

        def in_this_life() -> None:
            if self.alive and self._life == life:
                event()

        self._loop.after(int(self._draw.uniform(least_s, most_s) * S), in_this_life)

    def _every_30_s(self) -> None:
        self.publish_lamps()
        self._loop.after(30 * S, self._every_30_s)


class Collector:
    """Stores points, then receipts ranges; a body it cannot read is put aside and receipted by its hash."""

    def __init__(self, loop: Loop, draw: random.Random, broker: Broker, injected: Counter[str]) -> None:
        self._loop, self._draw, self._broker, self._injected = loop, draw, broker, injected
        self.alive = True
        self.linked = True
        self.store_down = False
        self.slow = False
        self.points: dict[tuple[str, str, int], int] = {}
        self.stored: set[int] = set()
        self._bodies: dict[tuple[str, int], bytes] = {}
        self._to_receipt: list[tuple[str, int]] = []
        self._to_name: list[str] = []
        self._life = 0

    def hear(self, body: bytes) -> None:
        """Take a batch."""
        if self.store_down:
            self._injected["told to wait"] += 1
            self._send(TelemetryReceipt(device=DEVICE, retry_after_s=self._draw.choice((2.0, 10.0, 60.0))))
            return
        life = self._life
        delay_s = self._draw.uniform(0.5, 20.0) if self.slow else self._draw.uniform(0.005, 0.05)
        self._loop.after(int(delay_s * S), lambda: self._store(body) if self._life == life else None)

    def kill(self) -> None:
        """SIGKILL: what was not stored, and receipts not yet sent, are gone."""
        self.alive = False
        self._life += 1
        self._injected["receipts lost with the collector"] += len(self._to_receipt) + len(self._to_name)
        self._to_receipt.clear()
        self._to_name.clear()

    def _store(self, body: bytes) -> None:
        batch = decode_batch(body)
        key = (batch["stream"], batch["batch"])
        claim(self._bodies.setdefault(key, body) == body, f"batch {key} has two contents")
        for reading in batch["readings"]:
            point = (reading["sensor"], reading["kind"], reading["timestamp_ns"])
            number = int(reading["fields"]["number"])
            stored = self.points.setdefault(point, number)
            claim(stored == number, f"point {point} stored twice and differs: readings {stored} and {number}")
            self.stored.add(number)
            if reading["clock"] == "none":
                self._injected["readings stored as without a trusted clock"] += 1
        if not self._to_receipt and not self._to_name:
            life = self._life
            self._loop.after(200 * MS, lambda: self._receipt() if self._life == life else None)
        name = body_hash(body)
        if int(name[:2], 16) < 8:
            self._injected["batches put aside, receipted by hash"] += 1
            self._to_name.append(name)
        else:
            self._to_receipt.append(key)

    def _receipt(self) -> None:
        ranges: list[Range] = []
        for stream, number in sorted(set(self._to_receipt)):
            if ranges and ranges[-1].stream == stream and ranges[-1].last == number - 1:
                ranges[-1] = Range(stream=stream, first=ranges[-1].first, last=number)
            else:
                ranges.append(Range(stream=stream, first=number, last=number))
        bodies = sorted(set(self._to_name))
        self._to_receipt.clear()
        self._to_name.clear()
        self._send(TelemetryReceipt(device=DEVICE, ranges=ranges, bodies=bodies))

    def _send(self, receipt: TelemetryReceipt) -> None:
        if self.linked:
            self._broker.send_down("telemetry receipt", encode(receipt))
