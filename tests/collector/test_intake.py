"""What becomes of a message: store, quarantine, receipt, PUBACK, in whatever order they come."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import mqtt5
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector import intake as intake_module
from collector.batcher import Batcher, Limits
from collector.intake import Intake, Message
from collector.order import Arrivals, Load
from collector.quarantine import Entry
from collector.receipts import Receipts
from collector.roster import Roster
from contract.identity import body_hash
from contract.topics import telemetry
from tests.collector.batches import STREAM, body, reading
from tests.collector.test_receipts import read

BAD = reading(9, kind="mood")


def _packet(packet_id: int | None, payload: bytes, topic: str = telemetry("box-1")) -> mqtt5.PublishPacket:
    qos = mqtt5.QoS.AT_MOST_ONCE if packet_id is None else mqtt5.QoS.AT_LEAST_ONCE
    return mqtt5.PublishPacket(topic, payload, qos=qos, packet_id=packet_id)


@dataclass
class Desk:
    """An intake with all around it but the store and the disk."""

    receipts: Receipts = field(default_factory=Receipts)
    arrivals: Arrivals = field(default_factory=Arrivals)
    batcher: Batcher = field(default_factory=lambda: Batcher(Limits()))

    def __post_init__(self) -> None:
        self.intake = Intake(self.batcher, self.receipts, Roster())

    def take(self, *packets: mqtt5.PublishPacket) -> Load:
        """Take messages of one read and return their load, closed."""
        assert self.intake.take(self.arrivals, list(packets), 100 * len(packets), 1.0)
        load = self.batcher.take()
        assert load is not None
        return load

    def refusals(self) -> list[tuple[Message, list[Entry]]]:
        """Return what goes to the quarantine next."""
        some = list(self.intake.refusals)
        self.intake.refusals.clear()
        return some

    def receipted(self) -> list[int | str]:
        """Return what receipts name now: batch numbers, and hashes."""
        found: list[int | str] = []
        for receipt in read(self.receipts.take(100)):
            found += [number for one in receipt.ranges for number in range(one.first, one.last + 1)]
            found += receipt.bodies
        return found

    def acknowledged(self) -> int:
        """Return how many PUBACKs leave now."""
        return len(self.arrivals.release()) // 4


def test_a_good_message_waits_for_the_store_only() -> None:
    desk = Desk()
    load = desk.take(_packet(1, body(number=1)), _packet(2, body(number=2)))
    assert [(stream.id, number, count) for stream, number, _, count in load.pieces] == [(STREAM, 1, 1), (STREAM, 2, 1)]
    assert (desk.intake.held_messages, desk.intake.held_bytes, load.lines) == (2, 200, 2)
    assert (desk.acknowledged(), desk.receipted()) == (0, [])
    desk.intake.stored(load, {})
    assert (desk.acknowledged(), desk.receipted()) == (2, [1, 2])
    assert (desk.intake.held_messages, desk.intake.held_bytes) == (0, 0)
    assert desk.intake.counters["stored"] == 2


@pytest.mark.parametrize("store_first", [True, False])
@pytest.mark.parametrize("on_disk", [True, False])
def test_a_message_refused_in_part_waits_for_store_and_quarantine(store_first: bool, on_disk: bool) -> None:
    desk = Desk()
    load = desk.take(_packet(1, body(number=1, readings=[reading(1), BAD])), _packet(2, body(number=2)))
    [(message, [entry])] = desk.refusals()
    assert (entry.reason, entry.readings, entry.device) == ("unknown kind", 1, "box-1")
    if store_first:
        desk.intake.stored(load, {})
        assert (desk.acknowledged(), desk.receipted()) == (0, [2]), "a receipt waits for nobody else's"
        desk.intake.quarantined(message, on_disk=on_disk)
    else:
        desk.intake.quarantined(message, on_disk=on_disk)
        assert (desk.acknowledged(), desk.receipted()) == (0, [])
        desk.intake.stored(load, {})
        assert desk.receipted() == ([1, 2] if on_disk else [2])
    assert desk.acknowledged() == 2, "and it blocks nobody, kept or not"
    assert desk.intake.counters["not receipted"] == (not on_disk)
    if store_first:
        assert desk.receipted() == ([1] if on_disk else [])


def test_a_message_of_refused_readings_only_has_nothing_for_the_store() -> None:
    desk = Desk()
    load = desk.take(_packet(1, body(number=1, readings=[BAD, reading(2, timestamp_ns=0)])))
    assert load.pieces == []
    [(message, entries)] = desk.refusals()
    assert [one.reason for one in entries] == ["unknown kind", "before 2000"]
    desk.intake.quarantined(message, on_disk=True)
    assert (desk.receipted(), desk.acknowledged()) == ([1], 0)
    desk.intake.stored(load, {})
    assert desk.acknowledged() == 1


def test_what_cannot_be_decoded_is_receipted_by_its_hash_and_nobodys_is_not() -> None:
    desk = Desk()
    load = desk.take(_packet(1, b"junk"), _packet(2, b"stray", "siaga/v1/up/BOX/telemetry"))
    for message, entries in desk.refusals():
        assert [entry.body for entry in entries] in ([b"junk"], [b"stray"])
        desk.intake.quarantined(message, on_disk=True)
    assert desk.receipted() == [body_hash(b"junk")]
    assert desk.intake.counters["no device to receipt"] == 1
    desk.intake.stored(load, {})
    assert desk.acknowledged() == 2


def test_lines_that_the_store_refuses_are_quarantined_and_then_receipted() -> None:
    desk = Desk()
    load = desk.take(
        _packet(1, body(number=1)),
        _packet(2, body(number=2, readings=[reading(1), reading(2), reading(3)])),
        _packet(3, body(number=3, readings=[reading(4), BAD])),
    )
    [(early, _)] = desk.refusals()
    lines = [line.encode() for line in load.pieces[1][2].split("\n")]
    last = load.pieces[2][2].encode()
    desk.intake.stored(load, {1: [(lines[0], "a"), (lines[2], "b")], 2: [(last, "c")]})
    assert desk.receipted() == [1]
    assert desk.intake.counters["stored"] == 2
    refusals = desk.refusals()
    assert [[(one.reason, one.detail, one.body) for one in entries] for _, entries in refusals] == [
        [("refused by the store", "a", lines[0]), ("refused by the store", "b", lines[2])],
        [("refused by the store", "c", last)],
    ]
    assert desk.intake.refused["refused by the store"] == 3
    for message, _ in refusals:
        desk.intake.quarantined(message, on_disk=True)
    assert desk.receipted() == [2]
    assert desk.acknowledged() == 0
    desk.intake.quarantined(early, on_disk=True)
    assert (desk.receipted(), desk.acknowledged()) == ([3], 3)


def test_a_message_at_qos_0_has_no_puback() -> None:
    desk = Desk()
    load = desk.take(_packet(None, body(number=1)), _packet(7, body(number=2)))
    desk.intake.stored(load, {})
    assert desk.arrivals.release() == mqtt5.PubAckPacket(7).write()
    assert desk.receipted() == [1, 2]


def test_fault_18_batches_in_any_order_and_twice_are_the_same_points_and_one_receipt() -> None:
    sent = [body(number=number, readings=[reading(number)]) for number in range(6)]
    lines = []
    for order in ([0, 1, 2, 3, 4, 5], [5, 3, 3, 0, 1, 2, 4, 0]):
        desk = Desk()
        load = desk.take(*(_packet(place + 1, sent[number]) for place, number in enumerate(order)))
        lines.append({piece[2] for piece in load.pieces})
        desk.intake.stored(load, {})
        [receipt] = read(desk.receipts.take(10))
        assert [(one.first, one.last) for one in receipt.ranges] == [(0, 5)]
    assert lines[0] == lines[1]


@pytest.mark.parametrize("fault", ["careful", "quick"])
def test_a_fault_of_ours_on_one_body_stops_nobody(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = getattr(intake_module, fault)

    def failing(device: object, payload: bytes, latest_ns: int) -> object:
        if payload == b"poison":
            raise RuntimeError("ours")
        return real(device, payload, latest_ns)

    monkeypatch.setattr(intake_module, fault, failing)
    desk = Desk()
    desk.take(_packet(1, body(number=1)))
    load = desk.take(_packet(2, b"poison"), _packet(3, body(number=3)))
    assert [number for _, number, _, _ in load.pieces] == [3]
    [(message, [entry])] = desk.refusals()
    assert entry.body == b"poison"
    assert entry.reason == ("collector fault" if fault == "careful" else "not json")
    desk.intake.quarantined(message, on_disk=True)
    assert desk.receipted() == [body_hash(b"poison")]


def test_a_time_that_is_too_far_ahead_is_judged_by_now() -> None:
    desk = Desk()
    ahead = reading(timestamp_ns=time.time_ns() + 2 * 86_400 * 10**9)
    desk.take(_packet(1, body(readings=[ahead])))
    [(_, [entry])] = desk.refusals()
    assert entry.reason == "future time"


_MESSAGES = st.lists(st.sampled_from(["good", "partly", "refused", "junk", "stray"]), min_size=1, max_size=20)


@settings(deadline=None)
@given(st.data(), _MESSAGES)
def test_everything_is_settled_once_whatever_the_order(data: st.DataObject, kinds: list[str]) -> None:
    desk = Desk()
    made = {
        "good": [reading(1)],
        "partly": [reading(1), BAD],
        "refused": [BAD],
    }
    loads = []
    at = 0
    while at < len(kinds):
        some = kinds[at : at + data.draw(st.integers(1, 5))]
        packets = [
            _packet(
                at + place + 1,
                body(number=at + place, readings=made[kind]) if kind in made else f"{kind}{at + place}".encode(),
                "a/b" if kind == "stray" else telemetry("box-1"),
            )
            for place, kind in enumerate(some)
        ]
        loads.append(desk.take(*packets))
        at += len(some)
    steps: list[object] = [*loads, *(message for message, _ in desk.refusals())]
    for step in data.draw(st.permutations(steps)):
        if isinstance(step, Load):
            desk.intake.stored(step, {})
        else:
            assert isinstance(step, Message)
            desk.intake.quarantined(step, on_disk=True)
    expected = {number for number, kind in enumerate(kinds) if kind in made}
    junk = {body_hash(f"junk{number}".encode()) for number, kind in enumerate(kinds) if kind == "junk"}
    assert set(desk.receipted()) == expected | junk
    assert desk.acknowledged() == len(kinds)
    assert (desk.intake.held_messages, desk.intake.held_bytes) == (0, 0)
