"""Which requests read a slave, and what their answers say."""

from __future__ import annotations

import json
import math
import random
import struct
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalogue import fault
from contract.settings import check_table
from edge_agent.drivers.base import Sample
from edge_agent.drivers.modbus.plan import Plan
from edge_agent.drivers.modbus.settings import ModbusSettings, SlaveSettings
from edge_agent.drivers.modbus.wire import Answer, Exchange, Refusal

TESTCASES = Path(__file__).parents[3] / "edge_agent/drivers/modbus/testcases"


def slave(registers: list[dict[str, Any]], **more: Any) -> SlaveSettings:
    return check_table({"address": 1, "kind": "electrical", "registers": registers, **more}, SlaveSettings)


def plan(registers: list[dict[str, Any]], *, join_gap: int = 8, most: int = 125, **more: Any) -> Plan:
    return Plan(slave(registers, **more), join_gap=join_gap, most_registers=most)


def _asked(plan: Plan) -> list[tuple[str, int, int]]:
    return [(block.table, block.address, block.count) for block in plan.blocks]


def _read(plan: Plan, *words: int) -> tuple[list[Sample], Counter[str]]:
    counters: Counter[str] = Counter()
    (block,) = plan.blocks
    return plan.samples(plan.values(block, words, 7, counters), counters), counters


FIELDS = ["voltage_v", "current_a", "power_w", "energy_wh", "frequency_hz", "power_factor", "charge_pct"]


@pytest.mark.parametrize(
    ("at", "join_gap", "most", "asked"),
    [
        ([0, 2, 4], 8, 125, [("input", 0, 6)]),
        ([0, 2, 11], 8, 125, [("input", 0, 13)]),
        ([0, 2, 13], 8, 125, [("input", 0, 4), ("input", 13, 2)]),
        ([4, 0, 2], 0, 125, [("input", 0, 6)]),
        ([0, 3], 0, 125, [("input", 0, 2), ("input", 3, 2)]),
        ([0, 2, 4], 8, 5, [("input", 0, 4), ("input", 4, 2)]),
        ([0, 60, 122, 123], 125, 125, [("input", 0, 125)]),
        ([0, 60, 122, 124], 125, 125, [("input", 0, 124), ("input", 124, 2)]),
        ([7, 7], 0, 125, [("input", 7, 2)]),
    ],
)
def test_registers_are_read_together(
    at: list[int], join_gap: int, most: int, asked: list[tuple[str, int, int]]
) -> None:
    registers = [
        {"field": field, "table": "input", "address": address, "type": "float32"}
        for field, address in zip(FIELDS, at, strict=False)
    ]
    assert _asked(plan(registers, join_gap=join_gap, most=most)) == asked


def test_tables_are_never_mixed_and_bits_count_for_themselves() -> None:
    registers: list[dict[str, Any]] = [
        {"field": "voltage_v", "address": 0},
        {"field": "current_a", "address": 1, "table": "input"},
        {"field": "active", "address": 2, "table": "coil", "type": "bit", "kind": "contact"},
        {"field": "active", "address": 3, "table": "discrete", "type": "bit", "kind": "contact", "sensor": "door"},
    ]
    assert _asked(plan(registers)) == [("coil", 2, 1), ("discrete", 3, 1), ("holding", 0, 1), ("input", 1, 1)]


@given(
    st.lists(st.tuples(st.integers(0, 400) | st.integers(0, 20), st.sampled_from([1, 2, 4])), min_size=1, max_size=14),
    st.integers(0, 125),
    st.integers(4, 125),
)
def test_every_value_is_read_whole_by_one_request_that_is_not_too_long(
    places: list[tuple[int, int]], join_gap: int, most: int
) -> None:
    types = {1: "uint16", 2: "int32", 4: "float64"}
    registers = [
        {"field": field, "address": address, "type": types[words], "sensor": f"s{number}"}
        for number, ((address, words), field) in enumerate(zip(places, FIELDS * 2, strict=False))
    ]
    made = plan(registers, join_gap=join_gap, most=most)
    read = [register for block in made.blocks for register in block.registers]
    assert len(read) == len(registers)
    for block in made.blocks:
        assert 1 <= block.count <= most
        for register in block.registers:
            assert block.address <= register.address
            assert register.address + register.words <= block.address + block.count
        ends = {register.address for register in block.registers}
        assert block.address in ends


@pytest.mark.parametrize("word_order", ["big", "little"])
@pytest.mark.parametrize("byte_order", ["big", "little"])
@pytest.mark.parametrize(
    ("kind", "code", "number"),
    [
        ("int16", "h", -1234),
        ("uint16", "H", 65_000),
        ("int32", "i", -70_000),
        ("uint32", "I", 4_000_000),
        ("int64", "q", -5_000_000),
        ("uint64", "Q", 5_000_000),
        ("float32", "f", 230.25),
        ("float64", "d", -1e-3),
    ],
)
def test_every_type_in_every_order(kind: str, code: str, number: float, word_order: str, byte_order: str) -> None:
    data = struct.pack(f">{code}", number)
    words = [data[at : at + 2] for at in range(0, len(data), 2)]
    if byte_order == "little":
        words = [word[::-1] for word in words]
    if word_order == "little":
        words = words[::-1]
    register = {"field": "power_w", "address": 0, "type": kind, "word_order": word_order, "byte_order": byte_order}
    samples, counters = _read(plan([register]), *(int.from_bytes(word, "big") for word in words))
    assert samples == [Sample("electrical", {"power_w": number}, 7, None, None)]
    assert not counters


def test_the_slaves_order_holds_unless_the_register_has_its_own() -> None:
    registers = [
        {"field": "power_w", "address": 0, "type": "uint32"},
        {"field": "energy_wh", "address": 2, "type": "uint32", "word_order": "big"},
    ]
    samples, _ = _read(plan(registers, word_order="little"), 1, 0, 0, 1)
    assert samples[0].fields == {"power_w": 1.0, "energy_wh": 1.0}


def test_scale_and_offset_are_decimal() -> None:
    register = {"field": "temperature_c", "address": 0, "type": "int16", "scale": 0.1, "offset": -40.0}
    samples, _ = _read(plan([register], kind="weather"), 666)
    assert samples[0].fields == {"temperature_c": 26.6}


def test_a_bit_of_a_register() -> None:
    registers = [{"field": "active", "address": 0, "type": "bit", "bit": bit, "sensor": f"b{bit}"} for bit in (0, 15)]
    samples, _ = _read(plan(registers, kind="contact"), 0x8000)
    assert [(sample.sensor, sample.fields) for sample in samples] == [("b0", {"active": 0}), ("b15", {"active": 1})]


@pytest.mark.parametrize("word", [0x7FC0, 0x7F80, 0xFF80], ids=["nan", "inf", "-inf"])
def test_what_is_no_number_is_no_value(word: int) -> None:
    registers = [
        {"field": "power_w", "address": 0, "type": "float32"},
        {"field": "voltage_v", "address": 2, "missing": [65_535, 0]},
        {"field": "current_a", "address": 3},
    ]
    samples, counters = _read(plan(registers), word, 0, 65_535, 5)
    assert samples[0].fields == {"current_a": 5.0}
    assert counters == {"no value": 2}


def test_what_the_catalogue_refuses_is_left_out_alone_and_counted() -> None:
    registers = [{"field": "humidity_pct", "address": 0}, {"field": "temperature_c", "address": 1}]
    samples, counters = _read(plan(registers, kind="weather"), 101, 30)
    assert samples[0].fields == {"temperature_c": 30.0}
    assert counters == {"implausible humidity_pct": 1}
    samples, counters = _read(plan([{"field": "level_m", "address": 0}], kind="water_level"), 60_000)
    assert samples == []


@pytest.mark.parametrize("number", [1.7e308, -1.7e308, 5e-324])
def test_the_largest_numbers_do_no_harm(number: float) -> None:
    words = struct.unpack(">4H", struct.pack(">d", number))
    register = {"field": "active", "address": 0, "type": "float64", "scale": 1e300}
    samples, _ = _read(plan([register], kind="contact"), *words)
    assert all(fault(sample.kind, sample.fields) is None for sample in samples)
    assert math.isfinite(number)


def test_a_refused_joined_block_is_asked_in_parts_from_then_on() -> None:
    registers = [{"field": field, "address": at} for field, at in zip(FIELDS, (0, 1, 5, 6, 9), strict=False)]
    made = plan(registers)
    (block,) = made.blocks
    assert made.refused(block, 4) == [], "a failure of the device says nothing about the map"
    parts = made.refused(block, 2)
    assert [(part.address, part.count) for part in parts] == [(0, 2), (5, 2), (9, 1)]
    assert made.blocks == parts
    assert made.refused(parts[0], 2) == [], "it has no parts"
    assert made.blocks == parts


def test_a_block_without_an_answer_is_asked_last() -> None:
    registers = [{"field": field, "address": at} for field, at in zip(FIELDS, (0, 100, 200), strict=False)]
    made = plan(registers)
    made.missed(made.blocks[0])
    assert [block.address for block in made.blocks] == [100, 200, 0]


# --- the driver's test cases: captured exchanges

Pieces = Callable[[bytes], Iterable[bytes]]


def _exchanges(case: Path) -> list[tuple[bytes, bytes]]:
    lines = [line for line in (case / "wire.txt").read_text().splitlines() if line and not line.startswith("#")]
    frames = [(line[0], bytes.fromhex(line[1:])) for line in lines]
    assert [direction for direction, _ in frames] == [">", "<"] * (len(frames) // 2)
    return [(frames[at][1], frames[at + 1][1]) for at in range(0, len(frames), 2)]


def _play(case: Path, pieces: Pieces) -> list[dict[str, Any]]:
    """Return the readings that a case's exchanges make, each answer coming in pieces."""
    (table,) = tomllib.loads((case / "sensor.toml").read_text())["sensors"]
    bus = check_table(table, ModbusSettings)
    script = iter(enumerate(_exchanges(case), 1))
    counters: Counter[str] = Counter()
    samples: list[Sample] = []
    for one in bus.slaves:
        made = Plan(one, join_gap=bus.join_gap, most_registers=bus.most_registers)
        todo, values = list(made.blocks), []
        while todo:
            block = todo.pop(0)
            number, (request, answer) = next(script)
            exchange = Exchange(bus.frames, block.request(one.address), number)
            assert exchange.data == request
            told = [exchange.feed(piece) for piece in pieces(answer)]
            said = next(each for each in told if each is not None)
            if isinstance(said, Answer):
                values += made.values(block, said.values, number, counters)
            else:
                assert isinstance(said, Refusal)
                todo[:0] = made.refused(block, said.code)
        samples += made.samples(values, counters)
    assert next(script, None) is None
    assert [fault(sample.kind, sample.fields) for sample in samples] == [None] * len(samples)
    return [
        {"timestamp_ns": sample.time_ns, "sensor": sample.sensor, "kind": sample.kind, "fields": sample.fields}
        for sample in samples
    ]


def _expected(case: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (case / "expected.jsonl").read_text().splitlines()]


CASES = sorted(path for path in TESTCASES.iterdir() if path.is_dir())
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@each_case
def test_a_case_whole_and_byte_by_byte(case: Path) -> None:
    assert _play(case, lambda answer: [answer]) == _expected(case)
    assert _play(case, lambda answer: [bytes((byte,)) for byte in answer]) == _expected(case)


@each_case
def test_a_case_at_every_split(case: Path) -> None:
    longest = max(len(answer) for _, answer in _exchanges(case))
    for cut in range(1, longest):

        def split(answer: bytes, cut: int = cut) -> list[bytes]:
            return [answer[:cut], answer[cut:]]

        assert _play(case, split) == _expected(case)


@each_case
@pytest.mark.parametrize("seed", range(10))
def test_a_case_with_junk_before_between_and_behind(case: Path, seed: int) -> None:
    dice = random.Random(seed)

    def dirty(answer: bytes) -> Iterator[bytes]:
        yield dice.randbytes(dice.randrange(40))
        cut = dice.randrange(len(answer))
        yield answer[:cut]
        yield answer[cut:] + dice.randbytes(dice.randrange(40))

    def false_start(answer: bytes) -> Iterator[bytes]:
        yield answer[: dice.randrange(len(answer))]
        yield dice.randbytes(3)
        yield answer

    assert _play(case, dirty) == _expected(case)
    if case.name.endswith("-rtu"):  # TCP brings whole what was sent, and its frames have no checksum
        assert _play(case, false_start) == _expected(case)
