"""Which requests read a slave's registers, and what their answers say. No I/O.

Rules:
- Registers of one table that are at most `join_gap` apart are read with one request; no value is split over two.
- A slave that refuses a joined request because of what lies between (illegal address or value) is asked for the joined
  parts one by one from then on; a part it refuses by itself is a fault and is asked again with each poll.
- A reading has the fields that were answered in this very poll, and nothing older. One without a required field, or
  without any, is none.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from contract.batch import FieldValue
from contract.catalogue import KINDS
from edge_agent.drivers.base import Sample
from edge_agent.drivers.fields import NO_VALUE, plausible, scaled
from edge_agent.drivers.modbus.settings import RegisterSettings, SlaveSettings, Type
from edge_agent.drivers.modbus.wire import MOST_BITS, Request, Table

ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3

_CODES: Final[dict[Type, str]] = {
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
    "bit": "H",
}

_QUANTITIES: Final = {kind.name: {quantity.name: quantity for quantity in kind.quantities} for kind in KINDS.values()}


@dataclass(frozen=True, slots=True)
class Block:
    """Registers or bits that one request reads: `count` from `address` on."""

    table: Table
    address: int
    count: int
    registers: tuple[RegisterSettings, ...]

    def request(self, unit: int) -> Request:
        """Return the request for it."""
        return Request(unit, self.table, self.address, self.count)

    def split(self) -> list[Block]:
        """Return it as blocks without anything between their registers; itself when there is nothing between."""
        return _blocks(self.registers, 0, self.count)


@dataclass(frozen=True, slots=True)
class Value:
    """What one register of the map said, in its field's unit, and when its answer was complete."""

    register: RegisterSettings
    value: FieldValue
    monotonic_ns: int


class Plan:
    """How one slave is read.

    Args:
        slave: The slave.
        join_gap: Registers that may lie unread between two that are read together, 0 to 125.
        most_registers: The most registers of one request, 4 to 125.
    """

    def __init__(self, slave: SlaveSettings, *, join_gap: int, most_registers: int) -> None:
        self._slave = slave
        self.blocks = _blocks(tuple(slave.registers), join_gap, most_registers)

    def refused(self, block: Block, code: int) -> list[Block]:
        """Take an exception response; return the parts that replace the block and are to be asked instead, if any."""
        parts = block.split() if code in (ILLEGAL_ADDRESS, ILLEGAL_VALUE) else []
        if len(parts) < 2:
            return []
        at = self.blocks.index(block)
        self.blocks[at : at + 1] = parts
        return parts

    def missed(self, block: Block) -> None:
        """Take that a block had no answer: it is asked last from now on, so that it keeps no other from its turn."""
        self.blocks.remove(block)
        self.blocks.append(block)

    def values(self, block: Block, raw: tuple[int, ...], monotonic_ns: int, counters: Counter[str]) -> list[Value]:
        """Return what a block's answer says; a register by which the slave says that it has none is `no value`."""
        values = []
        for register in block.registers:
            at = register.address - block.address
            number = decode(register, self._slave, raw[at : at + register.words])
            if number is None:
                counters[NO_VALUE] += 1
            else:
                quantity = _QUANTITIES[register.kind or self._slave.kind or ""][register.field]
                values.append(Value(register, scaled(quantity, number, register), monotonic_ns))
        return values

    def samples(self, values: list[Value], counters: Counter[str]) -> list[Sample]:
        """Return the samples that the values of one poll make, one for each sensor and kind."""
        groups: dict[tuple[str | None, str], list[Value]] = {}
        for value in values:
            key = (value.register.sensor or self._slave.id, value.register.kind or self._slave.kind or "")
            groups.setdefault(key, []).append(value)
        samples = []
        for (sensor, kind), group in groups.items():
            fields = plausible(kind, {value.register.field: value.value for value in group}, counters)
            if fields is not None:
                samples.append(Sample(kind, fields, max(value.monotonic_ns for value in group), None, sensor))
        return samples


def decode(register: RegisterSettings, slave: SlaveSettings, raw: tuple[int, ...]) -> Decimal | None:
    """Return a raw value from its registers or bit; None when the slave says it has none, or it is no number."""
    if register.table in ("coil", "discrete"):
        return Decimal(raw[0])
    if (register.byte_order or slave.byte_order) == "little":
        raw = tuple((word & 0xFF) << 8 | word >> 8 for word in raw)
    if (register.word_order or slave.word_order) == "little":
        raw = raw[::-1]
    number = struct.unpack(f">{_CODES[register.type]}", struct.pack(f">{len(raw)}H", *raw))[0]
    if number in register.missing or not math.isfinite(number):
        return None
    if register.bit is not None:
        return Decimal(number >> register.bit & 1)
    return Decimal(number)


def _blocks(registers: tuple[RegisterSettings, ...], join_gap: int, most: int) -> list[Block]:
    blocks: list[Block] = []
    for register in sorted(registers, key=lambda each: (each.table, each.address, each.words)):
        end = register.address + register.words
        last = blocks[-1] if blocks else None
        limit = MOST_BITS if register.table in ("coil", "discrete") else most
        if (
            last is not None
            and last.table == register.table
            and register.address <= last.address + last.count + join_gap
            and end - last.address <= limit
        ):
            count = max(last.count, end - last.address)
            blocks[-1] = Block(last.table, last.address, count, (*last.registers, register))
        else:
            blocks.append(Block(register.table, register.address, register.words, (register,)))
    return blocks
