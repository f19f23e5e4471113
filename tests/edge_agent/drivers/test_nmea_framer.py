from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.nmea.framer import MAX_SENTENCE_BYTES, Framer

_PIECES = st.sampled_from(
    [b"$", b"\r\n", b"\n", b"#", b"!AIVDM", b"GPRMC,1*00", b"\0", b"\xff", b"x" * 90, b"y" * 600, b"*", b","]
)
STREAMS = st.lists(_PIECES | st.binary(max_size=8), max_size=40).map(b"".join)


def _frame(chunks: list[bytes]) -> tuple[list[bytes], Counter[str]]:
    counters: Counter[str] = Counter()
    framer = Framer(counters)
    sentences = [sentence for chunk in chunks for sentence in framer.feed(chunk)]
    return sentences + framer.flush(), counters


def test_sentences_between_anything_are_found() -> None:
    assert _frame([b"junk$A*00\r\n\r\n$B*11\n\0\0$C$D*22\r"]) == (
        [b"A*00", b"B*11", b"D*22"],
        {"garbage bytes": 6, "cut off": 1},
    )


def test_notes_of_a_captured_log_are_passed_over() -> None:
    assert _frame([b"# about $GPGGA and $GPRMC\nx$A*00\n#$B*11\nx#$C*22\n"]) == (
        [b"A*00", b"C*22"],
        {"garbage bytes": 3},
    )


def test_a_sentence_without_line_end_is_out_when_the_line_ends() -> None:
    assert _frame([b"$A*00"]) == ([b"A*00"], {})


def test_the_longest_sentence_is_taken_and_one_byte_more_is_not() -> None:
    longest = b"x" * MAX_SENTENCE_BYTES
    assert _frame([b"$" + longest + b"\r\n"])[0] == [longest]
    sentences, counters = _frame([b"$" + longest + b"y\r\n$A*00\r\n"])
    assert sentences == [b"A*00"]
    assert counters == {"too long": 1, "garbage bytes": MAX_SENTENCE_BYTES + 1}


def test_a_megabyte_without_end_holds_no_memory_and_resynchronises() -> None:
    counters: Counter[str] = Counter()
    framer = Framer(counters)
    assert framer.feed(b"$") == []
    for _ in range(256):
        assert framer.feed(b"z" * 4_096) == []
        assert len(framer._buffer) <= MAX_SENTENCE_BYTES
    assert framer.feed(b"$A*00\r\n") == [b"A*00"]
    assert counters == {"too long": 1, "garbage bytes": 256 * 4_096}


@given(STREAMS)
def test_split_at_each_byte_gives_what_the_whole_gives(stream: bytes) -> None:
    assert _frame([stream[at : at + 1] for at in range(len(stream))]) == _frame([stream])


@given(st.lists(STREAMS, max_size=5))
def test_any_split_gives_what_the_whole_gives(chunks: list[bytes]) -> None:
    assert _frame(chunks) == _frame([b"".join(chunks)])
