"""What is in memory, what is nowhere else, and what of it may still change."""

from __future__ import annotations

from contract.batch import Batch, Reading, decode_batch, encode_batch
from edge_agent.backlog import Row
from edge_agent.batch_commands import Key
from edge_agent.batch_entry import Entry, in_place
from edge_agent.batch_memory import KEEPING_NS, BatchMemory

STREAM = "00000000000000aa"
S = 10**9


def key(number: int) -> Key:
    return (STREAM, number)


def entry(number: int, *, positions: int = 1, since_ns: int = 0, row: Row | None = None) -> Entry:
    readings = [
        Reading(timestamp_ns=second * S, sensor="gps", kind="position", fields={"latitude": 1.0}, clock="gnss")
        for second in range(positions)
    ]
    body = encode_batch(Batch(device="box-1", stream=STREAM, batch=number, readings=readings))
    return Entry(positions, since_ns, body, row)


def filled(count: int, *, positions: int = 1) -> BatchMemory:
    memory = BatchMemory()
    for number in range(count):
        memory.add(key(number), entry(number, positions=positions, since_ns=number))
    return memory


def check(memory: BatchMemory, entries: list[Entry]) -> None:
    assert memory.bytes == sum(one.size for one in entries)
    assert memory.readings == sum(one.readings for one in entries)
    assert memory.written == sum(one.readings for one in entries if one.row is not None)


def test_what_is_being_written_is_passed_over_for_a_while() -> None:
    memory = filled(2)
    assert memory.next_fresh(0) == key(0)
    rows = memory.keep(5)
    assert [row.key for row in rows] == [key(0), key(1)]
    assert memory.next_fresh(5) is None
    assert memory.held_until_ns() == 5 + KEEPING_NS
    memory.add(key(2), entry(2))
    assert memory.next_fresh(5) == key(2)
    assert memory.next_fresh(5 + KEEPING_NS) == key(0)


def test_the_oldest_that_is_nowhere_else_is_known_through_failures_and_cuts() -> None:
    memory = filled(3, positions=20)
    assert memory.unkept_since_ns == 0
    memory.keep(5)
    assert memory.unkept_since_ns is None
    memory.add(key(9), entry(9, since_ns=9))
    memory.not_kept({key(number): memory.fresh[key(number)] for number in range(3)})
    assert memory.unkept_since_ns == 0
    piece, part = memory.cut(key(1), key(100), 400)
    assert piece == key(100)
    assert len(part.body) <= 400
    assert list(memory.fresh) == [key(0), key(100), key(101), key(2), key(9)]
    assert [row.key for row in memory.keep(6)] == list(memory.fresh), "in the order of their age"
    check(memory, list(memory.fresh.values()))


def test_the_pieces_are_the_batch() -> None:
    whole = entry(1, positions=20)
    pieces = whole.cut(key(5), 700)
    readings = [one for part in pieces.values() for one in decode_batch(part.body)["readings"]]
    assert readings == decode_batch(whole.body)["readings"]
    assert in_place({key(1): whole}, key(1), pieces) == pieces


def test_only_what_nobody_else_has_is_thinned_and_each_once() -> None:
    memory = filled(4, positions=20)
    memory.fresh[key(0)].sent = True
    memory.fresh[key(1)].keeping_ns = 3
    memory.kept(memory.fresh[key(2)], 50)
    assert memory.thin_one() == 19
    assert memory.fresh[key(3)].readings == 1
    assert memory.thin_one() is None
    check(memory, list(memory.fresh.values()))


def test_what_leaves_is_nowhere() -> None:
    memory = filled(2)
    row = memory.kept(memory.fresh[key(0)], 50)
    assert (row.size, row.sent) == (50, False)
    for number in range(2):
        memory.leave(key(number), memory.fresh[key(number)])
    check(memory, [])
    assert memory.keep(0) == ()


def test_a_lost_file_leaves_everything_to_be_kept_again_but_what_is_being_written() -> None:
    memory = filled(3)
    flying = {key(8): entry(8, since_ns=-1, row=Row(1, 50))}
    memory.kept(memory.fresh[key(1)], 50)
    memory.fresh[key(2)].keeping_ns = 7
    memory.file_lost(flying)
    assert [row.key for row in memory.keep(9)] == [key(8), key(0), key(1)], "oldest first"
    assert memory.written == 0
