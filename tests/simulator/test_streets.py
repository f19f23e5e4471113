"""Bandung's streets lie in Bandung and are as long as streets are."""

from __future__ import annotations

import math
from itertools import pairwise

from simulator.streets import Place, load_city, metres_between

WANTED = ("Asia Afrika", "Braga", "Juanda", "Djundjunan", "Pasupati", "Merdeka", "Martadinata", "Setiabudi", "Soekarno")


def test_the_main_streets_are_there() -> None:
    names = [street.name for street in load_city().streets]
    assert len(names) == len(set(names)) >= 15
    assert [part for part in WANTED if not any(part in name for name in names)] == []


def test_every_point_lies_in_bandung_and_no_leg_is_longer_than_3_km() -> None:
    city = load_city()
    for street in city.streets:
        assert len(street.points) >= 2
        for place in street.points:
            assert_in_bandung(place)
        for start, end in pairwise(street.points):
            assert 50 < math.hypot(*metres_between(start, end)) < 3_000
    for place in city.landmarks.values():
        assert_in_bandung(place)


def test_distances_agree_with_a_known_one() -> None:
    # A thousandth of a degree of latitude is 111.2 m; of longitude at 6.9° south 110.4 m.
    east, north = metres_between(Place(-6.9, 107.6), Place(-6.899, 107.601))
    assert abs(north - 111.2) < 0.1
    assert abs(east - 110.4) < 0.1


def assert_in_bandung(place: Place) -> None:
    assert -6.96 < place.latitude < -6.84
    assert 107.56 < place.longitude < 107.72
