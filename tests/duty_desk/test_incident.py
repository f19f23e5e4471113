"""The state machine and the board, walked at random."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from pydantic import ValidationError

from contract.identity import new_event_id
from duty_desk.errors import AlreadyAcceptedError, NotPossibleError, UnknownIncidentError
from duty_desk.incidents import incident as rules
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.board import Board, Report, Verb
from duty_desk.incidents.incident import MAX_NOTES, MAX_ROWS, TRANSITIONS, Incident
from duty_desk.incidents.intake import Alarm
from duty_desk.incidents.records import Record

NOW = 1_760_000_000_000_000_000
KEY = "0b0e6f4c-55a2-4f0f-8f0d-1f7b3c1d2e3f"
ONE = Actor("Petugas 1", "officer", "Layar 1")
TWO = Actor("Petugas 2", "officer", "Layar 2")
OPERATOR = Actor("Operator 112", "call_taker", "Meja 112")


def alarm(
    button: str = "sos",
    status: str = "Actual",
    cause: str = "press",
    *,
    key: str | None = None,
    fault: str | None = None,
) -> Alarm:
    """Return an alarm of box-1."""
    event_id = key or new_event_id()
    return Alarm.model_validate(
        {
            "device": "box-1",
            "key": event_id,
            "event_id": event_id,
            "button": button,
            "cause": cause,
            "status": status,
            "fault": fault,
        }
    )


def press(board: Board, one: Alarm) -> Incident:
    """Press on a board."""
    incident = board.apply(board.press(one, "alarm", NOW))
    assert incident is not None
    return incident


def do(
    board: Board, verb: Verb, incident: Incident, actor: Actor = ONE, *, note: str | None = None, reason: Any = None
) -> Incident:
    """Let somebody do something."""
    changed = board.apply(board.act(verb, incident.id, actor, NOW, note=note, reason=reason))
    assert changed is not None
    return changed


def report(**more: Any) -> Report:
    """Return a 112 call."""
    return Report(**{"key": KEY, "origin": "call", "category": "fire", "address": "Jl. Braga 1"} | more)


def call(board: Board, one: Report) -> Incident:
    """Take a call."""
    incident = board.apply(board.report(one, OPERATOR, NOW))
    assert incident is not None
    return incident


def test_the_table_in_the_docstring_is_the_table() -> None:
    assert rules.__doc__ is not None
    table = rules.__doc__.partition("Transitions, all there are:")[2]
    rows = re.findall(r"^    (\S+) +(\w+) +(\w+)$", table, flags=re.MULTILINE)
    written = {(None if state == "(none)" else state, action): next_ for state, action, next_ in rows[1:]}
    assert rows[0] == ("state", "action", "next")
    assert written == dict(TRANSITIONS)


@pytest.mark.parametrize("action", sorted({action for _, action in TRANSITIONS} - {"press", "call"}))
@pytest.mark.parametrize("way", [(), ("accept",), ("accept", "depart"), ("accept", "resolve"), ("cancel",)])
def test_only_what_the_table_allows_happens(way: tuple[Verb, ...], action: Verb) -> None:
    board = Board()
    incident = press(board, alarm())
    for verb in way:
        incident = do(board, verb, incident, reason="test" if verb == "cancel" else None)
    reason: Any = "test" if action == "cancel" else None
    if (incident.state, action) in TRANSITIONS:
        assert do(board, action, incident, reason=reason).state == TRANSITIONS[incident.state, action]
        return
    with pytest.raises((NotPossibleError, AlreadyAcceptedError)):
        do(board, action, incident, reason=reason)
    assert board.find(incident.id) == incident


def test_the_whole_way_is_written_down_with_its_times() -> None:
    board = Board()
    incident = press(board, alarm())
    times: list[int] = []
    way: tuple[Verb, ...] = ("accept", "depart", "resolve", "close")
    for number, verb in enumerate(way, 1):
        board.apply(board.act(verb, incident.id, ONE, NOW + number, note=f"note {number}"))
        times.append(NOW + number)
    over = board.find(incident.id)
    assert [over.accepted_at_ns, over.departed_at_ns, over.resolved_at_ns, over.ended_at_ns] == times
    assert (over.state, over.officer, over.active) == ("closed", "Petugas 1", False)
    assert [note.text for note in over.notes] == ["note 1", "note 2", "note 3", "note 4"]


def test_presses_join_by_device_button_and_status() -> None:
    board = Board()
    real = press(board, alarm())
    assert press(board, alarm()).id == real.id
    assert press(board, alarm("other")).id != real.id
    drill = press(board, alarm(status="Exercise"))
    assert drill.id != real.id
    assert board.find(real.id).presses == 2


def test_a_press_never_joins_a_fault_of_its_line_nor_a_threshold() -> None:
    board = Board()
    found = {cause: press(board, alarm(cause=cause)) for cause in ("tamper", "threshold", "press")}
    assert {cause: incident.origin for cause, incident in found.items()} == {
        "tamper": "fault", "threshold": "threshold", "press": "press",
    }  # fmt: skip
    assert len({incident.id for incident in found.values()}) == 3
    assert press(board, alarm(cause="line_fault")).id == found["tamper"].id


@pytest.mark.parametrize("way", [("accept", "resolve"), ("accept", "depart", "resolve", "close")])
def test_a_press_after_it_is_resolved_opens_a_new_incident(way: tuple[Verb, ...]) -> None:
    board = Board()
    first = press(board, alarm())
    for verb in way:
        do(board, verb, first)
    again = press(board, alarm())
    assert again.id != first.id
    if board.find(first.id).active:
        do(board, "close", first)
    assert press(board, alarm()).id == again.id


def test_a_press_joins_who_is_on_the_way_and_rings_again_from_the_first_step() -> None:
    board = Board()
    incident = press(board, alarm())
    board.apply(board.escalate(incident.id, 1, ("officer",), NOW + 1))
    assert board.find(incident.id).step == 1
    do(board, "accept", incident)
    assert (board.find(incident.id).step, board.find(incident.id).rings) == (-1, ())
    do(board, "depart", incident)
    joined = board.apply(board.press(alarm(), "alarm", NOW + 9))
    assert joined is not None
    assert (joined.id, joined.state, joined.unanswered, joined.unanswered_since_ns) == (
        incident.id, "on_the_way", 1, NOW + 9,
    )  # fmt: skip


def test_an_escalation_that_comes_after_the_answer_changes_nothing() -> None:
    board = Board()
    incident = press(board, alarm())
    late = board.escalate(incident.id, 1, ("officer",), NOW)
    accepted = do(board, "accept", incident)
    assert board.apply(late) == accepted
    with pytest.raises(UnknownIncidentError):
        board.escalate(incident.id, 2, ("supervisor",), NOW)


def test_the_first_to_accept_has_it() -> None:
    board = Board()
    incident = press(board, alarm())
    do(board, "accept", incident)
    with pytest.raises(AlreadyAcceptedError) as caught:
        do(board, "accept", incident, TWO)
    assert caught.value.officer == "Petugas 1"
    with pytest.raises(UnknownIncidentError):
        board.act("accept", new_event_id(), TWO, NOW)


def test_a_cancel_needs_a_reason_and_nothing_else_has_one() -> None:
    board = Board()
    incident = press(board, alarm())
    with pytest.raises(ValidationError, match="a reason stands with cancel"):
        board.act("cancel", incident.id, ONE, NOW)
    with pytest.raises(ValidationError, match="a reason stands with cancel"):
        board.act("accept", incident.id, ONE, NOW, reason="test")
    over = do(board, "cancel", incident, reason="false_alarm", note="anak kecil")
    assert (over.state, over.reason, over.unanswered, over.notes[0].text) == (
        "cancelled", "false_alarm", 0, "anak kecil",
    )  # fmt: skip


def test_a_call_opens_an_incident_of_its_own_and_a_report_sent_twice_is_one() -> None:
    board = Board()
    incident = call(board, report())
    assert (incident.origin, incident.unanswered, incident.presses, incident.device) == ("call", 1, 0, None)
    assert incident.call is not None
    assert (incident.call.address, incident.call.taken_by) == ("Jl. Braga 1", "Operator 112")
    assert board.reported(KEY) == incident
    assert call(board, report(key=KEY.replace("0", "1"))).id != incident.id
    assert do(board, "accept", incident).state == "accepted"


def test_a_note_is_possible_at_every_state_and_the_latest_are_kept() -> None:
    board = Board()
    incident = do(board, "cancel", press(board, alarm()), reason="test")
    for number in range(MAX_NOTES + 3):
        board.apply(board.note(incident.id, TWO, f"catatan {number}", NOW))
    notes = board.find(incident.id).notes
    assert (len(notes), notes[-1].officer, notes[-1].text) == (MAX_NOTES, "Petugas 2", f"catatan {MAX_NOTES + 2}")


def test_what_came_to_a_screen_is_noted_once() -> None:
    board = Board()
    one = alarm()
    incident = press(board, one)
    for kind in ("delivered", "shown", "seen"):
        record = board.delivery(kind, incident.id, ONE, NOW, key=one.key)
        assert record is not None
        board.apply(record)
        assert board.delivery(kind, incident.id, ONE, NOW, key=one.key) is None
        assert board.delivery(kind, incident.id, TWO, NOW, key=one.key) is not None
    with pytest.raises(UnknownIncidentError):
        board.delivery("shown", incident.id, ONE, NOW, key=new_event_id())


def test_a_complete_body_after_an_incomplete_one_of_the_same_key_is_new() -> None:
    board = Board()
    broken = alarm(fault="invalid: clock")
    press(board, broken)
    assert board.seen(broken) is not None
    whole = alarm(key=broken.key)
    assert board.seen(whole) is None
    press(board, whole)
    assert board.seen(whole) is not None
    assert board.seen(broken) is not None


def test_memory_is_bounded() -> None:
    board = Board(max_ended=3, max_seen=10)
    for number in range(20):
        do(board, "cancel", press(board, alarm(f"b{number}")), reason="test")
    assert len(board.ended()) == 3
    first = alarm()
    press(board, first)
    for _ in range(MAX_ROWS + 20):
        incident = press(board, alarm())
    assert (incident.presses, len(incident.rows)) == (MAX_ROWS + 21, MAX_ROWS)
    assert incident.rows[0].key == first.key
    assert board.seen(first) is None


class BoardMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order: no press is lost, and a board told of the records is the same board."""

    incidents = Bundle("incidents")

    def __init__(self) -> None:
        super().__init__()
        self.board = Board()
        self.records: list[Record] = []
        self.pressed = 0

    def happen(self, record: Record) -> Incident:
        """Apply and keep a record."""
        self.records.append(record)
        incident = self.board.apply(record)
        assert incident is not None
        return incident

    @rule(
        target=incidents,
        button=st.sampled_from(["a", "b"]),
        status=st.sampled_from(["Actual", "Exercise"]),
        cause=st.sampled_from(["press", "tamper"]),
    )
    def press(self, button: str, status: str, cause: str) -> str:
        """Press."""
        self.pressed += 1
        incident = self.happen(self.board.press(alarm(button, status, cause), "alarm", NOW + self.pressed))
        assert incident.unanswered > 0
        assert incident.joinable
        return incident.id

    @rule(target=incidents, key=st.uuids())
    def call(self, key: UUID) -> str:
        """Take a call."""
        return self.happen(self.board.report(report(key=str(key)), OPERATOR, NOW)).id

    @rule(incident_id=incidents, actor=st.sampled_from([ONE, TWO]))
    def accept(self, incident_id: str, actor: Actor) -> None:
        """Accept, or be told why not."""
        before = self.board.find(incident_id)
        if before.state == "open":
            after = self.happen(self.board.act("accept", incident_id, actor, NOW))
            assert (after.state, after.officer, after.unanswered) == ("accepted", actor.name, 0)
            return
        with pytest.raises(NotPossibleError if before.officer is None else AlreadyAcceptedError) as caught:
            self.board.act("accept", incident_id, actor, NOW)
        assert getattr(caught.value, "officer", None) == before.officer

    @rule(incident_id=incidents, verb=st.sampled_from(["answer", "depart", "resolve", "close", "cancel"]))
    def act(self, incident_id: str, verb: Verb) -> None:
        """Do something else, which keeps the officer and ends all ringing."""
        before = self.board.find(incident_id)
        try:
            record = self.board.act(verb, incident_id, TWO, NOW, reason="test" if verb == "cancel" else None)
        except NotPossibleError:
            assert (before.state, verb) not in TRANSITIONS
        else:
            after = self.happen(record)
            assert (after.officer, after.unanswered) == (before.officer, 0)

    @rule(incident_id=incidents, step=st.integers(0, 3))
    def escalate(self, incident_id: str, step: int) -> None:
        """Reach a step of the escalation."""
        before = self.board.find(incident_id)
        if before.unanswered:
            after = self.happen(self.board.escalate(incident_id, step, ("officer",), NOW))
            assert after.step == max(before.step, step)

    @invariant()
    def no_press_is_lost(self) -> None:
        """All presses are in some incident."""
        shown = self.board.active() + self.board.ended()
        assert len(self.board.ended()) >= 50 or sum(incident.presses for incident in shown) == self.pressed

    @invariant()
    def one_incident_a_place(self) -> None:
        """No two incidents that a press could join share device, button, status and origin."""
        places = [one.place for one in self.board.active() if one.joinable and one.device is not None]
        assert len(places) == len(set(places))

    def teardown(self) -> None:
        """Tell the records to a new board."""
        told = Board()
        for record in self.records:
            told.replay(record)
        assert told.misfits == 0
        assert told.active() == self.board.active()
        assert told.ended() == self.board.ended()


TestBoard = BoardMachine.TestCase
