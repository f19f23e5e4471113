"""What a call-taker types finds the place."""

from __future__ import annotations

import json
import random
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duty_desk.geo.geojson import read_streets
from duty_desk.geo.search import MAX_RESULTS, Place, Search
from duty_desk.geo.shapes import Point, join, simplify
from duty_desk.geo.words import one_off, words
from tests.duty_desk.geo.conftest import BANDUNG

STREETS: list[tuple[str, list[Point]]] = [
    ("Jalan Braga", [(107.6090, -6.9150), (107.6095, -6.9215)]),
    ("Jalan Naripan", [(107.6080, -6.9190), (107.6160, -6.9195)]),
    ("Jalan Asia Afrika", [(107.6040, -6.9208), (107.6130, -6.9218)]),
    ("Jalan Ir. H. Djuanda", [(107.6100, -6.9000), (107.6137, -6.8850)]),
    ("Jalan Soekarno-Hatta", [(107.5900, -6.9466), (107.6500, -6.9400)]),
    ("Jalan Terusan Buah Batu", [(107.6300, -6.9500), (107.6280, -6.9300)]),
    ("Jalan Jenderal Ahmad Yani", [(107.6200, -6.9150), (107.6558, -6.9025)]),
    ("Jalan H. Ibrahim Adjie", [(107.6450, -6.9300), (107.6452, -6.9100)]),
    ("Gang Kebon Pisang", [(107.6150, -6.9200), (107.6152, -6.9207)]),
    ("Jalan Merdeka", [(107.6110, -6.9100), (107.6115, -6.9140)]),
    ("Jalan Merdeka", [(107.5300, -6.8700), (107.5310, -6.8750)]),
]
PLACES = [
    Place("Jl. Braga 10, depan Gedung Merdeka", "button", -6.9211, 107.6098),
    Place("Alun-Alun, Jl. Asia Afrika", "site", -6.9217, 107.6071),
    Place("Stasiun Hall", "landmark", -6.9142, 107.6025),
]


@pytest.fixture(scope="module")
def search() -> Search:
    """Return the search of a small city."""
    return Search(STREETS, PLACES)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("braga", "Jalan Braga"),
        ("JL. BRAGA", "Jalan Braga"),
        ("jln brag", "Jalan Braga"),
        ("braga 10", "Jl. Braga 10, depan Gedung Merdeka"),
        ("gedung merdeka", "Jl. Braga 10, depan Gedung Merdeka"),
        ("naripan no. 12", "Jalan Naripan"),
        ("jl naripan no 12 rt 3", "Jalan Naripan"),
        ("nripan", "Jalan Naripan"),
        ("naripna", "Jalan Naripan"),
        ("naripaan", "Jalan Naripan"),
        ("maripan", "Jalan Naripan"),
        ("ir juanda", "Jalan Ir. H. Djuanda"),
        ("Ir.H.Djuanda", "Jalan Ir. H. Djuanda"),
        ("sukarno hatta", "Jalan Soekarno-Hatta"),
        ("soekarno hata", "Jalan Soekarno-Hatta"),
        ("jend a yani", "Jalan Jenderal Ahmad Yani"),
        ("jendral ahmad", "Jalan Jenderal Ahmad Yani"),
        ("ters buah batu", "Jalan Terusan Buah Batu"),
        ("gg kebon pisang", "Gang Kebon Pisang"),
        ("alun alun", "Alun-Alun, Jl. Asia Afrika"),
        ("stasiun", "Stasiun Hall"),
        ("braga naripan", "Jalan Braga × Jalan Naripan"),
        ("naripan braga", "Jalan Naripan × Jalan Braga"),
        ("simpang braga asia afrika", "Jalan Braga × Jalan Asia Afrika"),
        ("sudut jl. asia afrika dan jl. braga", "Jalan Asia Afrika × Jalan Braga"),
        ("soekarno hatta x buah batu", "Jalan Soekarno-Hatta × Jalan Terusan Buah Batu"),
        ("Café Brága", "Jalan Braga"),
    ],
)
def test_what_is_typed_finds(search: Search, typed: str, first: str) -> None:
    found = search.find(typed)
    assert [place.name for place in found][:1] == [first]


@pytest.mark.parametrize("typed", ["", "   ", "jalan", "jl.", "zzzzz", "x", "12", "¿?", "\x00", "' OR 1=1"])
def test_what_is_no_place_finds_nothing(search: Search, typed: str) -> None:
    assert [place.name for place in search.find(typed) if place.kind == "street"] == []


def test_a_crossing_lies_where_the_streets_meet(search: Search) -> None:
    [place] = search.find("braga naripan")
    assert place.kind == "crossing"
    assert abs(place.latitude - -6.91907) < 0.0001
    assert abs(place.longitude - 107.60931) < 0.0001


def test_streets_that_do_not_meet_have_no_crossing(search: Search) -> None:
    assert all(place.kind != "crossing" for place in search.find("braga soekarno hatta"))


def test_a_street_that_lies_across_a_dual_carriageway_or_ends_short_of_it_meets_it() -> None:
    lines: list[tuple[str, list[Point]]] = [
        ("Jalan Satu", [(107.60, -6.90000), (107.62, -6.90000)]),
        ("Jalan Satu", [(107.62, -6.90020), (107.60, -6.90020)]),
        ("Jalan Dua", [(107.61, -6.9100), (107.61, -6.9005)]),
        ("Jalan Jauh", [(107.612, -6.9100), (107.612, -6.9010)]),
    ]
    made = Search(lines)
    assert [place.name for place in made.find("satu dua")] == ["Jalan Satu × Jalan Dua"]
    assert all(place.kind != "crossing" for place in made.find("satu jauh")), "89 m apart"


def test_two_streets_of_one_name_are_two_places_and_two_spellings_of_one_are_one(search: Search) -> None:
    merdeka = [place for place in search.find("jalan merdeka") if place.kind == "street"]
    assert len(merdeka) == 2
    assert {round(place.longitude, 1) for place in merdeka} == {107.5, 107.6}
    made = Search([("Jalan Dr. Otten", STREETS[0][1]), ("Jl. Dokter Otten", STREETS[0][1])])
    assert len(made.find("otten")) == 1


def test_never_more_than_eight_and_none_twice() -> None:
    made = Search([(f"Jalan Kembar {number}", STREETS[0][1]) for number in range(100)])
    found = made.find("kembar")
    assert len(found) == MAX_RESULTS == len(set(found))


@given(st.text(max_size=300))
def test_any_text_is_answered(text: str) -> None:
    found = Search(STREETS, PLACES).find(text)
    assert len(found) <= MAX_RESULTS


@given(st.text("abcd", min_size=1, max_size=6), st.text("abcd", min_size=1, max_size=6))
def test_one_letter_is_what_the_distance_of_damerau_says(one: str, other: str) -> None:
    assert one_off(one, other) == (_distance(one, other) <= 1)


def _distance(one: str, other: str) -> int:
    """Return the optimal string alignment distance, the slow way."""
    rows: dict[tuple[int, int], int] = {}
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                rows[i, j] = i or j
                continue
            same = one[i - 1] == other[j - 1]
            rows[i, j] = min(rows[i - 1, j] + 1, rows[i, j - 1] + 1, rows[i - 1, j - 1] + (not same))
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i, j] = min(rows[i, j], rows[i - 2, j - 2] + 1)
    return rows[len(one), len(other)]


_POINTS = st.tuples(st.integers(0, 4).map(float), st.integers(0, 4).map(float))


@given(st.lists(st.lists(_POINTS, min_size=2, max_size=4), max_size=8))
def test_joined_lines_have_the_same_pieces(lines: list[list[Point]]) -> None:
    def pieces(of: Any) -> list[Any]:
        return sorted(tuple(sorted(pair)) for line in of for pair in pairwise(line))

    assert pieces(join(lines)) == pieces(lines)


@given(st.lists(_POINTS, min_size=1, max_size=30))
def test_a_simplified_line_keeps_its_ends_and_only_points_of_its_own(line: list[Point]) -> None:
    kept = simplify(line, 2.0)
    assert (kept[0], kept[-1]) == (line[0], line[-1])
    rest = iter(line)
    assert all(point in rest for point in kept), "in the same order"
    assert simplify(line, 0.0) == line or len(kept) < len(line)


def test_the_spelling_of_before_1972_is_todays() -> None:
    assert words("Jl. Soekarno Djuanda Tjiliwung") == words("Jalan Sukarno Juanda Ciliwung")


def test_words_are_bounded() -> None:
    assert len(words("braga " * 1_000)) == 12


@pytest.mark.slow
@pytest.mark.skipif(not BANDUNG.exists(), reason="the file of a deployer is not on this machine")
def test_in_a_real_city_a_search_takes_less_than_10_ms_and_each_street_is_found_by_name() -> None:
    features = json.loads(read_streets(BANDUNG.read_bytes(), source="x").body)["features"]
    lines = [
        (feature["properties"]["name"], [(x, y) for x, y in line])
        for feature in features
        for line in feature["geometry"]["coordinates"]
    ]
    made = Search(lines, PLACES)
    names = sorted({name for name, _ in lines if words(name)})
    chosen = random.Random(7)
    took_ms = []
    for name in chosen.sample(names, 150):
        other = chosen.choice(names)
        letters = list(name)
        letters.pop(chosen.randrange(len(letters)))
        for typed in (name, "".join(letters), f"{name} {other}", f"{name} no 1 depan {other} zzz"):
            began = time.thread_time()
            found = made.find(typed)
            took_ms.append((time.thread_time() - began) * 1000)
            if typed == name:
                assert words(name) in [words(place.name) for place in found], name
    took_ms.sort()
    p50_ms, p99_ms = (took_ms[len(took_ms) * share // 100] for share in (50, 99))
    print(f"{len(took_ms)} searches: p50 {p50_ms:.2f} ms, p99 {p99_ms:.2f} ms, most {took_ms[-1]:.2f} ms")
    assert p99_ms < 10
