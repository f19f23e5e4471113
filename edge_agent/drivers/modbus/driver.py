"""The Modbus driver: a bus with one or many slaves, each read at its own interval.

What is read stands in `plan.py`, whose turn it is in `schedule.py`, how an answer is found in `wire.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Final

from edge_agent.drivers.base import DriverType, Sample
from edge_agent.drivers.modbus.bus import Bus, open_bus
from edge_agent.drivers.modbus.plan import Block, Plan, Value
from edge_agent.drivers.modbus.schedule import SILENT_AFTER, Schedule
from edge_agent.drivers.modbus.settings import ModbusSettings
from edge_agent.drivers.modbus.wire import Answer, Refusal
from edge_agent.errors import LineError
from edge_agent.lines import TcpLine

DEAF_S: Final = 30.0
"""A socket that brought no byte for so long, though it was asked, is opened anew: it may be half open."""

_DEAF_POLLS: Final = 3
_BEHIND_GATEWAY: Final = (Refusal(10), Refusal(11))
"""A gateway's own words for a slave that it cannot reach, or that gave it no answer."""
_REFUSALS: Final[Mapping[int, str]] = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "still at work",
    6: "busy",
    8: "memory error",
}
_WHAT_TO_DO: Final[Mapping[str, str]] = {
    "illegal function": "it has no such table; check `table` in its map",
    "illegal address": "it has no such register; check the addresses of its map, which count from 0",
    "illegal value": "it cannot give so many at once; check `type` and lower `most_registers`",
}


class ModbusDriver:
    """A bus at work.

    `counters`: `bytes`, `polls`, `answers`; `no answer`, `garbled`, `refused: <why>`, `skipped polls` (no time for
    them), `unasked bytes`; left out of readings: `no value`, `implausible <field>`.
    """

    def __init__(self, settings: ModbusSettings) -> None:
        self.counters: Counter[str] = Counter()
        self._settings = settings
        self._plans = [
            Plan(slave, join_gap=settings.join_gap, most_registers=settings.most_registers) for slave in settings.slaves
        ]
        self._faults: dict[int, str] = {}
        self._partly: Counter[int] = Counter()

    async def samples(self) -> AsyncGenerator[list[Sample], None]:
        """Open the line and yield what each slave says, as soon as it has said it.

        Raises:
            LineError: The line cannot be opened, is lost, or a socket seems dead.
        """
        settings = self._settings
        async with open_bus(settings, self.counters) as bus:
            schedule = Schedule(
                [slave.poll_s or settings.poll_s for slave in settings.slaves],
                settings.timeout_ms / 1_000,
                time.monotonic(),
            )
            deaf = _Deaf(self.counters["bytes"], time.monotonic())
            while True:
                turn = schedule.next(time.monotonic())
                await asyncio.sleep(max(0.0, turn.at_s - time.monotonic()))
                skipped = schedule.skipped
                yield await self._poll(bus, schedule, turn.slave)
                self.counters["skipped polls"] += schedule.skipped - skipped
                if isinstance(settings.line, TcpLine) and deaf.asked(self.counters["bytes"], time.monotonic()):
                    what_to_do = "check the gateway's power and its wires"
                    raise LineError(settings.uri, f"nothing came for {DEAF_S:.0f} s", what_to_do)

    def fault(self) -> str | None:
        """Return what is wrong with the whole bus: no slave answers, or its only one, which has no name, is unwell."""
        if self._settings.slaves[0].id is None:
            return self._faults.get(0)
        silent = [fault for fault in self._faults.values() if fault.startswith(("silent", "garbled"))]
        if len(silent) < len(self._plans):
            return None
        return "silent: no slave answers; check power, the wires A and B, the baud rate and the parity"

    def faults_of_parts(self) -> Mapping[str, str]:
        """Return what is wrong with each slave, by the names of its sensors."""
        return {name: fault for slave, fault in self._faults.items() for name in self._settings.slaves[slave].sensors()}

    async def _poll(self, bus: Bus, schedule: Schedule, number: int) -> list[Sample]:
        """Ask a slave for all its blocks; return what it said before it fell silent."""
        plan = self._plans[number]
        unit = self._settings.slaves[number].address
        self.counters["polls"] += 1
        values: list[Value] = []
        said_something = False
        refused: str | None = None
        todo = list(plan.blocks)
        while todo:
            block = todo.pop(0)
            garbled = self.counters["garbled"]
            answer = await bus.ask(block.request(unit))
            if answer is None or answer[0] in _BEHIND_GATEWAY:
                plan.missed(block)
                schedule.missed(number, time.monotonic(), lives=said_something)
                self._note_missed(
                    number, block, schedule, lives=said_something, garbled=self.counters["garbled"] > garbled
                )
                return plan.samples(values, self.counters)
            said_something = True
            said, monotonic_ns = answer
            if isinstance(said, Answer):
                values += plan.values(block, said.values, monotonic_ns, self.counters)
            elif parts := plan.refused(block, said.code):
                todo[:0] = parts
            else:
                reason = _REFUSALS.get(said.code, f"code {said.code}")
                self.counters[f"refused: {reason}"] += 1
                refused = _refused(unit, block, reason)
        schedule.answered(number, time.monotonic())
        self.counters["answers"] += 1
        self._partly[number] = 0
        if refused is None:
            self._faults.pop(number, None)
        else:
            self._faults[number] = refused
        return plan.samples(values, self.counters)

    def _note_missed(self, number: int, block: Block, schedule: Schedule, *, lives: bool, garbled: bool) -> None:
        unit = self._settings.slaves[number].address
        if schedule.silent(number):
            self._faults[number] = _garbled(unit) if garbled else _silent(unit)
            return
        self._partly[number] = self._partly[number] + 1 if lives else 0
        if self._partly[number] >= SILENT_AFTER:
            self._faults[number] = _partly_silent(unit, block)


@dataclass(slots=True)
class _Deaf:
    """Whether a line that is asked brings nothing."""

    heard: int
    heard_s: float
    polls: int = 0

    def asked(self, heard: int, now_s: float) -> bool:
        """Take the bytes counted after one more poll; return whether the line seems dead."""
        if heard != self.heard:
            self.heard, self.heard_s, self.polls = heard, now_s, 0
            return False
        self.polls += 1
        return self.polls >= _DEAF_POLLS and now_s - self.heard_s > DEAF_S


def _silent(unit: int) -> str:
    return f"silent: slave {unit} gives no answer; check its power, its wires and that its address is {unit}"


def _garbled(unit: int) -> str:
    return f"garbled: what slave {unit} says is no frame; check baud rate, parity and the bus's two terminators"


def _partly_silent(unit: int, block: Block) -> str:
    what_to_do = "check its map; a slave that ignores a gap needs join_gap = 0"
    return f"partly silent: slave {unit} gives no answer for {_words(block)}; {what_to_do}"


def _refused(unit: int, block: Block, reason: str) -> str:
    what_to_do = _WHAT_TO_DO.get(reason, "look at the device itself")
    return f"refused: slave {unit}, {_words(block)}, {reason}: {what_to_do}"


def _words(block: Block) -> str:
    return f"{block.table} {block.address} to {block.address + block.count - 1}"


DRIVER: Final = DriverType(
    name="modbus",
    settings=ModbusSettings,
    open=ModbusDriver,
    example="""\
[[sensors]]
id = "pole-bus"
driver = "modbus"
uri = "serial:///dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0?baudrate=9600"
parity = "even"
timeout_ms = 200

[[sensors.slaves]]
id = "mains"
address = 1
kind = "electrical"
registers = [
    { field = "voltage_v", table = "input", address = 0, type = "float32" },
    { field = "current_a", table = "input", address = 6, type = "float32" },
]
""",
)
