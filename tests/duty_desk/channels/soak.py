"""Nights made up from a seed: failing channels, people who answer or do not, restarts, presses at once. Judged whole.

python -m tests.duty_desk.channels.soak 500     # many nights, and what was found
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Final

from contract.messages import AlertStatus
from duty_desk.channels.channel import Page
from duty_desk.incidents.entries import EscalatedEntry, PageEntry
from duty_desk.incidents.escalation import Audience, Rung, Step
from duty_desk.incidents.incident import Incident
from tests.duty_desk.channels.night import EVERYBODY, TICK_S, Fake, Night, S, answer, modes_of
from tests.duty_desk.channels.virtual import run

LASTS_S: Final = 150
LATE_S: Final = 1.0
"""What a step or a page may be late, and what it may be early."""
STEPS: Final = (
    Step(0, ("officer",), channels=("push",), repeat_s=25),
    Step(15, ("everyone",)),
    Step(30, ("supervisor",), channels=("push", "sms"), repeat_s=40),
    Step(60, ("siren",), channels=("others",)),
    Step(100, (), channels=("sms",), pages=("everyone",)),
)


@dataclass
class Played:
    """One night: what was done, and what was found wrong with it."""

    seed: int
    night: Night
    random: Random
    known: dict[str, Incident] = field(default_factory=dict)
    screens: list[tuple[float, frozenset[Audience]]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


async def play(seed: int) -> Played:
    """Let a night happen."""
    random = Random(seed)
    fakes = [Fake("push"), Fake("sms", takes_s=random.uniform(0.1, 4)), Fake("webhook", personal=False)]
    for fake in fakes:
        if random.random() < 0.3:
            fake.strangers = frozenset(random.sample(["petugas-1", "petugas-2", "penyelia-1", "petugas-3"], 2))
    night = Night(fakes, STEPS)
    one = Played(seed, night, random)
    one.screens.append((night.now_s, night.present))
    tasks = [
        asyncio.create_task(each)
        for each in (_people(one), _channels(one), _presses(one), _restarts(one), _screens(one))
    ]
    await asyncio.sleep(LASTS_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if not night.up.is_set():
        night.start()
    # What was pressed last still has its steps to come.
    for fake in fakes:
        fake.mode = "works"
    await asyncio.sleep(105)
    await night.stop()
    judge(one)
    return one


async def _presses(one: Played) -> None:
    random, night = one.random, one.night
    while True:
        await night.up.wait()  # a box tells a desk that is away again and again
        for _ in range(random.choice([1, 1, 2])):
            status: AlertStatus = random.choice(["Actual", "Actual", "Exercise"])
            incident = night.press(random.choice("ab"), status)
            one.known[incident.id] = incident
        await asyncio.sleep(random.uniform(5, 60))


async def _people(one: Played) -> None:
    """Let people look at their phones: some accept, some cannot, some sleep."""
    random, night = one.random, one.night
    seen: set[str] = set()
    while True:
        await asyncio.sleep(random.uniform(0.2, 3))
        for fake in night.fakes.values():
            for page in fake.arrived:
                if page.id not in seen and page.who is not None:
                    seen.add(page.id)
                    asyncio.create_task(_answers(one, fake, page))  # noqa: RUF006 - ended with the loop
        for incident in night.board.active():
            if incident.unanswered and random.random() < 0.01:
                night.act(incident.id)


async def _answers(one: Played, fake: Fake, page: Page) -> None:
    await asyncio.sleep(one.random.uniform(1, 60))
    what = one.random.choices(["accept", "cannot", "nothing"], [1, 2, 5])[0]
    if what != "nothing":
        answer(fake, page, "accept" if what == "accept" else "cannot")


async def _channels(one: Played) -> None:
    random = one.random
    while True:
        fake = random.choice(list(one.night.fakes.values()))
        fake.modes = modes_of(random)
        fake.mode = random.choice(["works", "works", "works", "fails", "hangs", "deaf", "loses"])
        await asyncio.sleep(random.uniform(5, 40))


async def _restarts(one: Played) -> None:
    random = one.random
    for _ in range(random.randrange(4)):
        await asyncio.sleep(random.uniform(1, 60))
        await one.night.restart(random.uniform(0.1, 12))
        one.counts["restarts"] += 1


async def _screens(one: Played) -> None:
    random = one.random
    while True:
        await asyncio.sleep(random.uniform(5, 60))
        present = frozenset(each for each in sorted(EVERYBODY) if random.random() < 0.7)
        one.night.present = present
        one.screens.append((one.night.now_s, present))


def judge(one: Played) -> None:
    """Say what was wrong with a night."""
    night = one.night
    steps = [each.entry for each in night.log if isinstance(each.entry, EscalatedEntry)]
    by_press: dict[tuple[str, int], list[EscalatedEntry]] = defaultdict(list)
    for entry in steps:
        by_press[entry.incident_id, entry.unanswered_since_ns].append(entry)
    for (incident_id, since_ns), reached in by_press.items():
        ladder = night.ladder(one.known[incident_id])
        _judge_steps(one, incident_id, since_ns, reached, ladder)
        _judge_pages(one, incident_id, since_ns, reached, ladder)
    for incident in night.board.active():
        last = night.ladder(incident)[-1].step
        if incident.unanswered and incident.step != last:
            one.wrong.append(f"{incident.id} is at step {incident.step}, neither answered nor at the last")
    _judge_attempts(one)
    one.counts.update(presses=len(by_press), steps=len(steps), pages=len(night.pages()), accepted=len(night.accepted))


def _judge_steps(
    one: Played, incident_id: str, since_ns: int, reached: list[EscalatedEntry], ladder: tuple[Rung, ...]
) -> None:
    night = one.night
    numbers = [entry.step for entry in reached]
    if numbers != [rung.step for rung in ladder][: len(numbers)]:
        one.wrong.append(f"{incident_id}: steps {numbers}")
    since_s = (since_ns - night.wall_offset_ns) / S
    for entry, rung in zip(reached, ladder, strict=False):
        at_s = (entry.at_ns - night.wall_offset_ns) / S
        due_s = since_s + rung.after_ns / S
        if at_s > _up_after(night, due_s) + LATE_S:
            one.wrong.append(f"{incident_id}: step {entry.step} at {at_s:.2f}, late: due at {due_s:.2f}")
        if at_s < due_s - 0.001:
            one.counts["early"] += 1
            before = ladder[numbers.index(entry.step) - 1]
            hope = _hope(one, incident_id, since_ns, before, at_s)
            if not entry.nobody or hope:
                one.wrong.append(f"{incident_id}: step {entry.step} at {at_s:.2f}, early: {hope or 'it says nothing'}")
    # One that nobody answered is not left between two steps.
    answered_s = night.answered_at.get((incident_id, since_ns), float("inf"))
    if len(reached) < len(ladder):
        due_s = _up_after(night, since_s + ladder[len(reached)].after_ns / S)
        if due_s + LATE_S < min(answered_s, night.ups[-1][1]):
            one.wrong.append(f"{incident_id}: step {ladder[len(reached)].step} never came, due at {due_s:.2f}")


def _hope(one: Played, incident_id: str, since_ns: int, rung: Rung, at_s: float) -> str | None:
    """Return why the time of a step should have been waited for, None when there was no reason."""
    latest: dict[tuple[str, str | None], tuple[str, str | None]] = {}
    declined: set[str] = set()
    for record in one.night.log:
        entry = record.entry
        if not isinstance(entry, PageEntry) or entry.unanswered_since_ns != since_ns:
            continue
        if entry.incident_id != incident_id or (entry.at_ns - one.night.wall_offset_ns) / S > at_s:
            continue
        who = record.text("who")
        if entry.outcome == "answered" and entry.detail == "cannot" and who is not None:
            declined.add(who)
        if entry.step == rung.step and who is not None:
            latest[entry.channel, who] = (entry.outcome, entry.detail)
    for (channel, who), (outcome, _) in latest.items():
        if outcome in ("handed", "delivered") and who not in declined:
            return f"{who} has a page by {channel}"
    if declined:
        return None
    present = [present for since_s, present in one.screens if since_s <= at_s][-1]
    there = [each for each in rung.new if each in present]
    return f"{there} are there" if there else None


def _judge_pages(
    one: Played, incident_id: str, since_ns: int, reached: list[EscalatedEntry], ladder: tuple[Rung, ...]
) -> None:
    """Say which pages never came, came at another time than theirs, or after the answer."""
    night = one.night
    answered_s = night.answered_at.get((incident_id, since_ns), float("inf"))
    began = {entry.step: (entry.at_ns - night.wall_offset_ns) / S for entry in reached}
    for fake in night.fakes.values():
        for sent in fake.sent:
            if (
                sent.page.incident_id == incident_id
                and _since(one, sent.page.id) == since_ns
                and sent.at_s > answered_s
            ):
                one.wrong.append(f"{incident_id}: a page at {sent.at_s:.2f}, answered at {answered_s:.2f}")
    declined_s = _declined(one, incident_id, since_ns)
    for rung in ladder:
        if rung.step not in began:
            continue
        reached_s, repeat_s = began[rung.step], None if rung.repeat_ns is None else rung.repeat_ns / S
        for channel in rung.channels:
            fake = night.fakes[channel]
            for who in _whom(night, rung) if fake.personal else (None,):
                if who is not None and not fake.reaches(who):
                    continue
                until_s = min(answered_s, declined_s.get(who or "", float("inf")), night.ups[-1][1])
                times = sorted(_times(one, incident_id, since_ns, rung.step, channel, who))
                _judge_times(
                    one, f"{incident_id} step {rung.step} {channel} {who}", times, reached_s, repeat_s, until_s
                )


def _judge_times(
    one: Played, what: str, times: list[float], reached_s: float, repeat_s: float | None, until_s: float
) -> None:
    night = one.night
    slots = [reached_s]
    while repeat_s is not None and slots[-1] + repeat_s < until_s:
        slots.append(slots[-1] + repeat_s)
    # What came due while the desk was away comes as one, when it is back; so does what came due right before it died.
    windows = sorted({(_back(night, slot), _up_after(night, slot) + LATE_S) for slot in slots})
    again = [back for back, _ in night.ups[1:]]
    for first_s, last_s in windows:
        sent = any(first_s - 0.001 <= at <= last_s for at in times)
        # One that was being sent when the desk died is sent again, and that one has the outcome.
        lost = any(first_s <= died <= first_s + 5 + LATE_S for _, died in night.ups)
        if last_s < until_s and not sent and not lost:
            one.wrong.append(f"{what}: no page at {first_s:.2f}, but at {times}")
    for at in times:
        on_time = any(first_s - 0.001 <= at <= last_s for first_s, last_s in windows)
        resent = any(back - 0.001 <= at <= back + LATE_S for back in again)
        if not on_time and not resent:
            one.wrong.append(f"{what}: a page at {at:.2f}, none was due")


def _judge_attempts(one: Played) -> None:
    """Say what was done twice: an outcome never, a page only where the desk died while it was being sent."""
    night = one.night
    outcomes = Counter(
        (entry.incident_id, entry.unanswered_since_ns, entry.step, entry.round, entry.channel, record.text("who"))
        for record in night.log
        if isinstance(entry := record.entry, PageEntry)
        and entry.outcome in ("handed", "failed")
        and entry.took_ms is not None
    )
    one.wrong += [f"twice: {key}" for key, times in outcomes.items() if times > 1]
    noted = {entry.page for entry in night.pages()}
    deaths = [died for _, died in night.ups]
    for fake in night.fakes.values():
        for sent in fake.sent:
            lost = sent.page.id not in noted
            if lost and not any(sent.at_s <= died <= sent.at_s + 5.001 for died in deaths):
                one.wrong.append(f"a page by {fake.name} at {sent.at_s:.2f} has no outcome")


def _since(one: Played, page: str) -> int | None:
    return next((each.unanswered_since_ns for each in one.night.pages() if each.page == page), None)


def _times(one: Played, incident_id: str, since_ns: int, step: int, channel: str, who: str | None) -> list[float]:
    """Return when pages of a step were sent, as far as they have an outcome."""
    noted = {
        record.entry.page
        for record in one.night.log
        if isinstance(record.entry, PageEntry)
        and (record.entry.incident_id, record.entry.unanswered_since_ns) == (incident_id, since_ns)
        and record.entry.step == step
        and record.text("who") == who
    }
    return [sent.at_s for sent in one.night.fakes[channel].sent if sent.page.id in noted]


def _declined(one: Played, incident_id: str, since_ns: int) -> dict[str, float]:
    times: dict[str, float] = {}
    for record in one.night.log:
        entry = record.entry
        if isinstance(entry, PageEntry) and entry.outcome == "answered" and entry.detail == "cannot":
            who = record.text("who")
            if entry.incident_id == incident_id and entry.unanswered_since_ns == since_ns and who is not None:
                times.setdefault(who, (entry.at_ns - one.night.wall_offset_ns) / S)
    return times


def _whom(night: Night, rung: Rung) -> tuple[str, ...]:
    people = {"officer": night.shift.on, "supervisor": night.shift.lead, "everyone": night.shift.everyone()}
    return tuple(dict.fromkeys(who for each in rung.pages for who in people[each]))


def _back(night: Night, at_s: float) -> float:
    """Return a moment itself, or when the desk was back if it was away then."""
    return next((max(at_s, back) for back, died in night.ups if at_s < died), float("inf"))


def _up_after(night: Night, at_s: float) -> float:
    """Return the same, but of a moment in the last tick before the desk died when it was back after that."""
    for back, died in night.ups:
        if max(at_s, back) + TICK_S < died:
            return max(at_s, back)
    return float("inf")


def soak(runs: int, first: int = 0) -> tuple[list[str], Counter[str]]:
    """Play some nights; return what was wrong, with their seeds, and what there was of each."""
    wrong: list[str] = []
    counts: Counter[str] = Counter()
    for seed in range(first, first + runs):
        one = run(play(seed))
        wrong += [f"seed {seed}: {each}" for each in one.wrong]
        counts.update(one.counts)
    return wrong, counts


def main(arguments: list[str]) -> int:
    """Play as many nights as are asked for."""
    runs = int(arguments[0]) if arguments else 500
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    wrong, counts = soak(runs)
    print(f"{runs} nights in {time.monotonic() - began:.0f} s: {dict(counts)}")
    for each in wrong[:50]:
        print(each)
    print(f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
