"""Other desks at the same brokers, known by their heartbeats."""

from __future__ import annotations

from contract import topics
from contract.messages import Heartbeat, encode
from duty_desk.lanes import Lanes
from duty_desk.namesakes import GONE_NS, MAX_NAMES, MAX_STAMPS, NAMESAKE, STRANGER, WITHIN_NS, Namesakes
from duty_desk.settings import load_desk
from tests.duty_desk.conftest import Desk

S = 10**9
EACH = 4


class Room:
    """Namesakes of the desk `desk`, and what it hears."""

    def __init__(self, *, paired: bool = False) -> None:
        self.now_ns = 0
        self.namesakes = Namesakes("desk", paired=paired, monotonic_ns=lambda: self.now_ns)

    def hear(self, stamp: int, name: str = "desk", *, after_s: float = 2.0) -> dict[str, str]:
        """Let a heartbeat come; return what is wrong then."""
        self.now_ns += int(after_s * S)
        self.namesakes.hear(beat(stamp, name))
        return self.namesakes.wrong


def beat(stamp: int, name: str = "desk") -> Heartbeat:
    return Heartbeat(desk=name, timestamp_ns=stamp, open_incidents=0, recording=True)


def test_another_desk_under_the_same_name_is_known_by_three_heartbeats_and_gone_after_30_s() -> None:
    room = Room()
    assert [room.hear(stamp) for stamp in (1, 2, 2)] == [{}, {}, {}], "the same again is no third"
    assert room.hear(3) == {"desk": NAMESAKE}
    room.now_ns += GONE_NS - 1
    assert room.namesakes.wrong == {"desk": NAMESAKE}
    room.now_ns += 1
    assert room.namesakes.wrong == {}


def test_what_is_its_own_or_late_is_no_other_desk() -> None:
    room = Room()
    for stamp in range(10):
        room.namesakes.sent(stamp)
        assert room.hear(stamp) == {}
    for stamp in range(10, 14):
        assert room.hear(100 + stamp, after_s=WITHIN_NS / S) == {}


async def test_what_a_broker_retained_or_is_no_heartbeat_is_no_other_desk(idle: Desk) -> None:
    lanes = Lanes(load_desk(idle.config), None, loaded=lambda: True, changed=lambda: None)
    for stamp in range(3):
        lanes._hear("alarm", topics.HEARTBEAT, encode(beat(stamp)), True)
        lanes._hear("alarm", topics.HEARTBEAT, b"\xff{", False)
        assert lanes.namesakes.wrong == {}
    for stamp in range(3):
        lanes._hear("alarm", topics.HEARTBEAT, encode(beat(stamp)), False)
    assert lanes.namesakes.wrong == {"desk": NAMESAKE}


def test_the_other_of_a_pair_is_none_that_should_not_be_there_and_a_desk_without_a_pair_is() -> None:
    alone, paired = Room(), Room(paired=True)
    for stamp in (1, 2):
        assert alone.hear(stamp, "desk-2") == {}
    assert alone.hear(3, "desk-2") == {"desk-2": STRANGER}
    assert [paired.hear(stamp, "desk-2") for stamp in (1, 2, 3)] == [{}, {}, {}]
    assert [paired.hear(stamp) for stamp in (4, 5, 6)][-1] == {"desk": NAMESAKE}


def test_what_is_remembered_is_bounded() -> None:
    room = Room()
    for stamp in range(4 * MAX_STAMPS):
        room.namesakes.sent(stamp)
        room.hear(10**9 + stamp, f"desk-{stamp // EACH}", after_s=0)
    assert len(room.namesakes._sent) == MAX_STAMPS
    assert len(room.namesakes._heard) == len(room.namesakes.wrong) == MAX_NAMES
