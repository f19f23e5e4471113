"""Which pages are to be sent now, and what those of a step may still do. Pure: both clocks go in with each call.

Rules:
- A step pages by each of its channels each of its people, once a round: all at once, as soon as the step is reached.
  The next round comes after `repeat_s`, counted from when the step was reached, until the incident is answered.
- Who comes on duty, or gets an address, while an incident is unanswered is paged for the round that is on.
- Who said that they cannot come is not paged again for that press. What failed comes again with the next round.
- Who has no address by a channel is written down once as skipped, and so is a step that pages nobody. A channel that
  reaches none of those who may be called at all is not in use, and nothing is written of it.
- What the ledger has is not sent again after a restart. Rounds that came due meanwhile come as one, at once.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Final, Literal

from duty_desk.incidents.escalation import Outlook, Rung
from duty_desk.incidents.incident import MAX_PAGED, Incident, Paged
from duty_desk.incidents.policies import Audience

MAX_ROUND: Final = 9_999
"""Rounds that the ledger can count; with a minute between them, a week."""
_EARLY_NS: Final = 10**9
"""A round belongs to the repeat it came for, though the wall clock was pulled back by this much since."""

Skip = Literal["no_address", "nobody"]
"""Why something is not sent: the account has no address by this channel; the step pages nobody at this hour."""


@dataclass(frozen=True, slots=True)
class Line:
    """A channel as it is now: whom of those who may be paged it reaches, and whether it is down."""

    name: str
    personal: bool
    reached: frozenset[str] = frozenset()
    down: bool = False


@dataclass(frozen=True, slots=True)
class Crew:
    """Whom each audience means now, and by what they are reached."""

    people: Mapping[Audience, tuple[str, ...]]
    lines: Mapping[str, Line]

    def of(self, rung: Rung) -> tuple[str, ...]:
        """Return whom a step pages, each once."""
        return tuple(dict.fromkeys(who for each in rung.pages for who in self.people.get(each, ())))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One page to send: of what was unanswered since `since_ns`; with `skip` it is only to be written down."""

    incident_id: str
    since_ns: int
    step: int
    round: int
    channel: str
    who: str | None
    skip: Skip | None = None


@dataclass(slots=True)
class _Rounds:
    """The rounds of one step: its age was `age_ns` at a moment of the monotonic clock, and `slot` the last repeat."""

    began_ns: int
    age_ns: int
    slot: int
    round: int


@dataclass(frozen=True, slots=True)
class _Settled:
    """Nothing is due for this incident by this crew until then."""

    incident: Incident
    crew: Crew
    until_ns: int | None


class Attempts:
    """What is to be sent for all that is unanswered.

    Args:
        ladder: Tells the steps of an incident.
    """

    def __init__(self, ladder: Callable[[Incident], tuple[Rung, ...]]) -> None:
        self._ladder = ladder
        self._rounds: dict[tuple[str, int, int], _Rounds] = {}
        self._settled: dict[str, _Settled] = {}

    def due(
        self,
        incidents: Iterable[Incident],
        crew: Crew,
        room: MutableMapping[str, int],
        flying: Container[Attempt],
        *,
        wall_ns: int,
        monotonic_ns: int,
    ) -> list[Attempt]:
        """Return what to send now, the incident that opened first before all others.

        Args:
            incidents: Those to look at.
            crew: Whom and by what.
            room: How many more each channel takes now; what is found is taken off. More comes with the next look.
            flying: What was begun and has no outcome.
            wall_ns: The centre's clock.
            monotonic_ns: The monotonic clock.
        """
        found: list[Attempt] = []
        for incident in incidents:
            since_ns = incident.unanswered_since_ns
            if since_ns is None:
                continue
            settled = self._settled.get(incident.id)
            if (
                settled is not None
                and settled.incident is incident
                and settled.crew is crew
                and (settled.until_ns is None or monotonic_ns < settled.until_ns)
            ):
                continue
            whole = True
            for rung in self._begun(incident):
                rounds = self._round_of(incident, since_ns, rung, wall_ns, monotonic_ns)
                for attempt in _missing(incident, since_ns, rung, rounds.round, crew):
                    if attempt in flying:
                        whole = False
                    elif attempt.skip is not None:
                        found.append(attempt)
                        whole = False
                    elif room.get(attempt.channel, 0) > 0:
                        room[attempt.channel] -= 1
                        found.append(attempt)
                        whole = False
                    else:
                        whole = False
            if whole:
                self._settled[incident.id] = _Settled(incident, crew, self._next_ns(incident, since_ns))
            else:
                self._settled.pop(incident.id, None)
        return found

    def forget(self, incidents: Iterable[Incident]) -> None:
        """Forget the rounds of all but these, which are those that are not over."""
        known = {(incident.id, incident.unanswered_since_ns) for incident in incidents}
        self._rounds = {key: each for key, each in self._rounds.items() if key[:2] in known}
        ids = {name for name, since_ns in known if since_ns is not None}
        self._settled = {name: each for name, each in self._settled.items() if name in ids}

    def next_round_ns(self, incident: Incident, rung: Rung, *, monotonic_ns: int) -> int | None:
        """Return in how many ns a step's pages are sent again; None when they are not."""
        rounds = self._rounds.get((incident.id, incident.unanswered_since_ns or 0, rung.step))
        if rounds is None or rung.repeat_ns is None or rounds.round >= MAX_ROUND:
            return None
        return max(0, rounds.began_ns - rounds.age_ns + (rounds.slot + 1) * rung.repeat_ns - monotonic_ns)

    def _begun(self, incident: Incident) -> Iterable[Rung]:
        return (rung for rung in self._ladder(incident) if rung.step <= incident.step and rung.channels)

    def _round_of(self, incident: Incident, since_ns: int, rung: Rung, wall_ns: int, monotonic_ns: int) -> _Rounds:
        key = (incident.id, since_ns, rung.step)
        rounds = self._rounds.get(key)
        if rounds is None:
            rounds = self._rounds[key] = _begin(incident, since_ns, rung, wall_ns, monotonic_ns)
        if rung.repeat_ns is not None:
            slot = (rounds.age_ns + monotonic_ns - rounds.began_ns) // rung.repeat_ns
            if slot > rounds.slot:
                rounds.slot = slot
                rounds.round = min(MAX_ROUND, rounds.round + 1)
        return rounds

    def _next_ns(self, incident: Incident, since_ns: int) -> int | None:
        times: list[int] = []
        for rung in self._begun(incident):
            rounds = self._rounds[incident.id, since_ns, rung.step]
            if rung.repeat_ns is not None:
                times.append(rounds.began_ns - rounds.age_ns + (rounds.slot + 1) * rung.repeat_ns)
        return min(times, default=None)


def _begin(incident: Incident, since_ns: int, rung: Rung, wall_ns: int, monotonic_ns: int) -> _Rounds:
    """Return the rounds of a step that is seen for the first time: just reached, or known from the ledger."""
    reached_ns = incident.reached.get(rung.step, since_ns)
    age_ns = max(0, wall_ns - reached_ns)
    done = [each for each in incident.pages.values() if each.step == rung.step]
    repeat_ns = rung.repeat_ns
    if not done:
        return _Rounds(monotonic_ns, age_ns, 0 if repeat_ns is None else age_ns // repeat_ns, 0)
    latest = max(each.round for each in done)
    last_ns = max(0, min(each.began_ns for each in done if each.round == latest) - reached_ns)
    # A clock that was set back since makes nothing come twice: the time to the next round begins again.
    age_ns = max(age_ns, last_ns)
    return _Rounds(monotonic_ns, age_ns, 0 if repeat_ns is None else (last_ns + _EARLY_NS) // repeat_ns, latest)


def _missing(incident: Incident, since_ns: int, rung: Rung, round_: int, crew: Crew) -> Iterable[Attempt]:
    people = crew.of(rung)
    declined = incident.declined
    for channel in rung.channels:
        line = crew.lines.get(channel)
        if line is None:
            continue
        if line.personal and not line.reached:
            continue  # nobody uses it
        some = any(who in line.reached for who in people)
        whom: tuple[str | None, ...] = people if line.personal and some else (None,)
        for who in whom:
            if who in declined:
                continue
            skip: Skip | None = None
            if line.personal:
                skip = None if who in line.reached else "no_address" if people else "nobody"
            known = incident.pages.get((rung.step, channel, who))
            if known is None:
                if len(incident.pages) >= MAX_PAGED:
                    return
            elif skip is not None or (known.round >= round_ and known.outcome != "skipped"):
                continue
            yield Attempt(incident.id, since_ns, rung.step, round_, channel, who, skip)


def outlook(incident: Incident, rung: Rung, crew: Crew) -> Outlook:
    """Return what the pages of a step, reached or just being reached, may still do.

    One that is not sent yet may reach somebody, unless its channel is down: that is not waited for. One that was handed
    over may, until it is known to have failed. A channel that is nobody's own reaches nobody in particular.
    """
    if not rung.channels:
        return "nobody"
    declined = incident.declined
    people = crew.of(rung)
    for who in people:
        if who in declined:
            continue
        for channel in rung.channels:
            line = crew.lines.get(channel)
            if (
                line is not None
                and line.personal
                and _may_reach(incident.pages.get((rung.step, channel, who)), line, who)
            ):
                return "hopeful"
    return "declined" if declined.intersection(people) else "nobody"


def _may_reach(known: Paged | None, line: Line, who: str) -> bool:
    if known is None or known.outcome == "skipped":
        return who in line.reached and not line.down
    return known.outcome != "failed"
