"""The books of readings, and what a killed agent took with it.

    produced = receipted + waiting + dropped(reason), at any moment

Rules:
- What waits and is only in memory (gathered, held for a trusted clock, in batches that are not on the disk) is noted in
  a file on tmpfs with each change. A life that was killed is thus known to the next one: what it had only in memory is
  produced and dropped there, as `lost_at_restart`.
- A batch of which the card was just taking hold may be there or not, and the card is asked: it takes a command of
  batches whole or not at all, so its first batch tells of all. Until the card answers, nothing is counted.
- A reading whose batch was stored, but whose receipt had not arrived, counts as lost as well: the box cannot know. The
  number is the most that can be lost, and off by at most the one event during which the agent died.
- A loss is told until a report of it was sent, by as many lives as that takes.
- After a power cut or a reboot tmpfs is empty, and the number cannot be known here. The card's record of the last life
  (`clock_floor.py`) says that it did not end clean: a fault says so, and the report names that life's stream, so that
  the centre can hold it against the last report it has. What can be lost then is what is in memory only: readings of at
  most 30 s, and those held for a clock.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from edge_agent.batch_commands import Key
from edge_agent.clock import Anchor, Clock
from edge_agent.clock_floor import LifeRecord
from edge_agent.gatherer import Gatherer
from edge_agent.runtime_file import RuntimeFile
from edge_agent.telemetry_lane import TelemetryLane

LOST: Final = "lost_at_restart"
POWER_CUT: Final = "power cut: readings lost, number not known"
KILLED: Final = "killed: readings lost, number not known"
MOST_JOBS: Final = 16
"""Commands to the card that are noted. What is beyond counts as lost, though the card may have taken it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A command that keeps batches: its first batch, and its readings that still wait."""

    stream: str
    first: int
    readings: int


@dataclass(frozen=True, slots=True)
class Note:
    """What an agent notes for the next one, in case it is killed.

    `produced` counts since its start; `in_memory` are readings that nobody else has, `on_disk` those that wait on the
    card; `untold` were lost by earlier lives and are in no report that was sent; `jobs` are commands to the card that
    were not answered.
    """

    boot: str
    stream: str
    anchor: Anchor
    produced: int
    in_memory: int
    on_disk: int
    untold: int
    jobs: tuple[Job, ...]

    def lost(self, on_card: Mapping[Key, int]) -> int:
        """Return how many readings are nowhere any more.

        Args:
            on_card: The readings of each batch that the card has.
        """
        found = sum(job.readings for job in self.jobs if (job.stream, job.first) in on_card)
        gone_with_the_file = max(0, self.on_disk + found - sum(on_card.values()))
        return self.untold + self.in_memory - found + gone_with_the_file


def encode_note(note: Note) -> bytes:
    """Return a note as bytes. It is made several times for each reading: `asdict` would take most of its time."""
    anchor = note.anchor
    return json.dumps(
        [
            note.boot,
            note.stream,
            [anchor.source, anchor.monotonic_ns, anchor.time_ns],
            note.produced,
            note.in_memory,
            note.on_disk,
            note.untold,
            [[job.stream, job.first, job.readings] for job in note.jobs],
        ]
    ).encode()


def decode_note(told: bytes) -> Note | None:
    """Return bytes as a note, or None for what another version wrote."""
    try:
        boot, stream, anchor, *numbers, jobs = json.loads(told)
        produced, in_memory, on_disk, untold = map(int, numbers)
        return Note(
            boot, stream, Anchor(*anchor), produced, in_memory, on_disk, untold, tuple(Job(*job) for job in jobs)
        )
    except (ValueError, TypeError):
        return None


class Watcher(Protocol):
    """Who hears of each change of what waits."""

    def changed(self) -> None:
        """Something was gathered, batched, receipted, kept or dropped."""

    def keeping(self, keys: tuple[Key, ...]) -> None:
        """The card is asked to keep these batches."""

    def answered(self, keys: tuple[Key, ...]) -> None:
        """The card has answered, and the lane knows it."""


class Nobody:
    """A watcher who notes nothing."""

    def changed(self) -> None:
        """See `Watcher`."""

    def keeping(self, keys: tuple[Key, ...]) -> None:
        """See `Watcher`."""

    def answered(self, keys: tuple[Key, ...]) -> None:
        """See `Watcher`."""


class Books:
    """Counts what earlier lives lost, and notes what this one would lose.

    Args:
        boot: The kernel's boot id.
        stream: This life's stream.
        clock: The box's clock; it goes on with the anchor of a life that was killed in this boot.
        gatherer: Where readings are gathered.
        lane: Where batches wait.
        dropped: Counts readings dropped, by reason.
        faults: Counts faults by name.
    """

    def __init__(
        self,
        boot: str,
        stream: str,
        *,
        clock: Clock,
        gatherer: Gatherer,
        lane: TelemetryLane,
        dropped: Counter[str],
        faults: Counter[str],
    ) -> None:
        self._boot = boot
        self._stream = stream
        self._clock = clock
        self._gatherer = gatherer
        self._lane = lane
        self._dropped = dropped
        self._faults = faults
        self._file: RuntimeFile | None = None
        self._left: Note | None = None
        self._told_stream: str | None = None
        self._untold = 0
        self._jobs: dict[Key, tuple[Key, ...]] = {}
        self.previous_stream: str | None = None

    @property
    def lost(self) -> int:
        """Readings of earlier lives that are produced and dropped in this one."""
        return self._dropped[LOST]

    @property
    def in_memory(self) -> int:
        """Readings that would be lost if the agent were killed now."""
        return self._gatherer.waiting + self._lane.in_memory

    def begin(self, file: RuntimeFile) -> None:
        """Hear what a killed life left on tmpfs, and note this one's books there from now on."""
        self._file = file
        told = file.read()
        self.hear(decode_note(told) if told is not None else None)
        self.changed()

    def hear(self, left: Note | None) -> None:
        """Hear the note of the life before; one of another boot is none."""
        if left is not None and left.boot == self._boot:
            self._left = left
            self._told_stream = left.stream
            self.previous_stream = left.stream
            self._clock.resume(left.anchor)

    def last_life(self, left: LifeRecord | None) -> None:
        """Hear what the card tells of the last life; it may be one of which tmpfs knows nothing."""
        if left is None or left.stream == self._stream:
            return
        self.previous_stream = left.stream
        if not left.clean and self._told_stream != left.stream:
            self._faults[POWER_CUT if left.boot != self._boot else KILLED] += 1

    def restored(self, on_card: Mapping[Key, int]) -> None:
        """The card told which batches it has: what the killed life had only in memory is counted as lost."""
        left, self._left = self._left, None
        if left is None:
            return
        self._untold = left.lost(on_card)
        if self._untold:
            self._dropped[LOST] += self._untold
        self.changed()

    def reported(self, lost: int) -> None:
        """A report was sent that told of so many lost readings."""
        if lost and lost == self.lost:
            self._untold = 0
            self.changed()

    def keeping(self, keys: tuple[Key, ...]) -> None:
        """See `Watcher`."""
        self._jobs[keys[0]] = keys
        self.changed()

    def answered(self, keys: tuple[Key, ...]) -> None:
        """See `Watcher`."""
        self._jobs.pop(keys[0], None)
        self.changed()

    def changed(self) -> None:
        """Note the books as they are now."""
        if self._file is not None:
            self._file.write(encode_note(self.note()))

    def note(self) -> Note:
        """Return what the next life must know if this one is killed now."""
        running = [Job(*first, self._lane.in_memory_of(keys)) for first, keys in self._jobs.items()]
        left = self._left
        return Note(
            boot=self._boot,
            stream=self._stream,
            anchor=self._clock.anchor,
            produced=self._gatherer.produced,
            in_memory=self.in_memory + (left.in_memory if left is not None else 0),
            on_disk=self._lane.on_disk + (left.on_disk if left is not None else 0),
            untold=self._untold + (left.untold if left is not None else 0),
            jobs=(*(left.jobs if left is not None else ()), *running)[:MOST_JOBS],
        )

    def end(self, *, clean: bool) -> None:
        """The agent stops; `clean` is whether the card's own record says that nothing was lost."""
        if self._file is not None:
            self._file.close(remove=clean and self._left is None and not self._untold)
            self._file = None
