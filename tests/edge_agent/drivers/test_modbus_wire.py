"""One Modbus request and the search for its answer."""

from __future__ import annotations

import gc
import random
import struct
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsResponse, ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

from edge_agent.drivers.modbus.wire import BUFFER_BYTES, Answer, Exchange, Framing, Refusal, Request, Table

# https://www.simplymodbus.ca/FC03.htm
GOLDEN = Request(17, "holding", 107, 3)
GOLDEN_REQUEST = bytes.fromhex("11 03 00 6b 00 03 76 87")
GOLDEN_ANSWER = bytes.fromhex("11 03 06 ae 41 56 52 43 40 49 ad")
GOLDEN_VALUES = Answer((0xAE41, 0x5652, 0x4340))

RESPONSES: dict[Table, Callable[..., ModbusPDU]] = {
    "coil": ReadCoilsResponse,
    "discrete": ReadDiscreteInputsResponse,
    "holding": ReadHoldingRegistersResponse,
    "input": ReadInputRegistersResponse,
}


def frame(framing: Framing, pdu: ModbusPDU) -> bytes:
    """Return a slave's frame, as pymodbus's server makes it."""
    framer = FramerRTU(DecodePDU(True)) if framing == "rtu" else FramerSocket(DecodePDU(True))
    return framer.buildFrame(pdu)


def test_a_published_request_and_its_answer() -> None:
    exchange = Exchange("rtu", GOLDEN, 0)
    assert exchange.data == GOLDEN_REQUEST
    assert exchange.answer_bytes == len(GOLDEN_ANSWER)
    assert exchange.feed(GOLDEN_ANSWER) == GOLDEN_VALUES


@given(
    st.sampled_from(["rtu", "tcp"]),
    st.sampled_from(["coil", "discrete", "holding", "input"]),
    st.integers(1, 247),
    st.integers(0, 65_535),
    st.data(),
)
def test_what_pymodbuss_server_answers_is_understood(
    framing: Framing, table: Table, unit: int, transaction: int, data: st.DataObject
) -> None:
    bits = table in ("coil", "discrete")
    values = data.draw(st.lists(st.integers(0, 1 if bits else 65_535), min_size=1, max_size=2_000 if bits else 125))
    content = {"bits": [bool(value) for value in values]} if bits else {"registers": values}
    answer = frame(framing, RESPONSES[table](dev_id=unit, transaction_id=transaction, **content))
    exchange = Exchange(framing, Request(unit, table, 100, len(values)), transaction)
    assert len(answer) == exchange.answer_bytes
    cut = data.draw(st.integers(0, len(answer) - 1))
    assert exchange.feed(answer[:cut]) is None
    assert exchange.feed(answer[cut:]) == Answer(tuple(values))


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
def test_an_exception_response_is_a_refusal(framing: Framing) -> None:
    exchange = Exchange(framing, Request(3, "input", 0, 2), 9)
    assert exchange.feed(frame(framing, ExceptionResponse(4, 2, device_id=3, transaction=9))) == Refusal(2)


JUNK = [
    b"",
    b"\x00",
    b"\x11",
    b"\x11\x03",
    b"\x11\x03\x06",  # the head of the very answer
    GOLDEN_REQUEST,  # the adapter's echo
    GOLDEN_ANSWER[:-1],
    GOLDEN_ANSWER[:-1] + b"\x00",
    b"\x12" + GOLDEN_ANSWER[1:],
    bytes.fromhex("05 03 06 00 01 00 02 00 03"),
    bytes(300),
    b"\xff" * 300,
]


@pytest.mark.parametrize("junk", JUNK, ids=[junk[:12].hex() or "none" for junk in JUNK])
def test_junk_before_at_every_split_costs_nothing(junk: bytes) -> None:
    whole = junk + GOLDEN_ANSWER
    for cut in range(len(whole) + 1):
        exchange = Exchange("rtu", GOLDEN, 0)
        found = exchange.feed(whole[:cut])
        assert (found or exchange.feed(whole[cut:])) == GOLDEN_VALUES
    exchange = Exchange("rtu", GOLDEN, 0)
    told = [exchange.feed(bytes((byte,))) for byte in whole]
    assert told[-1] == GOLDEN_VALUES
    assert set(told[:-1]) == {None}


def test_junk_behind_costs_nothing() -> None:
    for junk in JUNK:
        assert Exchange("rtu", GOLDEN, 0).feed(GOLDEN_ANSWER + junk) == GOLDEN_VALUES


def test_an_answer_is_none_when_a_bit_of_it_is_wrong() -> None:
    for bit in range(8 * len(GOLDEN_ANSWER)):
        broken = bytearray(GOLDEN_ANSWER)
        broken[bit // 8] ^= 1 << bit % 8
        assert Exchange("rtu", GOLDEN, 0).feed(bytes(broken)) is None


@pytest.mark.parametrize(
    "other",
    [
        frame("rtu", ReadInputRegistersResponse(dev_id=17, registers=[1, 2, 3])),  # another function
        frame("rtu", ReadHoldingRegistersResponse(dev_id=17, registers=[1, 2])),  # another length
        frame("rtu", ReadHoldingRegistersResponse(dev_id=18, registers=[1, 2, 3])),  # another slave
        frame("rtu", ExceptionResponse(4, 2, device_id=17)),
    ],
    ids=["function", "length", "slave", "refusal of another"],
)
def test_the_late_answer_to_something_else_is_none(other: bytes) -> None:
    exchange = Exchange("rtu", GOLDEN, 0)
    assert exchange.feed(other) is None
    assert exchange.feed(GOLDEN_ANSWER) == GOLDEN_VALUES


def test_by_tcp_a_late_answer_is_known_by_its_number() -> None:
    exchange = Exchange("tcp", GOLDEN, 8)
    late = ReadHoldingRegistersResponse(dev_id=17, transaction_id=7, registers=[1, 2, 3])
    assert exchange.feed(frame("tcp", late)) is None
    now = ReadHoldingRegistersResponse(dev_id=17, transaction_id=8, registers=[4, 5, 6])
    assert exchange.feed(frame("tcp", now)) == Answer((4, 5, 6))


def test_the_buffer_is_bounded_and_what_is_lost_is_counted() -> None:
    exchange = Exchange("rtu", GOLDEN, 0)
    for _ in range(1_000):
        assert exchange.feed(b"\x11\x03\x05" * 341) is None
    assert exchange.heard == 1_023_000
    assert exchange.garbage == exchange.heard - BUFFER_BYTES
    assert exchange.feed(GOLDEN_ANSWER) == GOLDEN_VALUES


@pytest.mark.slow
def test_fuzz_nothing_but_answers_refusals_and_none() -> None:
    dice = random.Random(20_261_122)
    tables: list[Table] = ["coil", "discrete", "holding", "input"]
    framings: list[Framing] = ["rtu", "tcp"]
    found = 0
    tracemalloc.start()
    try:
        for turn in range(10_000):
            framing = dice.choice(framings)
            table = dice.choice(tables)
            request = Request(dice.randrange(1, 248), table, dice.randrange(65_536), dice.randrange(1, 20))
            exchange = Exchange(framing, request, turn)
            size = exchange.answer_bytes
            head = struct.pack(">HHHB", turn, 0, size - 6, request.unit) if framing == "tcp" else bytes((request.unit,))
            code = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}[table] | dice.choice((0, 0, 0x80))
            data = head + bytes((code, dice.choice((size - len(head) - 2, dice.randrange(256))))) + dice.randbytes(size)
            mangled = bytearray(dice.randbytes(dice.randrange(30)) + data)
            for _ in range(dice.randrange(3)):
                mangled[dice.randrange(len(mangled))] = dice.randrange(256)
            answer = exchange.feed(bytes(mangled))
            assert answer is None or isinstance(answer, Answer | Refusal)
            if isinstance(answer, Answer):
                assert len(answer.values) == request.count
                found += 1
            if turn == 1_000:
                gc.collect()
                before, _ = tracemalloc.get_traced_memory()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found > 500, "the fuzzing never gets as far as a message"
    assert after - before < 100_000
