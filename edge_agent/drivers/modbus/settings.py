"""What a bus of Modbus slaves looks like in `[[sensors]]`: its line, its slaves, and the map of their registers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from contract.catalogue import KINDS
from contract.identity import Name
from contract.settings import Settings, fault_at
from edge_agent.drivers.base import DriverSettings
from edge_agent.drivers.fields import Scaling
from edge_agent.drivers.modbus.wire import MOST_REGISTERS, Framing, Table
from edge_agent.lines import SerialLine, TcpLine, line_claims, parse_line_uri

Type = Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bit"]
Order = Literal["big", "little"]
Parity = Literal["none", "even", "odd"]

WORDS: Final[dict[Type, int]] = {
    "int16": 1,
    "uint16": 1,
    "int32": 2,
    "uint32": 2,
    "float32": 2,
    "int64": 4,
    "uint64": 4,
    "float64": 4,
    "bit": 1,
}
"""Registers a value takes; a bit is one of its register's, or a coil or discrete input of its own."""


class RegisterSettings(Scaling):
    """Where a field of a reading stands in a slave, and how.

    `address` is the protocol's, 0 to 65,535: what a manual calls 30001 or 40001 is 0. `word_order` and `byte_order` say
    which comes first, big is Modbus's own. `bit` is that of its register, 0 the lowest. `missing` are raw values by
    which the slave says that it has none. `kind` and `sensor` are its slave's unless given. `unit` is not needed; when
    given, it must be that of the catalogue.
    """

    field: str
    address: Annotated[int, Field(ge=0, le=65_535)]
    table: Table = "holding"
    type: Type = "uint16"
    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    word_order: Order | None = None
    byte_order: Order | None = None
    missing: Annotated[list[int], Field(max_length=8)] = Field(default_factory=list)
    kind: str | None = None
    sensor: Name | None = None
    unit: str | None = None

    @property
    def words(self) -> int:
        """How many registers or bits it takes."""
        return WORDS[self.type]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        one_bit = self.table in ("coil", "discrete")
        if one_bit and (self.type != "bit" or self.bit is not None):
            raise fault_at(("type",), f'a {self.table} is one bit: type = "bit", without `bit`')
        if not one_bit and (self.type == "bit") != (self.bit is not None):
            raise fault_at(("bit",), 'a bit of a register is type = "bit" together with bit = 0 to 15')
        if self.address + self.words > 65_536:
            raise fault_at(("address",), f"a {self.type} at {self.address} ends beyond the last register, 65535")
        return self


class SlaveSettings(Settings):
    """One slave. `id` names the sensor in its readings; without it, they are the bus's own. `address` is 1 to 247, by
    TCP also 0 and 255. `poll_s` is the bus's unless given."""

    id: Name | None = None
    address: Annotated[int, Field(ge=0, le=255)]
    kind: str | None = None
    poll_s: Annotated[float, Field(ge=0.1, le=3_600)] | None = None
    word_order: Order = "big"
    byte_order: Order = "big"
    registers: Annotated[list[RegisterSettings], Field(min_length=1, max_length=128)]

    @model_validator(mode="after")
    def _map_is_of_the_catalogue(self) -> Self:
        fields: dict[tuple[str | None, str], set[str]] = {}
        for at, register in enumerate(self.registers):
            kind = register.kind or self.kind
            if kind is None:
                raise fault_at(("registers", at, "kind"), "names no kind, and its slave neither")
            _check_field(at, kind, register)
            taken = fields.setdefault((register.sensor or self.id, kind), set())
            if register.field in taken:
                raise fault_at(("registers", at, "field"), f"{kind}.{register.field} has two registers")
            taken.add(register.field)
        for (_, kind), taken in fields.items():
            missing = [field for field in KINDS[kind].required if field not in taken]
            if missing:
                raise fault_at(("registers",), f"a reading of kind {kind} needs a register for {missing[0]}")
        return self

    def sensors(self) -> Iterator[Name]:
        """Yield the names of its sensors, but for the bus's own."""
        seen: dict[Name | None, None] = dict.fromkeys(register.sensor or self.id for register in self.registers)
        yield from (name for name in seen if name is not None)


def _check_field(at: int, kind: str, register: RegisterSettings) -> None:
    if kind not in KINDS:
        key = ("registers", at, "kind") if register.kind is not None else ("kind",)
        raise fault_at(key, f"there is no kind {kind!r}; there are: {', '.join(KINDS)}")
    units = {quantity.name: quantity.unit for quantity in KINDS[kind].quantities}
    if register.field not in units:
        expected = f"{kind} has no field {register.field!r}; it has: {', '.join(units)}"
        raise fault_at(("registers", at, "field"), expected)
    unit = units[register.field]
    if register.unit not in (None, unit):
        expected = f"{register.field} is in {unit!r} (UCUM); use scale and offset to convert"
        raise fault_at(("registers", at, "unit"), expected)


def _uri(uri: str) -> str:
    if not isinstance(parse_line_uri(uri), SerialLine | TcpLine):
        raise ValueError(
            f"{uri!r} is no line to ask on; examples: serial:///dev/ttyUSB0?baudrate=9600, tcp://10.0.0.5:502"
        )
    return uri


class ModbusSettings(DriverSettings):
    """A bus.

    `uri` is `serial://…` or `tcp://host:port`. `framing` is `rtu` on a serial line and `tcp` on a socket unless given;
    a serial device server without a Modbus gateway in it is `tcp://` with `rtu`. `timeout_ms` is how long a slave may
    take before it answers; what the answer itself takes at this baud rate is added. Registers at most `join_gap` apart
    are read together, at most `most_registers` with one request.
    """

    uri: Annotated[str, AfterValidator(_uri)]
    framing: Framing | None = None
    parity: Parity = "none"
    stop_bits: Literal[1, 2] = 1
    poll_s: Annotated[float, Field(ge=0.1, le=3_600)] = 5.0
    timeout_ms: Annotated[int, Field(ge=10, le=10_000)] = 500
    join_gap: Annotated[int, Field(ge=0, le=MOST_REGISTERS)] = 8
    most_registers: Annotated[int, Field(ge=4, le=MOST_REGISTERS)] = MOST_REGISTERS
    slaves: Annotated[list[SlaveSettings], Field(min_length=1, max_length=247)]

    @property
    def line(self) -> SerialLine | TcpLine:
        """The line `uri` names."""
        line = parse_line_uri(self.uri)
        assert isinstance(line, SerialLine | TcpLine)
        return line

    @property
    def frames(self) -> Framing:
        """How frames look on this line."""
        return self.framing or ("rtu" if isinstance(self.line, SerialLine) else "tcp")

    def claims(self) -> tuple[str, ...]:
        """Return the line's port: nobody else may speak on it."""
        return line_claims(self.uri)

    def parts(self) -> tuple[str, ...]:
        """Return the names of the slaves' sensors."""
        return tuple(name for slave in self.slaves for name in slave.sensors())

    def gives(self) -> frozenset[tuple[str, str]]:
        """Return the fields of its map."""
        return frozenset(
            (each.sensor or slave.id or self.id, f"{each.kind or slave.kind}.{each.field}")
            for slave in self.slaves
            for each in slave.registers
        )

    @model_validator(mode="after")
    def _slaves_differ(self) -> Self:
        if self.frames == "tcp" and isinstance(self.line, SerialLine):
            raise fault_at(("framing",), "a serial line is rtu")
        by_address: set[int] = set()
        for at, slave in enumerate(self.slaves):
            if self.frames == "rtu" and not 1 <= slave.address <= 247:
                raise fault_at(("slaves", at, "address"), "1 to 247 on a serial line")
            if slave.address in by_address:
                expected = f"{slave.address} is another slave's; the registers of one slave belong in one table"
                raise fault_at(("slaves", at, "address"), expected)
            by_address.add(slave.address)
        unnamed = [at for at, slave in enumerate(self.slaves) if slave.id is None]
        if len(self.slaves) > 1 and unnamed:
            raise fault_at(("slaves", unnamed[0], "id"), "each of several slaves needs an id")
        return self
