"""The day's incidents and the desk's sign of life. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from contract.chronicle import DESK_BEAT, Point, incident_point, tests_fields
from contract.messages import AlertStatus, IncidentMessage, IncidentOrigin, IncidentState, PathHop, PathTests
from simulator.history.fates import Fate
from simulator.history.plan import HOUR, MINUTE, Plan, S, hour_of
from simulator.history.series import Series
from simulator.streets import Place

DESK: Final = "desk"
BEAT_NS: Final = 10 * S
_ORIGINS: Final[tuple[IncidentOrigin, ...]] = ("press",) * 14 + ("call",) * 3 + ("threshold",) * 2 + ("fault",)
_STATUSES: Final[tuple[AlertStatus, ...]] = ("Actual",) * 9 + ("Exercise",) + ("Test",)
_RING_MEDIAN_S, _ACCEPT_MEDIAN_S, _DEPART_MEDIAN_S, _RESOLVE_MEDIAN_S = 0.35, 8.0, 55.0, 1_300.0
_NOBODY_HURRIES: Final = 4
"""A drill is accepted so many times later."""
_STILL_OPEN: Final = 3
"""The last of the day are open at its end; the first of them is a drill."""


def incidents(plan: Plan, known: dict[str, Fate], places: dict[str, Place]) -> list[IncidentMessage]:
    """Return the incidents as they stand at the day's end, by time."""
    chance = plan.random("incidents")
    heard = [box for box in plan.fixed if not known.get(box, Fate()).never]
    length_ns = plan.end_ns - plan.begin_ns
    times: list[int] = []
    while len(times) < plan.incidents:
        at_ns = plan.begin_ns + chance.randrange(length_ns)
        # By day and in the evening there are more.
        if chance.random() < (1.0 if 7 <= hour_of(at_ns) < 23 else 0.35):
            times.append(at_ns)
    times.sort()
    for number in range(1, min(_STILL_OPEN, len(times) - 1) + 1):
        times[-number] = plan.end_ns - round(chance.uniform(20, 200) * S) * number
    times.sort()
    return [
        _incident(plan, number, at_ns, chance.choice(heard), places, still_open=number >= len(times) - _STILL_OPEN)
        for number, at_ns in enumerate(times)
    ]


def _incident(
    plan: Plan, number: int, at_ns: int, box: str, places: dict[str, Place], *, still_open: bool
) -> IncidentMessage:
    chance = plan.random("incident", number)
    origin: IncidentOrigin = "press" if still_open else chance.choice(_ORIGINS)
    status: AlertStatus = "Actual" if still_open else chance.choice(_STATUSES)
    if still_open and number == plan.incidents - _STILL_OPEN:
        status = "Exercise"
    slow = 1 if status == "Actual" else _NOBODY_HURRIES
    place = places[box]
    device = None if origin == "call" else box

    def after(from_ns: int, median_s: float, spread: float) -> int | None:
        """Return a moment, or None when it is yet to come."""
        then_ns = from_ns + round(chance.lognormvariate(0, spread) * median_s * S)
        return then_ns if then_ns < plan.end_ns else None

    received = after(at_ns, _RING_MEDIAN_S, 0.6) or plan.end_ns
    accepted = None if still_open and number % 2 else after(received, slow * _ACCEPT_MEDIAN_S, 0.8)
    cancelled = not still_open and chance.random() < 0.15
    ended = after(accepted, 120, 0.5) if accepted and cancelled else None
    departed = after(accepted, _DEPART_MEDIAN_S, 0.5) if accepted and not cancelled and not still_open else None
    resolved = after(departed, _RESOLVE_MEDIAN_S, 0.5) if departed else None
    ended = after(resolved, 300, 0.5) if resolved else ended
    state: IncidentState = "open"
    for reached, name in ((accepted, "accepted"), (departed, "on_the_way"), (resolved, "resolved")):
        state = name if reached else state  # type: ignore[assignment]
    if ended:
        state = "cancelled" if cancelled else "closed"
    return IncidentMessage(
        incident_id=f"incident-{number + 1}",
        state=state,
        origin=origin,
        status=status,
        device=device,
        button="sos" if origin == "press" else None,
        latitude=place.latitude,
        longitude=place.longitude,
        opened_at_ns=at_ns,
        received_at_ns=received,
        changed_at_ns=max(one for one in (at_ns, accepted, departed, resolved, ended) if one is not None),
        accepted_at_ns=accepted,
        departed_at_ns=departed,
        resolved_at_ns=resolved,
        ended_at_ns=ended,
        reason="false_alarm" if state == "cancelled" else None,
        presses=chance.choice((1, 1, 1, 2, 3)) if origin == "press" else 0,
        incomplete=False,
    )


def incident_points(messages: list[IncidentMessage]) -> list[Point]:
    """Return them as the store keeps them."""
    return [incident_point(message) for message in messages]


def beats(plan: Plan, messages: list[IncidentMessage]) -> Iterator[Series]:
    """Yield the desk's signs of life; it was restarted once, and did not record for two minutes another time."""
    told = tests_fields(_tests(0))
    shape = {name: "q" if isinstance(value, int) else "d" for name, value in told.items()}
    series = Series(DESK_BEAT, {"desk": DESK}, {"open_incidents": "q", "recording": "q"} | shape)
    length_ns = plan.end_ns - plan.begin_ns
    restart_ns = plan.begin_ns + length_ns // 3
    mute_ns = plan.begin_ns + length_ns // 5
    stretches = [(one.opened_at_ns, one.ended_at_ns or plan.end_ns + HOUR) for one in messages]
    for number, at_ns in enumerate(range(plan.begin_ns + BEAT_NS // 2, plan.end_ns, BEAT_NS)):
        if not restart_ns <= at_ns < restart_ns + 3 * MINUTE:
            is_open = sum(begin_ns <= at_ns < end_ns for begin_ns, end_ns in stretches)
            tests = tests_fields(_tests(number))
            series.add(at_ns, is_open, int(not mute_ns <= at_ns < mute_ns + 2 * MINUTE), *(tests[one] for one in shape))
    yield series


_HOPS_MS: Final[dict[PathHop, float]] = {
    "command": 120,
    "alarm": 180,
    "telemetry": 3_100,
    "store": 190,
    "receipt": 3_150,
}


def _tests(number: int) -> PathTests:
    """Return what the desk tells of its test presses with a sign of life: other figures with each of a few minutes."""
    late = number % 37
    return PathTests(
        tests=2_840 + number % 41,
        in_time=2_838 - late,
        p99_ms=180.0 + late,
        broken=["telemetry"] if late == 36 else [],
        hops_p99_ms={hop: base_ms + 10.0 * late for hop, base_ms in _HOPS_MS.items()},
        budget_left=0.9 - late / 25,
    )
