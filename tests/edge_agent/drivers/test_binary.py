from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.binary import MOST_FRAME_BYTES, BinaryFramer, Checksum, Layout, LengthField
from edge_agent.drivers.checksums import ALGORITHMS

FIXED = Layout(b"\xaa\xc0", 6, Checksum("sum8", "big", at=-2, first=2, end=-2), b"\xab")
FIELD = LengthField(at=2, size=2, order="big", plus=4, least=6, most=MOST_FRAME_BYTES)
VARIABLE = Layout(b"BM", FIELD, Checksum("crc16-modbus", "little", at=-2, first=0, end=-2))


def fixed(a: int, b: int) -> bytes:
    return bytes([0xAA, 0xC0, a, b, (a + b) & 0xFF, 0xAB])


def variable(body: bytes) -> bytes:
    covered = b"BM" + (len(body) + 2).to_bytes(2, "big") + body
    return covered + ALGORITHMS["crc16-modbus"].of(covered).to_bytes(2, "little")


def _frames(layout: Layout, *chunks: bytes) -> tuple[list[bytes], Counter[str]]:
    framer = BinaryFramer(layout, Counter())
    frames = [frame for chunk in chunks for frame, _ in framer.feed(chunk, 0)]
    return frames + [frame for frame, _ in framer.flush()], framer.counters


def test_a_frame_is_out_with_its_last_byte() -> None:
    framer = BinaryFramer(FIXED, Counter())
    assert framer.feed(fixed(1, 2)[:-1], 1) == []
    assert framer.feed(fixed(1, 2)[-1:], 2) == [(fixed(1, 2), 2)]
    assert framer.counters == {"frames": 1}


def test_each_frame_has_the_arrival_of_its_own_last_byte_even_if_found_later() -> None:
    framer = BinaryFramer(VARIABLE, Counter())
    good = variable(b"good")
    false_header = b"BM" + (len(good) * 2).to_bytes(2, "big")
    assert framer.feed(false_header, 1) == []
    assert framer.feed(good[:-1], 2) == []
    assert framer.feed(good[-1:], 3) == []
    assert framer.feed(variable(b"next"), 4) == [(good, 3), (variable(b"next"), 4)]
    assert framer.counters["bad checksum"] == 1


def test_a_frame_that_a_false_header_hides_at_the_end_comes_with_the_flush() -> None:
    framer = BinaryFramer(VARIABLE, Counter())
    assert framer.feed(b"BM\x01\x00" + variable(b"good"), 5) == []
    assert framer.flush() == [(variable(b"good"), 5)]
    assert framer.counters == {"cut off": 1, "frames": 1, "garbage bytes": 4}
    assert framer.feed(variable(b"next"), 6) == [(variable(b"next"), 6)]


def test_every_prefix_is_cut_off_or_garbage() -> None:
    for size in range(len(fixed(1, 2))):
        frames, counters = _frames(FIXED, fixed(1, 2)[:size])
        assert frames == []
        assert counters["garbage bytes"] == size
        assert counters["cut off"] == (size >= 2)


def test_the_second_half_of_a_header_is_waited_for() -> None:
    assert _frames(FIXED, b"\xaa\xaa", fixed(1, 2)[1:])[0] == [fixed(1, 2)]


def test_what_is_wrong_is_counted_by_reason() -> None:
    bad_checksum, bad_tail = bytearray(fixed(1, 2)), bytearray(fixed(1, 2))
    bad_checksum[4] ^= 1
    bad_tail[5] ^= 1
    frames, counters = _frames(FIXED, bytes(bad_checksum), bytes(bad_tail), b"\xaa\xc0", fixed(3, 4))
    assert frames == [fixed(3, 4)]
    assert counters == {"bad checksum": 1, "bad tail": 2, "frames": 1, "garbage bytes": 14}
    frames, counters = _frames(VARIABLE, b"BM\x00\x01", b"BM\xff\xff", variable(b"good"))
    assert frames == [variable(b"good")]
    assert counters["wrong length"] == 2


def test_every_byte_of_a_frame_is_watched_over() -> None:
    good = variable(b"good")
    for at in range(len(good)):
        for bit in range(8):
            damaged = bytearray(good)
            damaged[at] ^= 1 << bit
            assert _frames(VARIABLE, bytes(damaged))[0] == []


def test_a_megabyte_without_a_frame_is_held_nowhere() -> None:
    framer = BinaryFramer(VARIABLE, Counter())
    for junk in (b"\0" * 1_000_000, b"BM" + b"\xff" * 100_000, b"B" * 100_000):
        for at in range(0, len(junk), 4_096):
            framer.feed(junk[at : at + 4_096], at)
            assert len(framer._buffer) < MOST_FRAME_BYTES
            assert len(framer._arrivals) <= MOST_FRAME_BYTES
    assert framer.garbled
    assert framer.feed(variable(b"good"), 0) == [(variable(b"good"), 0)]


def test_false_headers_byte_by_byte_hold_no_more_than_a_frame() -> None:
    framer = BinaryFramer(VARIABLE, Counter())
    for at in range(5_000):
        framer.feed(b"BM\x01\xf0"[at % 4 : at % 4 + 1], at)
        assert len(framer._buffer) <= MOST_FRAME_BYTES
        assert len(framer._arrivals) <= len(framer._buffer)


def test_frames_without_a_checksum_go_by_length_and_tail() -> None:
    layout = Layout(b"\x02", 4, None, b"\x03")
    assert _frames(layout, b"\x02\x02ab\x03")[0] == [b"\x02ab\x03"]


_NOISE = st.binary(max_size=40) | st.sampled_from([b"BM", b"\xaa", b"\xaa\xc0", b"BM\x00\x20", b"BM\x01\x00"])


@given(st.lists(_NOISE, max_size=6), st.integers(0, 2**32))
def test_whatever_is_between_them_good_frames_come_out_in_order_at_any_split(noise: list[bytes], seed: int) -> None:
    draw = random.Random(seed)
    good = [variable(draw.randbytes(draw.randrange(40))) for _ in noise]
    stream = b"".join(junk + frame for junk, frame in zip(noise, good, strict=True))
    whole, counters = _frames(VARIABLE, stream)
    assert [frame for frame in whole if frame in good] == good
    assert sum(map(len, whole)) + counters["garbage bytes"] == len(stream)
    cuts = sorted(draw.randrange(len(stream) + 1) for _ in range(5))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert _frames(VARIABLE, *pieces) == (whole, counters)
