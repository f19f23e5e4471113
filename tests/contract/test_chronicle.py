"""What the store keeps beside readings."""

from __future__ import annotations

from contract.chronicle import beat_point, incident_point, report_point
from contract.messages import Books, Heartbeat, IncidentMessage, Report

OPENED = 1_760_000_000_000_000_000
S = 1_000_000_000


def incident(**more: object) -> IncidentMessage:
    """Return an incident of a button."""
    body = {
        "incident_id": "one",
        "state": "open",
        "status": "Actual",
        "device": "box-1",
        "button": "sos",
        "opened_at_ns": OPENED,
        "changed_at_ns": OPENED,
        "presses": 1,
        "incomplete": False,
    }
    return IncidentMessage.model_validate(body | more)


def test_each_change_of_an_incident_writes_the_same_point() -> None:
    first = incident_point(incident(received_at_ns=OPENED + S // 4))
    later = incident_point(
        incident(
            state="on_the_way", accepted_at_ns=OPENED + 12 * S, departed_at_ns=OPENED + 90 * S, officer="Petugas 1"
        )
    )
    assert (later.measurement, later.tags, later.time_ns) == (first.measurement, first.tags, first.time_ns)
    assert first.policy == "hour"
    assert (first.fields["ring_s"], first.fields["state"]) == (0.25, "open")
    assert (later.fields["accept_s"], later.fields["depart_s"]) == (12.0, 90.0)
    assert "resolve_s" not in later.fields


def test_no_name_of_a_person_goes_to_the_store() -> None:
    point = incident_point(incident(officer="Petugas 1"))
    assert "Petugas 1" not in str(point)


def test_a_call_has_no_device() -> None:
    point = incident_point(incident(device=None, button=None, origin="call", presses=0))
    assert point.tags == {"device": "-", "origin": "call", "status": "Actual"}


def test_a_clock_that_was_set_gives_no_negative_time() -> None:
    assert incident_point(incident(accepted_at_ns=OPENED - S)).fields["accept_s"] == 0.0


def test_a_report_gives_its_books_and_its_first_fault() -> None:
    report = Report(
        device="box-1",
        boot="b",
        timestamp_ns=OPENED,
        clock="ntp",
        software="1",
        readings=Books(produced=10, receipted=6, waiting=1, dropped={"age": 2, "space": 1}),
        presses=Books(produced=1, receipted=1, waiting=0, dropped={}),
        faults={"line sos": 3, "card": 1},
    )
    fields = report_point(report).fields
    assert (fields["produced"], fields["waiting"], fields["dropped"], fields["faults"]) == (10, 1, 3, 2)
    assert (fields["clock_trusted"], fields["fault"]) == (1, "card")
    assert beat_point(Heartbeat(desk="desk", timestamp_ns=OPENED, open_incidents=2, recording=True)).fields == {
        "open_incidents": 2,
        "recording": 1,
    }
