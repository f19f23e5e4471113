"""Lines on the ground: distance, simplification, crossings. Pure; points are (longitude, latitude) in degrees, WGS 84.

Distances are of a plane at the place's latitude: within a city they are right to a fraction of a per cent.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

Point = tuple[float, float]
Line = Sequence[Point]
Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

METRES_PER_DEGREE: Final = 111_320.0


def distance_m(one: Point, other: Point) -> float:
    """Return the distance of two points in metres."""
    middle = math.radians((one[1] + other[1]) / 2)
    return math.hypot((one[0] - other[0]) * math.cos(middle), one[1] - other[1]) * METRES_PER_DEGREE


def box_of(points: Iterable[Point]) -> Box:
    """Return the box around points, of which there is at least one."""
    longitudes, latitudes = zip(*points, strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def inside(box: Box, point: Point, margin: float = 0.0) -> bool:
    """Return whether a point lies in a box that is made `margin` degrees larger on each side."""
    west, south, east, north = box
    return west - margin <= point[0] <= east + margin and south - margin <= point[1] <= north + margin


def simplify(line: Line, tolerance_m: float) -> list[Point]:
    """Return a line without the points that lie less than `tolerance_m` off it (Douglas and Peucker, 1973)."""
    if len(line) < 3:
        return list(line)
    scale = math.cos(math.radians(line[0][1])) * METRES_PER_DEGREE
    flat = [(x * scale, y * METRES_PER_DEGREE) for x, y in line]
    kept = {0, len(line) - 1}
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        farthest, off = first, tolerance_m
        for place in range(first + 1, last):
            away = math.dist(flat[place], nearest_on(flat[place], flat[first], flat[last]))
            if away > off:
                farthest, off = place, away
        if farthest != first:
            kept.add(farthest)
            spans += [(first, farthest), (farthest, last)]
    return [line[place] for place in sorted(kept)]


def join(lines: Iterable[Line]) -> list[list[Point]]:
    """Return lines joined where one ends and exactly one other begins or ends; at junctions they stay apart."""
    joined = {number: list(line) for number, line in enumerate(lines)}
    ends: dict[Point, set[int]] = defaultdict(set)
    for number, line in joined.items():
        ends[line[0]].add(number)
        ends[line[-1]].add(number)
    for end, numbers in ends.items():
        if len(numbers) != 2:
            continue
        one, other = numbers
        first, second = joined[one], joined.pop(other)
        if end not in (first[0], first[-1]) or end not in (second[0], second[-1]):
            joined[other] = second
            continue
        if first[-1] != end:
            first.reverse()
        if second[0] != end:
            second.reverse()
        first += second[1:]
        far = ends[second[-1]]
        far.discard(other)
        far.add(one)
    return list(joined.values())


def nearest_on(point: Point, start: Point, end: Point) -> Point:
    """Return the point of a segment that is nearest to a point, on a plane."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    if length == 0:
        return start
    share = max(0.0, min(1.0, ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length))
    return start[0] + share * dx, start[1] + share * dy


def nearest_of_segments(one: tuple[Point, Point], other: tuple[Point, Point]) -> tuple[float, Point]:
    """Return how near two segments come, in metres, and the point in the middle between them."""
    crossing = _crossing(one, other)
    if crossing is not None:
        return 0.0, crossing
    scale = max(math.cos(math.radians(one[0][1])), 1e-6)
    a, b = ([(x * scale, y) for x, y in segment] for segment in (one, other))
    pairs = [
        *((point, nearest_on(point, b[0], b[1])) for point in a),
        *((point, nearest_on(point, a[0], a[1])) for point in b),
    ]
    here, there = min(pairs, key=lambda pair: math.dist(*pair))
    middle = ((here[0] + there[0]) / 2 / scale, (here[1] + there[1]) / 2)
    return math.dist(here, there) * METRES_PER_DEGREE, middle


def _crossing(one: tuple[Point, Point], other: tuple[Point, Point]) -> Point | None:
    """Return where two segments cross, or None."""
    (ax, ay), (bx, by) = one
    (cx, cy), (dx, dy) = other
    across = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx)
    if across == 0:
        return None
    along = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / across
    along_other = ((cx - ax) * (by - ay) - (cy - ay) * (bx - ax)) / across
    if not (0 <= along <= 1 and 0 <= along_other <= 1):
        return None
    return ax + along * (bx - ax), ay + along * (by - ay)
