"""What the desk makes of what bells say of themselves."""

from __future__ import annotations

import pytest

from contract import topics
from contract.bell import BellEvent, BellReport
from contract.messages import encode
from duty_desk.bells import MAX_BELLS, MISSING_NS, NO_ANSWER, OLD_NS, Bells
from duty_desk.incidents.entries import DutyEntry
from duty_desk.incidents.records import Record

T0 = 1_795_325_400_000_000_000


class Room:
    """A desk's bells, with a clock of its own."""

    def __init__(self, past: list[Record] | None = None, *, loaded: bool = True) -> None:
        self.now = T0
        self.noted: list[Record] = []
        self.bells = Bells(lambda: self.now, lambda: self.now - T0, self.noted.append)
        if loaded:
            self.bells.adopt(past or [])

    def hear(
        self, *events: BellEvent, bell: str = "bell", topic: str | None = None, faults: tuple[str, ...] = ()
    ) -> None:
        """Let a bell speak."""
        report = BellReport(bell=bell, timestamp_ns=self.now, sounding=False, events=list(events), faults=list(faults))
        self.bells.hear(topic or topics.bell(bell), encode(report))

    def told(self) -> list[tuple[str, str | None]]:
        """Return what was noted."""
        return [(each.entry.what, each.entry.detail) for each in self.noted if isinstance(each.entry, DutyEntry)]


SOUNDED = BellEvent(what="sounded", at_ns=T0 - 60 * 10**9, why="desk, press box-1/sos")
SILENCED = BellEvent(what="silenced", at_ns=T0 - 30 * 10**9, why="desk")


def test_each_event_is_noted_once_however_often_it_is_told_and_over_a_restart() -> None:
    room = Room()
    for _ in range(3):
        room.hear(SOUNDED, SILENCED)
    assert room.told() == [
        ("bell_sounded", "bell 2026-11-22T05:29:00.000+00:00 desk, press box-1/sos"),
        ("bell_silenced", "bell 2026-11-22T05:29:30.000+00:00 desk"),
    ]
    again = Room(room.noted)
    again.hear(SOUNDED, SILENCED)
    again.hear(SOUNDED, SILENCED, bell="bell-2")
    assert [detail.split()[0] for _, detail in again.told() if detail is not None] == ["bell-2", "bell-2"]


def test_nothing_is_noted_before_the_past_is_known_nor_what_is_older_than_that() -> None:
    room = Room(loaded=False)
    room.hear(SOUNDED)
    assert room.told() == []
    room.bells.adopt([])
    room.hear(BellEvent(what="sounded", at_ns=T0 - OLD_NS, why="desk"), SILENCED)
    assert [what for what, _ in room.told()] == ["bell_silenced"]


def test_a_bell_that_falls_silent_or_never_spoke_is_a_fault() -> None:
    room = Room()
    room.bells.expect(["bell", "bell-2"])
    room.hear()
    assert room.bells.wrong == {}
    room.now += MISSING_NS - 1
    room.hear()
    room.now += 1
    assert room.bells.wrong == {"bell-2": NO_ANSWER}
    room.now += MISSING_NS
    assert room.bells.wrong == {"bell": NO_ANSWER, "bell-2": NO_ANSWER}
    room.hear()
    assert room.bells.wrong == {"bell-2": NO_ANSWER}


def test_what_is_wrong_with_a_bell_is_told_in_its_own_words_until_it_is_not() -> None:
    room = Room()
    room.hear(faults=("siren: lost: no such device",))
    assert room.bells.wrong == {"bell": "siren: lost: no such device"}
    room.hear()
    assert room.bells.wrong == {}


def test_a_bell_that_sounds_is_told_with_its_reasons_and_since_when_until_it_says_otherwise_or_nothing() -> None:
    room = Room()
    after = BellEvent(what="sounded", at_ns=T0 - 10 * 10**9, why="alarm broker")
    # Its clock is an hour behind: ages are by its own.
    report = BellReport(
        bell="bell",
        timestamp_ns=T0 - 5 * 10**9,
        sounding=True,
        reasons=["alarm broker"],
        events=[SOUNDED, SILENCED, after, BellEvent(what="sounded", at_ns=T0 - 7 * 10**9, why="desk")],
    )
    late = report.model_copy(
        update={
            "timestamp_ns": report.timestamp_ns - 3_600 * 10**9,
            "events": [
                one.model_copy(update={"at_ns": one.at_ns - 3_600 * 10**9, "why": one.why}) for one in report.events
            ],
        }
    )
    for told in (report, late):
        room.bells.hear(topics.bell("bell"), encode(told))
        assert room.bells.sounding == [
            {
                "bell": "bell",
                "silenced": False,
                "reasons": ["alarm broker"],
                "why": "alarm broker",
                "since_ms": (T0 - 5 * 10**9) // 10**6,
            }
        ]
    silenced = report.model_copy(update={"sounding": False, "silenced": True, "events": [SOUNDED, SILENCED]})
    room.bells.hear(topics.bell("bell"), encode(silenced))
    (told_of,) = room.bells.sounding
    assert (told_of["silenced"], told_of["since_ms"]) == (True, (T0 - 25 * 10**9) // 10**6)
    room.now += MISSING_NS
    assert room.bells.sounding == []
    room.bells.hear(topics.bell("bell"), encode(silenced))
    room.hear()
    assert room.bells.sounding == []


@pytest.mark.parametrize("body", [b"", b"{}", b'{"bell": "bell"}', b"\xff" * 10_000])
def test_what_is_no_report_is_refused(body: bytes) -> None:
    room = Room()
    room.bells.hear(topics.bell("bell"), body)
    assert (room.bells.refused, room.bells.wrong) == (1, {})


def test_a_bell_speaks_only_for_itself_and_there_are_not_many() -> None:
    room = Room()
    room.hear(SOUNDED, topic=topics.bell("bell-2"))
    for number in range(2 * MAX_BELLS):
        room.hear(bell=f"bell-{number}")
    room.now += MISSING_NS
    assert room.told() == []
    assert len(room.bells.wrong) == MAX_BELLS
