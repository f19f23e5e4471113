"""Incidents, reports and the desk's sign of life on their way to the walls: what waits, what counts, what is left."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from collector import chronicle as module
from collector.books_file import FILE
from collector.books_keeper import BooksKeeper
from collector.chronicle import BEAT_NS, MOST_INCIDENTS, Chronicle, lines_of
from collector.chronicle_keeper import ChronicleKeeper
from contract.messages import Books, Heartbeat, IncidentMessage, Report, encode
from contract.topics import HEARTBEAT, INCIDENT
from contract.topics import report as report_topic
from link import Session
from siaga.stack.influxdb import COLLECTOR
from siaga.stack.mosquitto import Mosquitto
from tests.conftest import Database
from tests.link.harness import until

S = 10**9
NOW = 1_795_300_000 * S


def _incident(name: str = "one", *, at_ns: int = NOW, changed_ns: int = NOW, **more: object) -> bytes:
    body = {
        "incident_id": name, "state": "open", "status": "Actual", "device": "box-1", "button": "sos",
        "opened_at_ns": at_ns, "changed_at_ns": changed_ns, "presses": 1, "incomplete": False,
    }  # fmt: skip
    return encode(IncidentMessage.model_validate(body | more))


def _report(at_ns: int = NOW, device: str = "box-1") -> bytes:
    books = Books(produced=9, receipted=7, waiting=2, dropped={})
    return encode(
        Report(
            device=device,
            boot="b",
            timestamp_ns=at_ns,
            clock="ntp",
            software="1",
            readings=books,
            presses=books,
            faults={"disk_low": 1},
        )
    )


def _beat(at_ns: int = NOW, desk: str = "desk") -> bytes:
    return encode(Heartbeat(desk=desk, timestamp_ns=at_ns, open_incidents=3, recording=True))


def _states(chronicle: Chronicle) -> list[object]:
    return [point.fields["state"] for _, _, point in chronicle.waiting()[0]]


def test_of_each_incident_the_newest_state_waits_whatever_the_order() -> None:
    chronicle = Chronicle()
    for state, changed_s in (("open", 0), ("on_the_way", 40), ("accepted", 10)):
        chronicle.take(INCIDENT, _incident(state=state, changed_ns=NOW + changed_s * S), NOW + 60 * S)
    assert _states(chronicle) == ["on_the_way"]
    written, _ = chronicle.waiting()
    chronicle.take(INCIDENT, _incident(state="resolved", changed_ns=NOW + 50 * S), NOW + 60 * S)
    chronicle.incidents_written(written)
    assert _states(chronicle) == ["resolved"], "it changed while the other was written"
    chronicle.incidents_written(chronicle.waiting()[0])
    assert len(chronicle) == 0


def test_everything_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POINTS", 5)
    chronicle = Chronicle()
    for number in range(MOST_INCIDENTS + 3):
        chronicle.take(INCIDENT, _incident(f"i-{number}"), NOW)
    assert len(chronicle) == MOST_INCIDENTS
    assert chronicle.counters["dropped"] == 3
    first = chronicle.waiting()[0][0][0]
    assert first == "i-3", "the one that changed longest ago went"
    for number in range(8):
        chronicle.take(report_topic("box-1"), _report(NOW + number * S), NOW)
    _, points = chronicle.waiting()
    assert [point.time_ns for point in points] == [NOW + number * S for number in range(3, 8)]
    # While these are written two more come and push two of them out.
    for number in (8, 9):
        chronicle.take(report_topic("box-1"), _report(NOW + number * S), NOW)
    chronicle.points_written(points)
    assert [point.time_ns for point in chronicle.waiting()[1]] == [NOW + 8 * S, NOW + 9 * S]


def test_one_sign_of_life_in_ten_seconds_is_kept_and_a_clock_set_back_is_heard() -> None:
    chronicle = Chronicle()
    for second in range(0, 40, 2):
        chronicle.take(HEARTBEAT, _beat(NOW + second * S), NOW + 60 * S)
    assert [point.time_ns for point in chronicle.waiting()[1]] == [NOW + number * BEAT_NS for number in range(4)]
    chronicle.take(HEARTBEAT, _beat(NOW - 3_600 * S), NOW)
    assert chronicle.counters["beats"] == 5
    for number in range(100):
        chronicle.take(HEARTBEAT, _beat(desk=f"desk-{number}"), NOW)
    assert len(chronicle._beats) == module.MOST_DESKS


@pytest.mark.parametrize(
    ("topic", "body", "why"),
    [
        (INCIDENT, b"{", "not json"),
        (INCIDENT, _incident(at_ns=1), "its clock is far off"),
        (INCIDENT, _incident(at_ns=NOW + 86_400 * S * 30), "its clock is far off"),
        (HEARTBEAT, _beat(0), "its clock is far off"),
        (HEARTBEAT, _report(), "invalid"),
        (report_topic("box-1"), _report(device="box-2"), "not of this device"),
        (report_topic("box-1"), _report(at_ns=NOW + 86_400 * S * 30), "its clock is far off"),
        ("siaga/v1/up/box-1", _report(), "unknown topic"),
    ],
)
def test_what_is_none_is_counted_and_left(topic: str, body: bytes, why: str) -> None:
    chronicle = Chronicle()
    chronicle.take(topic, body, NOW)
    assert (len(chronicle), dict(chronicle.counters)) == (0, {f"refused: {why}": 1})


def test_a_retained_message_is_of_nobody_knows_when() -> None:
    chronicle = Chronicle()
    chronicle.take(INCIDENT, _incident(), NOW, retained=True)
    assert len(chronicle) == 0


def test_its_lines_are_quoted() -> None:
    chronicle = Chronicle()
    chronicle.take(INCIDENT, _incident('a"b\\', reason="test, one=two"), NOW)
    text = lines_of([point for _, _, point in chronicle.waiting()[0]]).decode()
    assert text.startswith('incident,device=box-1,origin=press,status=Actual incident_id="a\\"b\\\\",')
    assert 'reason="test, one=two"' in text


@pytest.mark.slow
async def test_the_walls_have_it_and_after_an_outage_each_incident_as_it_stands(
    tmp_path: Path, telemetry_broker: Mosquitto, influxdb: Database
) -> None:
    # The store lost its database: nobody may write until an admin has made it again.
    server, database = influxdb.server, f"{influxdb.database}_chronicle"
    now_ns = _now_ns()
    async with influxdb.store(COLLECTOR, database=database) as store:
        walls = ChronicleKeeper(store, gather_s=0.05)
        books = BooksKeeper(telemetry_broker.service("books"), tmp_path / FILE, gather_s=0.05, chronicle=walls.hear)
        desk = Session(telemetry_broker.service("desk"), "desk")
        box = Session(telemetry_broker.device("box-1"), "box-1")
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(one.run()) for one in (books, walls, desk, box)]
            await until(lambda: books.session.connected and desk.connected and box.connected)
            await desk.publish(INCIDENT, _incident(at_ns=now_ns, changed_ns=now_ns))
            await until(lambda: any("incidents do not reach the walls" in line for line in walls.told()))
            later_ns = now_ns + 9 * S
            await desk.publish(
                INCIDENT,
                _incident(at_ns=now_ns, changed_ns=later_ns, state="accepted", accepted_at_ns=later_ns),
            )
            await desk.publish(HEARTBEAT, _beat(now_ns))
            await box.publish(report_topic("box-1"), _report(now_ns))
            await until(lambda: len(walls.chronicle) == 3)
            server.create_database(database)
            server.administer(f'CREATE RETENTION POLICY "hour" ON "{database}" DURATION 3650d REPLICATION 1')
            await until(lambda: not len(walls.chronicle) and not walls.told())
            assert books.counters["reports"] == 0, "without a stream it is no mark of the books"
            for task in running:
                task.cancel()
    try:
        [incident] = server.query('SELECT "state", "accept_s", "presses" FROM "hour"."incident"', database=database)
        assert incident["values"] == [[now_ns, "accepted", 9, 1]]
        [beat] = server.query('SELECT "open_incidents", "recording" FROM "desk_beat"', database=database)
        assert beat["values"] == [[now_ns, 3, 1]]
        fields = '"waiting", "faults", "faulty", "fault"'
        [report] = server.query(f'SELECT {fields} FROM "box_report" GROUP BY "device"', database=database)
        assert (report["tags"], report["values"]) == ({"device": "box-1"}, [[now_ns, 2, 1, 1, "disk_low"]])
    finally:
        server.drop_database(database)


def _now_ns() -> int:
    import time

    return time.time_ns()
