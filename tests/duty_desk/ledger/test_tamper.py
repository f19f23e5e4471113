"""What somebody with the file in their hands may do to it, and what `verify-ledger` says then."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from duty_desk.errors import DerivedError, HeadMissingError, LedgerBrokenError, NoHeadsError
from duty_desk.ledger.chain import GENESIS, row_hash
from duty_desk.ledger.derived import mend
from duty_desk.ledger.tables import open_engine
from duty_desk.ledger.verify import verify
from tests.duty_desk.ledger.conftest import Writer, change, hashes
from tests.duty_desk.test_incident import NOW, alarm

pytestmark = pytest.mark.slow


def told(path: Path, *rows: int) -> list[str]:
    """Return what witnesses kept of the heads of these rows: receipts, heartbeats, exported rows."""
    all_ = hashes(path)
    kinds: list[Callable[[str], dict[str, object]]] = [
        lambda head: {"stage": "stored", "device": "box-1", "ledger_head": head},
        lambda head: {"desk": "desk", "recording": True, "ledger_head": head},
        lambda head: {"sequence": 1, "hash": head, "entry": {}},
    ]
    return [json.dumps(kinds[number % 3](all_[row - 1])) + "\n" for number, row in enumerate(rows)]


def rewrite(path: Path, text: str, other: str) -> None:
    """Write the whole chain anew with other content and right hashes, and the tables with it."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER IF EXISTS entry_no_update")
        previous = GENESIS
        for sequence, body in connection.execute("SELECT sequence, body FROM entry ORDER BY sequence").fetchall():
            body = body.replace(text, other)
            hash_ = row_hash(sequence, previous, body)
            connection.execute(
                "UPDATE entry SET previous = ?, body = ?, hash = ? WHERE sequence = ?",
                (previous, body, hash_, sequence),
            )
            previous = hash_
    connection.close()
    mend(open_engine(path), anew=True)


def test_an_untouched_ledger_is_whole_and_has_every_head(path: Path) -> None:
    verdict = verify(path, [*told(path, 1, 3, 6), '{"stage": "ringing", "ledger_head": null}\n', "\n", '{"cut off'])
    assert (verdict.rows, verdict.head, verdict.derived) == (6, hashes(path)[-1], True)
    assert verdict.heads is not None
    assert (verdict.heads.heads, verdict.heads.lines, verdict.heads.unreadable) == (3, 6, 1)


@pytest.mark.parametrize(
    ("statements", "row", "reason"),
    [
        (["UPDATE entry SET body = replace(body, 'box-1', 'box-2') WHERE sequence = 3"], 3, "its content was changed"),
        (["DELETE FROM entry WHERE sequence = 2"], 3, "row 2 is missing"),
        (
            [
                "UPDATE entry SET sequence = 99 WHERE sequence = 2",
                "UPDATE entry SET sequence = 2 WHERE sequence = 3",
                "UPDATE entry SET sequence = 3 WHERE sequence = 99",
            ],
            2,
            "it does not follow",
        ),
        (["INSERT INTO entry SELECT 7, previous, body, hash FROM entry WHERE sequence = 6"], 7, "it does not follow"),
        (["DELETE FROM entry WHERE sequence > 4"], 5, "it is missing: rows were cut off the end"),
        (["UPDATE aside SET text = 'gawat' WHERE text = 'aman'"], 6, "the note beside it was changed"),
        (["DELETE FROM aside WHERE text = 'aman'"], 6, "the note beside it is gone, and no later row tells"),
    ],
    ids=["edit", "delete", "reorder", "insert", "cut the tail", "another note", "a note gone"],
)
def test_the_first_row_that_does_not_fit_is_named(path: Path, statements: list[str], row: int, reason: str) -> None:
    change(path, *statements)
    with pytest.raises(LedgerBrokenError, match=reason) as caught:
        verify(path)
    assert caught.value.sequence == row


def test_a_row_inserted_with_right_hashes_shows_in_the_row_after_it(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        body, previous = connection.execute("SELECT body, previous FROM entry WHERE sequence = 3").fetchone()
    connection.close()
    made = row_hash(3, previous, body.replace("box-1", "box-3"))
    change(
        path,
        *(f"UPDATE entry SET sequence = {number + 1} WHERE sequence = {number}" for number in (6, 5, 4, 3)),
        f"INSERT INTO entry VALUES (3, '{previous}', '{body.replace('box-1', 'box-3')}', '{made}')",
    )
    with pytest.raises(LedgerBrokenError, match="row 4: it does not follow"):
        verify(path)


def test_a_cut_tail_is_found_by_a_head_that_was_kept_whatever_else_was_mended(path: Path) -> None:
    kept = told(path, 2, 4, 5, 6)
    change(path, "DELETE FROM entry WHERE sequence > 4", "DELETE FROM aside WHERE sequence > 4")
    mend(open_engine(path), anew=True)
    assert verify(path).rows == 4
    with pytest.raises(HeadMissingError) as caught:
        verify(path, kept)
    assert (caught.value.line, caught.value.last_row) == (3, 4)


def test_a_chain_written_anew_is_found_by_a_head_that_was_kept(path: Path) -> None:
    kept = told(path, 2, 4)
    rewrite(path, "box-1", "box-2")
    assert verify(path).rows == 6
    with pytest.raises(HeadMissingError) as caught:
        verify(path, kept)
    assert (caught.value.line, caught.value.last_row) == (1, None)


def test_a_chain_written_anew_from_a_row_on_names_the_last_row_that_was_told_before(path: Path) -> None:
    kept = told(path, 1, 3, 5)
    rewrite(path, '"reason":"test"', '"reason":"duplicate"')  # row 6, which nobody had been told of
    verify(path, kept)
    rewrite(path, '"kind":"accept"', '"kind":"answer"')  # row 5
    with pytest.raises(HeadMissingError, match="the last one told before it is of row 3"):
        verify(path, kept)


def test_the_first_line_whose_head_is_missing_is_named_also_when_later_ones_fit(path: Path) -> None:
    with pytest.raises(HeadMissingError) as caught:
        verify(path, [*told(path, 2), json.dumps({"ledger_head": "f" * 64}), *told(path, 4)])
    assert (caught.value.line, caught.value.last_row) == (2, 2)


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE incident SET state = 'resolved'", "incident"),
        ("UPDATE incident SET accepted_at_ns = accepted_at_ns - 60000000000", "incident"),
        ("DELETE FROM incident", "incident"),
        ("DELETE FROM incident_row WHERE sequence = 3", "incident_row"),
        ("INSERT INTO incident_row VALUES (1, 99)", "incident_row"),
        ("DELETE FROM seen WHERE sequence = 2", "seen"),
        ("UPDATE seen SET incomplete = 1 WHERE sequence = 2", "seen"),
    ],
)
def test_a_changed_derived_table_is_found_and_made_anew(path: Path, statement: str, table: str) -> None:
    change(path, statement)
    with pytest.raises(DerivedError) as caught:
        verify(path)
    assert caught.value.table == table
    mend(open_engine(path), anew=True)
    assert verify(path).derived


@pytest.mark.parametrize("lines", [[], ["\n"], ["not json\n"], ['{"ledger_head": null}\n'], ['["ledger_head"]\n']])
def test_a_file_without_heads_proves_nothing_and_says_so(path: Path, lines: list[str]) -> None:
    with pytest.raises(NoHeadsError):
        verify(path, lines)


@pytest.mark.parametrize("head", ['"x"', '"' + "A" * 64 + '"', "1", "[]", '"' + "0" * 65 + '"'])
def test_what_is_no_head_is_counted_as_unreadable(path: Path, head: str) -> None:
    read = verify(path, [*told(path, 1), f'{{"ledger_head": {head}}}\n', "[" * 100_000]).heads
    assert read is not None
    assert (read.heads, read.unreadable) == (1, 2)


def test_it_reads_one_moment_of_a_ledger_that_grows(path: Path) -> None:
    writer = Writer(path)
    writer.open()
    grown: list[int] = []

    def grow(_: int) -> None:
        if not grown:
            writer.happen(writer.board.press(alarm(), "alarm", NOW))
            writer.wait(lambda: len(writer.done) == 1)
            grown.append(1)

    assert verify(path, progress=grow).rows == 6
    assert verify(path).rows == 7
    writer.ledger.stop()
