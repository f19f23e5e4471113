"""What a page says of an incident."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from contract.inventory import parse_inventory
from duty_desk.channels.words import Language, page_words
from duty_desk.incidents.board import Board
from duty_desk.incidents.intake import read_alarm
from duty_desk.web.view import Places, where
from tests.duty_desk.conftest import INVENTORY, press_body

AT_NS = 1_795_325_400_999_999_999  # 05:30:00 UTC
PLACES = Places(parse_inventory(INVENTORY, source="test"))


@pytest.mark.parametrize(
    ("zone", "language", "told"),
    [
        ("Asia/Jakarta", "id", "Pukul 12:30:00 WIB."),
        ("Asia/Makassar", "id", "Pukul 13:30:00 WITA."),
        ("Asia/Jayapura", "en", "At 14:30:00 WIT."),
    ],
)
def test_a_page_tells_place_time_in_the_city_and_the_way(zone: str, language: Language, told: str) -> None:
    board = Board()
    incident = board.apply(board.press(read_alarm("box-1", press_body()), "alarm", AT_NS))
    assert incident is not None
    place = where(incident, PLACES)
    title, text = page_words(incident, place, language, ZoneInfo(zone))
    assert title.endswith(": Jl. Braga 10, depan Gedung Merdeka")
    assert f". {told} " in text
    assert text.endswith(place["instructions"][language])
    again = page_words(incident, place, language, ZoneInfo(zone), round_=1)[1]
    assert ("Nobody has answered yet." if language == "en" else "Belum ada yang menjawab.") in again
