"""The state machine and the board, walked at random."""

from __future__ import annotations

import re

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from contract.identity import new_event_id
from duty_desk.errors import AlreadyAcceptedError, NotPossibleError, UnknownIncidentError
from duty_desk.incidents import incident as rules
from duty_desk.incidents.board import Board
from duty_desk.incidents.incident import MAX_ROWS, TRANSITIONS, Incident
from duty_desk.incidents.intake import Alarm
from duty_desk.incidents.records import Record

NOW = 1_760_000_000_000_000_000


def alarm(button: str = "sos", status: str = "Actual", *, key: str | None = None, fault: str | None = None) -> Alarm:
    """Return an alarm of box-1."""
    event_id = key or new_event_id()
    return Alarm.model_validate(
        {
            "device": "box-1",
            "key": event_id,
            "event_id": event_id,
            "button": button,
            "cause": "press",
            "status": status,
            "fault": fault,
        }
    )


def press(board: Board, one: Alarm) -> Incident:
    """Press on a board."""
    incident = board.apply(board.press(one, "alarm", NOW))
    assert incident is not None
    return incident


def test_the_table_in_the_docstring_is_the_table() -> None:
    assert rules.__doc__ is not None
    rows = re.findall(r"^    (\S+) +(press|accept|answer|close) +(\w+)$", rules.__doc__, flags=re.MULTILINE)
    written = {(None if state == "(none)" else state, action): next_ for state, action, next_ in rows}
    assert written == dict(TRANSITIONS)


def test_presses_join_by_device_button_and_status() -> None:
    board = Board()
    real = press(board, alarm())
    assert press(board, alarm()).id == real.id
    assert press(board, alarm("other")).id != real.id
    drill = press(board, alarm(status="Exercise"))
    assert drill.id != real.id
    assert board.find(real.id).presses == 2


def test_a_press_after_the_close_opens_a_new_incident() -> None:
    board = Board()
    first = press(board, alarm())
    board.apply(board.accept(first.id, officer="Sari", screen="one", now_ns=NOW))
    board.apply(board.close(first.id, officer="Sari", screen="one", note=None, now_ns=NOW))
    assert press(board, alarm()).id != first.id


def test_the_first_to_accept_has_it() -> None:
    board = Board()
    incident = press(board, alarm())
    board.apply(board.accept(incident.id, officer="Sari", screen="one", now_ns=NOW))
    with pytest.raises(AlreadyAcceptedError) as caught:
        board.accept(incident.id, officer="Budi", screen="two", now_ns=NOW)
    assert caught.value.officer == "Sari"
    with pytest.raises(UnknownIncidentError):
        board.accept(new_event_id(), officer="Budi", screen="two", now_ns=NOW)


def test_nothing_closes_unaccepted() -> None:
    board = Board()
    with pytest.raises(NotPossibleError):
        board.close(press(board, alarm()).id, officer="Sari", screen="one", note=None, now_ns=NOW)


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
    board = Board(max_closed=3, max_seen=10)
    for number in range(20):
        incident = press(board, alarm(f"b{number}"))
        board.apply(board.accept(incident.id, officer="Sari", screen="one", now_ns=NOW))
        board.apply(board.close(incident.id, officer="Sari", screen="one", note=None, now_ns=NOW))
    assert len(board.closed()) == 3
    first = alarm()
    press(board, first)
    for _ in range(MAX_ROWS + 20):
        incident = press(board, alarm())
    assert (incident.presses, len(incident.rows)) == (MAX_ROWS + 21, MAX_ROWS)
    assert incident.rows[0].alarm.key == first.key
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

    @rule(target=incidents, button=st.sampled_from(["a", "b"]), status=st.sampled_from(["Actual", "Exercise"]))
    def press(self, button: str, status: str) -> str:
        """Press."""
        self.pressed += 1
        incident = self.happen(self.board.press(alarm(button, status), "alarm", NOW + self.pressed))
        assert incident.unanswered > 0
        assert incident.active
        return incident.id

    @rule(incident_id=incidents, officer=st.sampled_from(["Sari", "Budi"]))
    def accept(self, incident_id: str, officer: str) -> None:
        """Accept, or be told who has it."""
        before = self.board.find(incident_id)
        if before.state != "open":
            with pytest.raises(AlreadyAcceptedError) as caught:
                self.board.accept(incident_id, officer=officer, screen="one", now_ns=NOW)
            assert caught.value.officer == before.officer
            return
        after = self.happen(self.board.accept(incident_id, officer=officer, screen="one", now_ns=NOW))
        assert (after.state, after.officer, after.unanswered) == ("accepted", officer, 0)

    @rule(incident_id=incidents)
    def answer(self, incident_id: str) -> None:
        """Answer, which is for accepted ones only and keeps the officer."""
        before = self.board.find(incident_id)
        try:
            after = self.happen(self.board.answer(incident_id, officer="Dewi", screen="one", now_ns=NOW))
        except NotPossibleError:
            assert before.state != "accepted"
        else:
            assert (after.officer, after.unanswered) == (before.officer, 0)

    @rule(incident_id=consumes(incidents))
    def close(self, incident_id: str) -> None:
        """Close, which is for accepted ones only."""
        before = self.board.find(incident_id)
        try:
            self.happen(self.board.close(incident_id, officer="Sari", screen="one", note="x", now_ns=NOW))
        except NotPossibleError:
            assert before.state != "accepted"

    @invariant()
    def no_press_is_lost(self) -> None:
        """All presses are in some incident."""
        shown = self.board.active() + self.board.closed()
        assert len(self.board.closed()) >= 50 or sum(incident.presses for incident in shown) == self.pressed

    @invariant()
    def one_incident_a_place(self) -> None:
        """No two active incidents share device, button and status."""
        places = [(incident.device, incident.button, incident.status) for incident in self.board.active()]
        assert len(places) == len(set(places))

    def teardown(self) -> None:
        """Tell the records to a new board."""
        told = Board()
        for record in self.records:
            told.replay(record)
        assert told.misfits == 0
        assert told.active() == self.board.active()
        assert told.closed() == self.board.closed()


TestBoard = BoardMachine.TestCase
