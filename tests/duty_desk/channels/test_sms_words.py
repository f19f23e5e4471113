"""What an SMS says, and what an answer means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.identity import new_event_id
from duty_desk.channels.sms.words import code_of, gsm7, phone_number, read_reply, sms_text, which_text
from duty_desk.errors import ContactError
from simulator.modem.pdu import BASIC
from tests.duty_desk.channels.smsd import page


@given(st.text(max_size=60), st.text(max_size=400), st.sampled_from(["A7", None]), st.sampled_from(["id", "en"]))
def test_whatever_the_place_it_is_one_part_in_letters_of_gsm_and_has_its_code(
    title: str, text: str, code: str | None, language: str
) -> None:
    said = sms_text(replace(page(), title=title, text=text), code, language)  # type: ignore[arg-type]
    assert len(said) <= 160
    assert set(said) <= set(BASIC)
    if code is not None:
        assert "(A7)" in said


def test_status_what_where_and_when_come_first_and_nothing_is_said_twice() -> None:
    long = replace(
        page(incident=new_event_id(), title="LATIHAN Tombol darurat: Jl. Ćihampelas 1"), text="Pukul 21:04:05 WIB."
    )
    assert sms_text(long, "A7", "en").startswith("LATIHAN Tombol darurat: Jl. Cihampelas 1 21:04:05.")
    assert "21:04:05" in sms_text(replace(long, title="T" * 60, text="x" * 300 + " 21:04:05 WIB."), "A7", "id")
    widest = sms_text(replace(page(), title="…" * 60), "A7", "id")
    assert len(widest) == 160
    assert widest.endswith("(A7) Balas 1=terima 2=tidak bisa")
    assert gsm7("🚨 Jl. “Braga” – 10…") == 'Jl. "Braga" - 10...'


@pytest.mark.parametrize(
    ("text", "answer", "code"),
    [
        ("1", "accept", None),
        (" 1 A7 ", "accept", "A7"),
        ("1a7.", "accept", "A7"),
        ("2", "cannot", None),
        ("Tidak bisa", "cannot", None),
        ("TIDAK c3!", "cannot", "C3"),
    ],
)
def test_an_answer_is_read(text: str, answer: str, code: str | None) -> None:
    reply = read_reply(text)
    assert reply is not None
    assert (reply.answer, reply.code) == (answer, code)


@pytest.mark.parametrize(
    "text", ["", "ok", "11", "12", "1 2", "saya terima 1", "1 A7 B3", "tidak tahu", "10 menit lagi"]
)
def test_anything_else_is_no_answer(text: str) -> None:
    assert read_reply(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("0811-5550 110", "+628115550110"), ("+62 811 555 0110", "+628115550110"), ("628115550110", "+628115550110")],
)
def test_a_number_is_kept_as_e164(text: str, number: str) -> None:
    assert phone_number(text, "62") == number


@pytest.mark.parametrize("text", ["", "110", "+0811555", "0811", "+62811x", "+6281155501101234567"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ContactError):
        phone_number(text, "62")


def test_a_code_is_the_same_each_time_and_no_other_incident_has_it() -> None:
    taken: set[str] = set()
    for _ in range(100):
        incident = new_event_id()
        code = code_of(incident, taken)
        assert code == code_of(incident, taken)
        assert code not in taken
        taken.add(code)
    assert len(which_text({"A7": "x" * 60, "C3": "y" * 60, "D4": "z" * 60, "E5": "w" * 60}, "en")) <= 160
