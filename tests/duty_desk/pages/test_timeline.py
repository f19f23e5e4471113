"""What happened with an incident, entry by entry, recorded or not."""

from __future__ import annotations

from collections.abc import Sequence

from duty_desk.incidents.board import Board
from duty_desk.incidents.entries import PressEntry
from duty_desk.incidents.records import Record
from duty_desk.ledger.archive_query import Line
from duty_desk.web.timeline import LineView, pending, recorded
from tests.duty_desk.test_incident import NOW, ONE, OPERATOR, alarm, report

MS = 1_000_000


def happened() -> tuple[Board, list[Record], str]:
    """Return a board with a press that was shown, accepted with a note and cancelled; the records; the incident."""
    board = Board()
    records: list[Record] = []

    def do(record: Record | None) -> None:
        assert record is not None
        board.apply(record)
        records.append(record)

    one = alarm()
    do(board.press(one, "telemetry", NOW))
    (incident,) = board.active()
    do(board.delivery("shown", incident.id, ONE, NOW + 40 * MS, key=one.key, painted_at_ns=NOW + 38 * MS))
    do(board.escalate(incident.id, 0, ("officer",), NOW + 50 * MS))
    do(board.act("accept", incident.id, ONE, NOW + 900 * MS, note="ke sana"))
    do(board.act("cancel", incident.id, ONE, NOW + 2_000 * MS, reason="duplicate"))
    return board, records, incident.id


def as_rows(records: Sequence[Record]) -> list[Line]:
    """Return records as the ledger tells them."""
    return [
        Line(row, f"{row:064x}", record.entry, {name: aside.text for name, aside in record.asides.items()})
        for row, record in enumerate(records, 1)
    ]


def test_each_entry_tells_who_where_when_and_how_long_it_took() -> None:
    _, records, _ = happened()
    press, shown, escalated, accept, cancel = recorded(as_rows(records), None)
    assert (press.sequence, press.kind, press.lane, press.who, press.hop_ms) == (1, "press", "telemetry", None, 0)
    assert (shown.screen, shown.hop_ms, shown.painted_at_ms) == ("Layar 1", 40, (NOW + 38 * MS) // MS)
    assert (escalated.step, escalated.rings, escalated.hop_ms) == (0, ["officer"], 50)
    assert (accept.who, accept.screen, accept.text) == ("Petugas 1", "Layar 1", "ke sana")
    assert (cancel.reason, cancel.text, cancel.at_ms) == ("duplicate", None, NOW // MS + 2_000)


def test_what_was_erased_is_a_dash_and_what_never_was_is_nothing() -> None:
    _, records, _ = happened()
    rows = [Line(line.sequence, line.hash, line.entry) for line in as_rows(records)]
    *_, accept, cancel = recorded(rows, None)
    assert (accept.who, accept.text) == ("—", "—")
    assert (cancel.who, cancel.text) == ("—", None)


def test_a_row_that_is_no_entry_stands_where_it_was() -> None:
    (one,) = recorded([Line(7, "ab", None)], None)
    assert (one.sequence, one.kind) == (7, "unknown")


def test_what_waits_is_told_without_a_row_and_nothing_twice() -> None:
    _, records, incident_id = happened()
    # Two were committed between the look at what waits and the reading.
    views = pending(as_rows(records[:3]), records[1:], None, incident_id)
    assert [(view.kind, view.sequence, view.hash) for view in views] == [("accept", None, None), ("cancel", None, None)]
    assert views[0].who == "Petugas 1"
    assert pending(as_rows(records), records, None, incident_id) == []


def test_what_waits_of_another_incident_is_not_told() -> None:
    _, records, _ = happened()
    assert pending([], records, None, "another") == []


def test_a_press_that_the_ledger_had_no_room_for_is_told_from_memory() -> None:
    board, records, incident_id = happened()
    views = pending([], [], board.find(incident_id), incident_id)
    assert [view.kind for view in views] == ["press"]
    assert isinstance(records[0].entry, PressEntry)
    assert views[0].key == records[0].entry.key


def test_a_call_from_memory_has_its_texts() -> None:
    board = Board()
    record = board.report(report(caller="0812", text="asap"), OPERATOR, NOW)
    board.apply(record)
    (incident,) = board.active()
    (view,) = pending([], [], incident, incident.id)
    assert (view.who, view.address, view.caller, view.text) == ("Operator 112", "Jl. Braga 1", "0812", "asap")
    assert view == pending([], [record], None, incident.id)[0]


def test_no_line_carries_keys_of_another_kind() -> None:
    _, records, _ = happened()
    always = {"sequence", "hash", "at_ms", "at_clock", "kind", "who", "screen", "text"}
    views: list[LineView] = recorded(as_rows(records), None)
    assert [set(view.model_dump(exclude_unset=True)) - always for view in views][3:] == [set(), {"reason"}]
