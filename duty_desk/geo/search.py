"""Finds a street, a crossing, a button or a site by what somebody types while a caller is on the line. Pure.

A query's words must each fit a word of the name: whole, its beginning, or with one letter wrong. When nothing fits them
all, house numbers and words such as "depan" are left aside, then any one word. Of two streets the place where they meet
is found: "braga naripan".
"""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

from duty_desk.geo.shapes import Point, distance_m, nearest_of_segments
from duty_desk.geo.words import ASIDE, BETWEEN, COMMON, one_off, words

PlaceKind = Literal["street", "crossing", "button", "site", "landmark"]

MAX_RESULTS: Final = 8
MEET_M: Final = 60.0
"""Two streets that come this near meet: a dual carriageway is two lines, and a junction has an extent."""
_APART_DEG: Final = 0.02
"""Lines of one name that lie farther apart, about 2 km, are two streets of that name."""
_CELL_DEG: Final = 0.001
_PIECE_DEG: Final = 0.004
_REACH_DEG: Final = 0.0009
"""More than MEET_M at any latitude up to 50 degrees."""
_MIN_FORGIVEN: Final = 4
_CANDIDATES: Final = 6
_MAX_COMPARED: Final = 5_000
"""Pairs of segments of two streets, about 10 ms; where they meet is found long before."""
_KIND_RANK: Final[dict[PlaceKind, int]] = {"crossing": 0, "button": 1, "site": 1, "street": 1, "landmark": 2}
_WHOLE, _BEGINNING, _WRONG, _WRONG_BEGINNING = 0, 1, 3, 4


@dataclass(frozen=True, slots=True)
class Place:
    """A place that was found. `latitude` and `longitude` in degrees, WGS 84."""

    name: str
    kind: PlaceKind
    latitude: float
    longitude: float


Segment = tuple[Point, Point]
Fitting = dict[str, dict[int, int]]
"""Of each word asked for: the entries it fits, by number, and how badly."""
Met = dict[frozenset[int], Place | None]
"""Of each two entries that were compared: where they meet."""
Rank = tuple[int, int, int, int, int, str]


@dataclass(slots=True)
class _Entry:
    place: Place
    words: tuple[str, ...]
    size: int = 0
    cells: dict[tuple[int, int], list[Segment]] = field(default_factory=dict)


class Search:
    """Everything that can be found, ready to be asked.

    Args:
        streets: Each line with the name of its street.
        places: Buttons, sites and landmarks.
    """

    def __init__(self, streets: Iterable[tuple[str, Sequence[Point]]], places: Iterable[Place] = ()) -> None:
        self._entries = [_Entry(place, tuple(words(place.name))) for place in places]
        same: dict[tuple[str, ...], dict[str, list[Sequence[Point]]]] = defaultdict(lambda: defaultdict(list))
        for name, line in streets:
            if len(line) > 1 and (key := tuple(words(name))):
                same[key][name].append(line)
        for spellings in same.values():
            name = max(spellings, key=lambda one: len(spellings[one]))
            for group in _apart([line for lines in spellings.values() for line in lines]):
                self._entries.append(_street(name, group))
        holders: dict[str, list[int]] = defaultdict(list)
        for number, entry in enumerate(self._entries):
            for word in set(entry.words):
                holders[word].append(number)
        self._holders = dict(holders)
        self._vocabulary = sorted(holders)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, query: str, limit: int = MAX_RESULTS) -> list[Place]:
        """Return the places that fit a query best, the best first; at most `limit`."""
        asked = words(query)
        fits: dict[bool, Fitting] = {False: {}, True: {}}
        met: Met = {}
        for attempt in _attempts(asked):
            for forgiving in (False, True):
                fitting = fits[forgiving]
                for word in attempt:
                    if word not in fitting:
                        fitting[word] = self._fitting(word, forgiving=forgiving)
                found = self._places(attempt, fitting, met, limit)
                if found:
                    return found
        return []

    def _places(self, asked: Sequence[str], fitting: Fitting, met: Met, limit: int) -> list[Place]:
        ranked = self._ranked(asked, fitting)
        found = [entry.place for _, entry in ranked[:limit]]
        if len(asked) > 1:
            # Behind a street that is called so, before what fits otherwise.
            at = 1 if ranked and ranked[0][0][0] == 0 and ranked[0][1].place.kind == "street" else 0
            found[at:at] = self._crossings(asked, fitting, met, {id(entry) for _, entry in ranked})
        return list(dict.fromkeys(found))[:limit]

    def _fitting(self, word: str, *, forgiving: bool) -> dict[int, int]:
        """Return the entries that have such a word, each with how badly it fits."""
        found: dict[int, int] = {}
        start = bisect.bisect_left(self._vocabulary, word)
        for place in range(start, len(self._vocabulary)):
            known = self._vocabulary[place]
            if not known.startswith(word):
                break
            self._note(found, known, _WHOLE if known == word else _BEGINNING)
        if forgiving and len(word) >= _MIN_FORGIVEN and not word.isdigit():
            for known in self._vocabulary:
                if known[0] != word[0] and known[1:2] != word[1:2] and known[0] != word[1]:
                    continue  # no single mistake makes one of the other
                if one_off(word, known):
                    self._note(found, known, _WRONG)
                elif len(known) > len(word) > _MIN_FORGIVEN and any(
                    one_off(word, known[: len(word) + by]) for by in (0, 1, -1)
                ):
                    self._note(found, known, _WRONG_BEGINNING)
        return found

    def _note(self, found: dict[int, int], word: str, fault: int) -> None:
        for number in self._holders[word]:
            found[number] = min(fault, found.get(number, fault))

    def _ranked(self, asked: Sequence[str], fitting: Fitting) -> list[tuple[Rank, _Entry]]:
        """Return the entries that fit every word, the best first."""
        numbers = set(fitting[asked[0]]).intersection(*(fitting[word] for word in asked[1:]))
        ranked: list[tuple[Rank, _Entry]] = []
        for number in numbers:
            entry = self._entries[number]
            fault = sum(fitting[word][number] for word in asked)
            first = 0 if entry.words[0].startswith(asked[0][:3]) else 1
            place = entry.place
            rank = (fault, _KIND_RANK[place.kind], first, len(entry.words), -entry.size, place.name)
            ranked.append((rank, entry))
        ranked.sort(key=lambda one: one[0])
        return ranked

    def _crossings(self, asked: Sequence[str], fitting: Fitting, met: Met, whole: set[int]) -> list[Place]:
        """Return where streets meet whose names the query has one after the other; `whole` fit all of it alone."""
        found: dict[frozenset[str], Place] = {}
        for split in range(1, len(asked)):
            sides = [[word for word in side if word not in BETWEEN] for side in (asked[:split], asked[split:])]
            if not all(sides):
                continue
            one, other = ([entry for entry in self._streets(side, fitting) if id(entry) not in whole] for side in sides)
            for here in one:
                for there in other:
                    names = frozenset((here.place.name, there.place.name))
                    if len(names) == 1 or names in found:
                        continue
                    pair = frozenset((id(here), id(there)))
                    if pair not in met:
                        met[pair] = _meeting(here, there)
                    if (place := met[pair]) is not None:
                        found[names] = place
        return list(found.values())[:MAX_RESULTS]

    def _streets(self, asked: Sequence[str], fitting: Fitting) -> list[_Entry]:
        ranked = [entry for _, entry in self._ranked(asked, fitting) if entry.place.kind == "street"]
        return ranked[:_CANDIDATES]


def _attempts(asked: list[str]) -> Iterator[list[str]]:
    """Yield what to look for, one after the other, until something is found."""
    if not asked:
        return
    yield asked
    kept = [word for word in asked if not word.isdigit() and word not in ASIDE]
    if kept and kept != asked:
        yield kept
    kept = kept or asked
    if len(kept) > 1:
        # The last word first: it may not be typed to its end.
        for place in reversed(range(len(kept))):
            rest = kept[:place] + kept[place + 1 :]
            if any(word not in COMMON for word in rest):
                yield rest


def _street(name: str, lines: list[Sequence[Point]]) -> _Entry:
    cells: dict[tuple[int, int], list[Segment]] = defaultdict(list)
    for line in lines:
        for segment in pairwise(line):
            for piece in _pieces(segment):
                for cell in _cells(piece):
                    cells[cell].append(piece)
    points = [point for line in lines for point in line]
    middle = (sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points))
    on_it = min(points, key=lambda point: distance_m(point, middle))
    place = Place(name, "street", round(on_it[1], 6), round(on_it[0], 6))
    return _Entry(place, tuple(words(name)), len(points), dict(cells))


def _pieces(segment: Segment) -> list[Segment]:
    """Return a segment in pieces of a few squares each: the box of a long slanting one holds very many."""
    (ax, ay), (bx, by) = segment
    count = math.ceil(max(abs(bx - ax), abs(by - ay)) / _PIECE_DEG) or 1
    points = [(ax + (bx - ax) * at / count, ay + (by - ay) * at / count) for at in range(count + 1)]
    return list(pairwise(points))


def _cells(segment: Segment) -> Iterator[tuple[int, int]]:
    """Yield the squares that a segment's box touches, with a margin so that what meets shares one."""
    (ax, ay), (bx, by) = segment
    margin = 0.0003
    for column in range(int((min(ax, bx) - margin) // _CELL_DEG), int((max(ax, bx) + margin) // _CELL_DEG) + 1):
        for row in range(int((min(ay, by) - margin) // _CELL_DEG), int((max(ay, by) + margin) // _CELL_DEG) + 1):
            yield column, row


def _meeting(here: _Entry, there: _Entry) -> Place | None:
    """Return where two streets come nearest, when they meet."""
    best_m, best = MEET_M, None
    left = _MAX_COMPARED
    for cell in here.cells.keys() & there.cells.keys():
        for segment in here.cells[cell]:
            for other in there.cells[cell]:
                left -= 1
                if left < 0 or best_m == 0:
                    break
                if _far(segment, other):
                    continue
                away_m, middle = nearest_of_segments(segment, other)
                if away_m < best_m:
                    best_m, best = away_m, middle
    if best is None:
        return None
    return Place(f"{here.place.name} × {there.place.name}", "crossing", round(best[1], 6), round(best[0], 6))


def _far(one: Segment, other: Segment) -> bool:
    """Return whether two segments surely lie farther apart than streets that meet; it costs little."""
    (ax, ay), (bx, by) = one
    (cx, cy), (dx, dy) = other
    return (
        max(ay, by) + _REACH_DEG < min(cy, dy)
        or max(cy, dy) + _REACH_DEG < min(ay, by)
        or max(ax, bx) + _REACH_DEG < min(cx, dx)
        or max(cx, dx) + _REACH_DEG < min(ax, bx)
    )


def _apart(lines: list[Sequence[Point]]) -> list[list[Sequence[Point]]]:
    """Return the lines in groups that lie apart from one another: streets of the same name in two towns."""
    groups: list[tuple[set[tuple[int, int]], list[Sequence[Point]]]] = []
    for line in lines:
        cells = {(int(x // _APART_DEG), int(y // _APART_DEG)) for x, y in line}
        around = {(column + dx, row + dy) for column, row in cells for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
        touching = [group for group in groups if not group[0].isdisjoint(around)]
        groups = [group for group in groups if group[0].isdisjoint(around)]
        joined = [one for group in touching for one in group[1]]
        groups.append((cells.union(*(group[0] for group in touching)), [*joined, line]))
    return [members for _, members in groups]
