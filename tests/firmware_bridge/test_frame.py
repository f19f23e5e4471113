"""Frames: the golden vectors whole, byte by byte, cut, merged and with junk; and what cbor2 alone would take."""

from __future__ import annotations

import json
import random

import cbor2
import pytest

from firmware_bridge.errors import FrameError
from firmware_bridge.frame import (
    MOST_ENCODED,
    MOST_PAYLOAD_TO_BOARD,
    Deframer,
    Frame,
    Payload,
    crc16,
    decode_frame,
    encode_frame,
    seal,
)
from firmware_bridge.vectors import PATH, Accepted, Refused, Vectors, make_vectors
from tests.firmware_bridge.fuzz import fuzz

VECTORS: Vectors = json.loads(PATH.read_text())
ACCEPTED = VECTORS["accepted"]
REFUSED = VECTORS["refused"]
PING = bytes.fromhex("0401081204a077a600")


def frame_of(vector: Accepted) -> Frame:
    return Frame(vector["type"], vector["seq"], cbor2.loads(bytes.fromhex(vector["payload_hex"])))


def wire_of(vector: Accepted | Refused) -> bytes:
    return bytes.fromhex(vector["wire_hex"])


def test_the_file_is_what_the_code_makes() -> None:
    assert make_vectors() == VECTORS


def test_the_crc_is_ccitt_false_by_its_published_check_value_and_bit_by_bit() -> None:
    assert crc16(b"123456789") == 0x29B1
    content, crc = bytes.fromhex("01081200a0"), 0xFFFF
    for byte in content:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    assert crc16(content) == crc
    assert crc == 0xA677  # low byte first on the wire: 77 a6


def test_a_ping_made_by_hand_is_a_ping() -> None:
    """01 08 12 00 a0 77 a6: its zero is the fourth byte, so COBS says 04 01 08 12, then 04 a0 77 a6."""
    assert encode_frame(Frame(8, 0x12, {})) == PING
    assert decode_frame(PING[:-1]) == Frame(8, 0x12, {})


@pytest.mark.parametrize("vector", ACCEPTED, ids=lambda each: each["name"])
def test_an_accepted_vector_is_itself_in_both_directions(vector: Accepted) -> None:
    wire = wire_of(vector)
    assert decode_frame(wire[:-1]) == frame_of(vector)
    assert encode_frame(frame_of(vector)) == wire
    assert wire.count(0) == 1
    assert len(vector["payload_hex"]) // 2 <= MOST_PAYLOAD_TO_BOARD


@pytest.mark.parametrize("vector", REFUSED, ids=lambda each: each["name"])
def test_a_refused_vector_is_refused_by_its_reason_and_the_next_frame_is_taken(vector: Refused) -> None:
    wire, deframer = wire_of(vector), Deframer()
    with pytest.raises(FrameError) as refused:
        decode_frame(wire[:-1])
    assert refused.value.reason == vector["reason"]
    assert deframer.feed(wire + PING) == [Frame(8, 0x12, {})]
    assert deframer.counters == {"bytes": len(wire + PING), vector["reason"]: 1, "frames": 1}


@pytest.mark.parametrize("vector", [*ACCEPTED, *REFUSED], ids=lambda each: each["name"])
def test_byte_by_byte_is_as_whole(vector: Accepted | Refused) -> None:
    whole, apart = Deframer(), Deframer()
    wire = wire_of(vector)
    frames = whole.feed(wire)
    assert [frame for byte in wire for frame in apart.feed(bytes([byte]))] == frames
    assert apart.counters == whole.counters
    assert apart.held == whole.held == 0


@pytest.mark.parametrize("vector", ACCEPTED, ids=lambda each: each["name"])
def test_each_prefix_is_nothing_and_cut_off_it_spoils_no_later_frame(vector: Accepted) -> None:
    wire = wire_of(vector)
    for length in range(1, len(wire)):
        deframer = Deframer()
        assert deframer.feed(wire[:length]) == []
        frames = deframer.feed(b"\0" + PING)
        # With only the delimiter lost, the next one's stands for it.
        assert frames == ([frame_of(vector)] if length == len(wire) - 1 else []) + [Frame(8, 0x12, {})]


@pytest.mark.parametrize("vector", ACCEPTED, ids=lambda each: each["name"])
def test_trailing_junk_is_refused_and_two_merged_are_never_a_third(vector: Accepted) -> None:
    wire, deframer = wire_of(vector), Deframer()
    assert deframer.feed(wire + b"junk\0" + wire) == [frame_of(vector)] * 2
    assert deframer.counters["frames"] == 2
    assert deframer.feed(wire[:-1] + wire) == []
    assert deframer.feed(wire) == [frame_of(vector)]


def test_one_flipped_bit_anywhere_is_always_found() -> None:
    for vector in ACCEPTED:
        wire = wire_of(vector)[:-1]
        for bit in range(8 * len(wire)):
            flipped = bytearray(wire)
            flipped[bit // 8] ^= 1 << bit % 8
            if 0 not in flipped:  # a zero is a delimiter, not a part
                with pytest.raises(FrameError):
                    decode_frame(bytes(flipped))


def test_a_stream_without_a_delimiter_holds_128_bytes_and_no_more() -> None:
    deframer = Deframer()
    for _ in range(100):
        assert deframer.feed(b"\x55" * 4_096) == []
        assert deframer.held <= MOST_ENCODED
    assert deframer.feed(b"\0" + PING) == [Frame(8, 0x12, {})]
    assert deframer.counters["long"] == 1


def test_zeros_alone_are_nothing() -> None:
    deframer = Deframer()
    assert deframer.feed(bytes(1_000)) == []
    assert deframer.counters == {"bytes": 1_000}


def test_another_version_is_told_until_one_of_ours_comes() -> None:
    deframer = Deframer()
    deframer.feed(seal(bytes.fromhex("07010000a0")))
    assert deframer.other_version == 7
    deframer.feed(PING)
    assert deframer.other_version is None


@pytest.mark.parametrize("tag", [*range(40), 100, 256, 258, 1_004, 43_000, 55_799, 2**32, 2**63])
@pytest.mark.parametrize("content", ["00", "6130", "4130", "820102", "a0"])
def test_no_tag_comes_through_not_even_one_cbor2_knows(tag: int, content: str) -> None:
    tagged = cbor2.dumps(cbor2.CBORTag(tag, 0))[:-1] + bytes.fromhex(content)
    for payload in (b"\xa1\0" + tagged, tagged):
        with pytest.raises(FrameError, match="payload"):
            decode_frame(seal(b"\x01\x01\0\0" + payload)[:-1])


def test_text_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(FrameError, match="payload"):
        decode_frame(seal(bytes.fromhex("01010000a10161ff"))[:-1])


@pytest.mark.parametrize(
    "payload", [{0: -1}, {0: 2**32}, {24: 0}, {-1: 0}, {1: 0, 0: 0}, {0: True}, {0: [[0]]}, {0: [-1]}, {0: bytes(64)}]
)
def test_what_no_payload_may_hold_is_not_sent(payload: Payload) -> None:
    with pytest.raises(ValueError, match="payload"):
        encode_frame(Frame(1, 0, payload))


def test_a_payload_written_and_read_is_the_same() -> None:
    draw = random.Random(1)
    numbers = (0, 1, 23, 24, 255, 256, 65_535, 65_536, 0xFFFF_FFFF)
    for _ in range(500):
        payload: Payload = {
            key: draw.choice((draw.choice(numbers), draw.randbytes(5), "teks ✓", [draw.choice(numbers)] * 2))
            for key in sorted(draw.sample(range(24), draw.randrange(5)))
        }
        frame = Frame(draw.randrange(256), draw.randrange(65_536), payload)
        assert decode_frame(encode_frame(frame)[:-1]) == frame


@pytest.mark.slow
def test_ten_thousand_damaged_streams_raise_nothing_and_hold_nothing() -> None:
    run = fuzz(10_000, seed=1)
    assert run.frames > 1_000
    assert run.most_held <= MOST_ENCODED
    assert {"cobs", "short", "long", "crc", "version", "payload"} <= run.counters.keys()
