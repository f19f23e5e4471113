"""The readings' half of the world's box: gatherer and lane as they are, and `telemetry_uplink.py` call for call.

What it claims at each step is held against notes of its own: which reading is in which body, since when, and what was
sent on which connection.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from contract.batch import MAX_RECEIPT_BYTES, TelemetryReceipt
from contract.identity import body_hash
from contract.messages import decode
from edge_agent.batch_commands import (
    Command,
    CutBatch,
    DropBatches,
    ForgetBatches,
    KeepBatches,
    Key,
    LoadBatch,
    SendBatch,
    StoredRow,
    ThinBatches,
    ThinnedRow,
)
from edge_agent.clock import Clock
from edge_agent.cutting import cut
from edge_agent.drivers.base import Sample
from edge_agent.eviction import thin_body
from edge_agent.flight import WINDOW
from edge_agent.gatherer import GROWN_AGE_NS, GROWN_READINGS, HOLD_NS, Gathered, Gatherer
from edge_agent.shelf import DISK_PAUSE_NS
from edge_agent.telemetry_lane import KEEP_AFTER_NS, TelemetryLane
from tests.edge_agent.world_books import WorldBooks
from tests.edge_agent.world_card import Card, CardRow, Life, Verdict, numbers
from tests.edge_agent.world_centre import DEVICE, claim
from tests.edge_agent.world_net import Loop, Outcome, S, Session

T = TypeVar("T")
K = TypeVar("K")
PUBACK_NS = 600 * S
RETRY_DISK_NS = 5 * S


class Readings:
    """One life of the agent, as far as readings go.

    Args:
        loop: The world's time.
        draw: The source of jitter.
        card: The card.
        life: How this life began.
        clock: The box's clock.
        session: The telemetry session.
        still_until_ns: Until when presses have precedence, as the alarm lane says.
        still: Whether they have, as the world knows; it claims that the two agree.
        wake: Asks for a turn of `pump` at a moment.
        seen: Counts what happened.
    """

    def __init__(
        self,
        loop: Loop,
        draw: random.Random,
        card: Card,
        life: Life,
        clock: Clock,
        session: Session,
        *,
        still_until_ns: Callable[[], int | None],
        still: Callable[[int | None], bool],
        wake: Callable[[int | None], None],
        seen: Counter[str],
    ) -> None:
        self._loop, self._card, self._life, self._session, self._seen = loop, card, life, session, seen
        self._still_until_ns, self._still, self._wake = still_until_ns, still, wake
        self.alive = True
        self.dropped: Counter[str] = Counter()
        self.dropped_readings: set[int] = set()
        self.gatherer = Gatherer(clock, self.dropped)
        self.lane = TelemetryLane(
            DEVICE,
            life.stream,
            self.dropped,
            max_bytes=life.max_bytes,
            max_memory_bytes=life.max_memory_bytes,
            max_rows=life.max_rows,
            draw=draw,
            mint=lambda: f"{draw.getrandbits(64):016x}",
        )
        self._books = WorldBooks(card, life, clock, self.gatherer, self.lane, seen)
        self._files_before = card.set_aside
        self._file = 0
        self._gathered: dict[int, int] = {}
        self._taken: dict[int, int] = {}
        self._contents: dict[Key, list[int]] = {}
        self._named: dict[str, Key] = {}
        self._receipted: set[int] = set()
        self._on_way: set[Key] = set()
        self._unanswered: dict[Key, int] = {}
        self._failed_ns = -DISK_PAUSE_NS
        self._standing = False
        self._restored = 0
        self._restore()

    @property
    def now_ns(self) -> int:
        """The monotonic clock of this boot."""
        return self._loop.now_ns - self._life.booted_ns

    @property
    def now_sending(self) -> bool:
        """Whether batches may go out."""
        until_ns = self._still_until_ns()
        return self._session.connected and (until_ns is None or until_ns <= self.now_ns)

    def sample(self, sensor: str, sample: Sample, number: int) -> None:
        """A driver made a sample."""
        before = self.dropped.total()
        self._gathered[number] = self.now_ns
        self.gatherer.add(sensor, sample, self.now_ns)
        if self.dropped.total() > before:
            self.dropped_readings.add(number)
            del self._gathered[number]
        self.pump()

    def pump(self) -> None:
        """As `TelemetryUplink.run`, one turn."""
        if not self.alive:
            return
        now_ns, until_ns, sending = self.now_ns, self._still_until_ns(), self.now_sending
        self._standing = self._still(until_ns)
        for command in self._due(now_ns, sending=sending):
            self._carry_out(command)
        claim(len(self._on_way) <= WINDOW, f"{len(self._on_way)} batches are on the way")
        self.check_books()
        moments = (
            self.gatherer.next_ns(sending=self.lane.sends_at_once(now_ns, sending=sending)),
            self.lane.next_ns(now_ns, sending=sending),
            until_ns if until_ns is not None and until_ns > now_ns else None,
        )
        self._wake(min((moment for moment in moments if moment is not None), default=None))

    def _due(self, now_ns: int, *, sending: bool) -> list[Command]:
        commands = self.lane.due(now_ns, sending=sending)
        while True:
            at_once = self.lane.sends_at_once(now_ns, sending=sending)
            batch = self.gatherer.close(now_ns, sending=at_once, max_bytes=self.lane.batch_bytes)
            if batch is None:
                return commands
            self._close(batch, at_once=at_once)
            commands += self.lane.due(now_ns, sending=sending)

    def _close(self, batch: Gathered, *, at_once: bool) -> None:
        age_ns = self.now_ns - batch.since_ns
        claim(age_ns <= GROWN_AGE_NS, "the open batch is too old")
        grown = age_ns >= GROWN_AGE_NS or len(batch.readings) >= GROWN_READINGS
        claim(
            at_once or grown, f"a batch of {len(batch.readings)} was closed after {age_ns / S} s that could not go out"
        )
        for reading in batch.readings:
            number = int(reading["fields"]["number"])
            self._taken[number] = self._gathered.pop(number)
        self.lane.add(batch.readings, self.now_ns, since_ns=batch.since_ns)

    def connected(self) -> None:
        """A new connection stands."""
        self._unanswered.clear()
        self.lane.connected(self.now_ns)

    def hear_receipt(self, body: bytes) -> None:
        """A receipt of the collector arrived."""
        receipt = decode(TelemetryReceipt, body, max_bytes=MAX_RECEIPT_BYTES)
        named = [(span.stream, number) for span in receipt.ranges for number in range(span.first, span.last + 1)]
        waiting = {key for key in named if key in self.lane}
        waiting |= {key for name in receipt.bodies if (key := self._named.get(name)) and key in self.lane}
        self.lane.receipt(receipt, self.now_ns)
        gone = {key for key in waiting if key not in self.lane}
        claim(gone.issuperset(key for key in named if key in waiting), "a batch was receipted and still waits")
        for key in gone:
            # One that an earlier life sent is on the card as it was sent.
            self._receipted.update(self._contents.get(key) or self._on_card(key))
        self._on_way -= gone

    # --- the books

    def check_books(self) -> None:
        """Claim that produced = receipted + waiting + dropped, and that what waits is in memory or on the disk."""
        produced = self.gatherer.produced + self.lane.restored
        waiting = self.gatherer.waiting + self.lane.waiting
        known = self.lane.receipted + waiting + self.dropped.total()
        claim(produced == known, f"books: {produced} produced, {known} accounted for")
        claim(self.lane.waiting == self.lane.in_memory + self.lane.on_disk, "memory and disk are not what waits")

    def settle_accounts(self) -> None:
        """Name each reading the lane dropped, and hold that against its counters."""
        waits = self._in_memory() | self._only_on_disk()
        self.dropped_readings |= self._taken.keys() - waits - self._receipted
        told = self.dropped.total()
        claim(len(self.dropped_readings) == told, f"{len(self.dropped_readings)} readings are gone, {told} counted")

    def kill(self) -> set[int]:
        """SIGKILL; return the readings lost with the memory, each young enough."""
        self.settle_accounts()
        self.alive = False
        excused = self._card.telemetry.busy or self.now_ns - self._failed_ns <= DISK_PAUSE_NS
        unseen = self._unseen
        waits = self._in_memory() | self._only_on_disk()
        self._card.telemetry.kill()  # what it was just doing may be done: thinned, and counted by nobody
        lost = set(self._gathered)
        for number, since_ns in self._gathered.items():
            claim(self.now_ns - since_ns <= HOLD_NS + GROWN_AGE_NS, f"reading {number} was held too long")
        on_card = {number for row in self._card.batches.values() for number in numbers(row.body)}
        gone = waits - on_card
        for number in gone:
            young = excused or unseen or self.now_ns - self._taken[number] <= HOLD_NS + KEEP_AFTER_NS
            claim(young, f"reading {number} was in memory only for too long")
        for key, entry in (*self.lane._flight.items(), *self.lane._memory.fresh.items()):
            old = key not in self._card.batches and self.now_ns - entry.since_ns > KEEP_AFTER_NS
            claim(excused or unseen or not old, "a batch was in memory only for too long")
        self._books.killed(len(lost | gone))
        return lost | gone

    @property
    def _unseen(self) -> bool:
        """Whether a file was set aside since the card's last answer."""
        return self._card.set_aside - self._files_before != self._file

    def _check_file(self) -> None:
        """A file was set aside: what the lane believes to be on the disk is there."""
        if self._unseen:
            return
        believed = [key for key in self.lane._shelf.backlog if not self.lane._shelf.backlog[key].busy]
        entries = (*self.lane._flight.items(), *self.lane._memory.fresh.items())
        believed += [key for key, entry in entries if entry.row is not None]
        gone = [key for key in believed if key not in self._card.batches]
        claim(not gone, f"batches {gone[:3]} are believed to be on the disk, and are not there")

    def _in_memory(self) -> set[int]:
        bodies = [entry.body for place in (self.lane._flight, self.lane._memory.fresh) for entry in place.values()]
        return {number for body in bodies for number in numbers(body)}

    def _only_on_disk(self) -> set[int]:
        keys = [*self.lane._shelf.backlog, *self.lane._shelf.loading]
        return {number for key in keys for number in self._on_card(key)}

    def _on_card(self, key: Key) -> list[int]:
        row = self._card.batches.get(key)
        return numbers(row.body) if row is not None else self._card.lost.get(key, [])

    # --- what the lane asks for

    def _carry_out(self, command: Command) -> None:
        match command:
            case SendBatch():
                self._send(command)
            case KeepBatches():
                self._keep(command)
            case LoadBatch(key):
                self._ask(
                    lambda: self._body(key),
                    lambda body, file: self.lane.loaded(key, body, self.now_ns, file),
                    lambda full: self._failed(full, self.lane.not_loaded, key),
                )
            case CutBatch():
                self._cut(command)
            case ThinBatches(keys):
                self._seen["batches asked to be thinned"] += len(keys)
                self._books.making_room(1)
                self._ask(
                    lambda: self._thin(keys),
                    lambda rows, file: self._made_room(lambda: self.lane.thinned(keys, rows, file)),
                    lambda full: self._not_evicted(keys, full),
                )
            case DropBatches(keys):
                self._seen["batches deleted from a full card"] += len(keys)
                self._books.making_room(1)
                self._ask(
                    lambda: self._delete(keys),
                    lambda _, file: self._made_room(lambda: self.lane.deleted(keys, file)),
                    lambda full: self._not_evicted(keys, full),
                )
            case ForgetBatches(keys):
                self._ask(
                    lambda: self._delete(keys),
                    lambda _, file: self.lane.forgotten(file),
                    lambda full: self._failed(full, self.lane.not_forgotten, keys),
                )

    def _send(self, command: SendBatch) -> None:
        key, body = command.key, command.body
        claim(not self._standing, "a batch was sent while a press had precedence")
        claim(key not in self._unanswered, "a batch without its PUBACK was sent again on the same connection")
        self._unanswered[key] = len(body)
        way = sum(self._unanswered.values())
        claim(len(self._unanswered) == 1 or way <= 2 * self.lane.rate.bytes_per_s, f"{way} bytes are on the way")
        claim(self._contents.setdefault(key, numbers(body)) == numbers(body), f"batch {key} changed")
        self._on_way.add(key)
        self._named[body_hash(body)] = key

        def done(outcome: Outcome) -> None:
            if outcome == "not connected":
                self.lane.not_sent(command.sending)
            elif outcome == "timeout":
                if self.now_ns - began_ns >= PUBACK_NS:
                    self._session.lose()
            else:
                self._unanswered.pop(key, None)
                self.lane.acknowledged(command.sending, self.now_ns, heard=outcome == "acknowledged")
            self.pump()

        began_ns = self.now_ns
        self._session.publish("telemetry", body, PUBACK_NS, done)

    def _keep(self, command: KeepBatches) -> None:
        rows = {row.key: CardRow(row.readings, row.body, row.sent, thinned=False) for row in command.rows}
        sizes = [len(row.body) for row in command.rows]
        self._seen["batches written to the card"] += len(rows)
        self._seen["commits of batches"] += 1
        self._books.keeping(command.keys)

        def kept(_: object, file: int) -> None:
            self.lane.kept(command.keys, sizes, file)
            self._books.answered(command.keys)

        def not_kept(full: bool) -> None:
            self._failed(full, self.lane.not_kept, command.keys)
            self._books.answered(command.keys)

        self._ask(lambda: self._card.write(rows), kept, not_kept)

    def _cut(self, command: CutBatch) -> None:
        key = command.key

        def job() -> list[StoredRow]:
            body = self._body(key)
            if body is None:
                return []
            claim(not self._card.batches[key].sent, "a batch that may have been sent was cut")
            pieces = cut(body, command.first, command.max_bytes)
            self._seen["batches cut for a slow link"] += 1
            self._card.write(
                {piece: CardRow(count, part, sent=True, thinned=False) for piece, count, part in pieces},
                instead_of=[key],
            )
            return [StoredRow(piece, count, len(part), sent=True, thinned=False) for piece, count, part in pieces]

        self._ask(
            job,
            lambda pieces, file: self.lane.cut(key, pieces, file),
            lambda full: self._failed(full, self.lane.not_cut, key),
        )

    def _body(self, key: Key) -> bytes | None:
        row = self._card.batches.get(key)
        return None if row is None else row.body

    def _thin(self, keys: Sequence[Key]) -> list[ThinnedRow]:
        thinned = []
        self._card.need_log()
        for key in keys:
            row = self._card.batches.get(key)
            if row is None:
                continue
            claim(not row.sent and not row.thinned, "a batch was thinned that must not be")
            body, lost = thin_body(row.body)
            self._card.batches[key] = CardRow(row.readings - lost, body, sent=False, thinned=True)
            self._seen["readings thinned"] += lost
            thinned.append(ThinnedRow(key, lost, len(body)))
        return thinned

    def _delete(self, keys: Sequence[Key]) -> None:
        self._card.need_log()
        for key in keys:
            self._card.batches.pop(key, None)

    def _ask(self, job: Callable[[], T], done: Callable[[T, int], None], failed: Callable[[bool], None]) -> None:
        """Ask the card; the answer tells how many files were set aside since this life began."""

        def answered(answer: object, verdict: Verdict) -> None:
            if verdict == "done":
                assert isinstance(answer, tuple)
                done(*answer)
                if self._file != answer[1]:
                    self._file = answer[1]
                    self._check_file()
            else:
                failed(verdict == "full")
            self.pump()

        self._card.telemetry.run(lambda: (job(), self._card.set_aside - self._files_before), answered)

    def _failed(self, full: bool, tell: Callable[[K], None], what: K) -> None:
        tell(what)
        self._failed_ns = self.now_ns
        if full:
            self.lane.disk_full(self.now_ns)
        else:
            self.lane.disk_failed(self.now_ns)

    def _made_room(self, tell: Callable[[], None]) -> None:
        self._books.making_room(-1)
        tell()

    def _not_evicted(self, keys: Sequence[Key], full: bool) -> None:
        self._books.making_room(-1)
        self._failed_ns = self.now_ns
        before = [key for key in keys if key in self.lane]
        self.lane.not_evicted(keys, self.now_ns, full=full)
        claim(all(key in self.lane for key in before), "a batch was dropped that the card did not delete")

    def _restore(self) -> None:
        def job() -> list[StoredRow]:
            return [
                StoredRow(key, row.readings, len(row.body), row.sent, row.thinned)
                for key, row in self._card.batches.items()
            ]

        def done(rows: list[StoredRow], file: int) -> None:
            taken = [row for row in rows if row.key not in self.lane]
            for row in taken:
                for number in self._on_card(row.key):
                    self._taken.setdefault(number, self.now_ns)
            self._books.restored(rows)
            self._seen["batches taken up from the card"] += self.lane.restore(rows, file)

        self._ask(job, done, lambda _: self._loop.after(RETRY_DISK_NS, lambda: self._restore() if self.alive else None))
