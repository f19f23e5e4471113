"""Modbus slaves of pymodbus's simulator, on a pty or a socket, as a process of their own. It prints where they are.

    python -m tests.edge_agent.drivers.modbus_slaves serial --slaves 32 --dead 5,6 --junk 0.1 --seed 1

Input registers of slave N: 0 counts the readings of it, 1 is N, 2 and 3 the float32 N + 0.5, big end first; 10 is 100,
11 to 19 do not exist. The wire between is two ptys: with probability `junk` noise is put before or behind an answer;
an answer is cut in two, with `split_ms` between.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import struct
import tty

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 11


def slave(number: int) -> SimDevice:
    """Return one slave."""

    async def count(
        function: int, start: int, address: int, asked: int, registers: list[int], values: object
    ) -> ExcCodes | None:
        registers[0] = registers[0] % 65_535 + 1
        return None

    high, low = struct.unpack(">HH", struct.pack(">f", number + 0.5))
    data = [
        SimData(0, values=[0, number, high, low, 0, 0, 0, 0, 0, 0, 100], datatype=DataType.REGISTERS),
    ]
    return SimDevice(number, data, action=count)


class Wire:
    """Two ptys whose masters are joined: the agent opens one, the simulator the other."""

    def __init__(self, junk: float, split_ms: int, seed: int) -> None:
        self._dice = random.Random(seed)
        self._junk = junk
        self._split_s = split_ms / 1_000
        self._agent, self._agent_tty = os.openpty()
        self._slaves, self._slaves_tty = os.openpty()
        for end in (self._agent_tty, self._slaves_tty):
            tty.setraw(end)
        self.agent_path, self.slaves_path = os.ttyname(self._agent_tty), os.ttyname(self._slaves_tty)
        self._to_agent: asyncio.Queue[bytes] = asyncio.Queue(64)

    async def join(self) -> None:
        """Carry bytes until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._agent, lambda: os.write(self._slaves, os.read(self._agent, 4_096)))
        loop.add_reader(self._slaves, lambda: self._to_agent.put_nowait(os.read(self._slaves, 4_096)))
        while True:
            data = await self._to_agent.get()
            if self._dice.random() < self._junk:
                data = self._dice.randbytes(self._dice.randrange(1, 20)) + data
            if self._dice.random() < self._junk:
                data += self._dice.randbytes(self._dice.randrange(1, 20))
            if self._split_s:
                cut = self._dice.randrange(len(data))
                os.write(self._agent, data[:cut])
                await asyncio.sleep(self._split_s)
                data = data[cut:]
            os.write(self._agent, data)


async def _serve(arguments: argparse.Namespace) -> None:
    dead = {int(each) for each in arguments.dead.split(",") if each}
    devices = [slave(number) for number in range(1, arguments.slaves + 1)]

    def silence(sending: bool, data: bytes) -> bytes:
        unit = data[0 if arguments.line == "serial" else 6] if data else 0
        return b"" if sending and unit in dead else data

    if arguments.line == "tcp":
        tcp = ModbusTcpServer(devices, address=("127.0.0.1", 0), trace_packet=silence)
        await tcp.serve_forever(background=True)
        print(f"tcp://127.0.0.1:{tcp.transport.sockets[0].getsockname()[1]}", flush=True)  # type: ignore[attr-defined]
        await tcp.serving
    wire = Wire(arguments.junk, arguments.split_ms, arguments.seed)
    serial = ModbusSerialServer(devices, port=wire.slaves_path, baudrate=19_200, trace_packet=silence)
    await serial.serve_forever(background=True)
    print(f"serial://{wire.agent_path}?baudrate=19200", flush=True)
    await wire.join()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("line", choices=("serial", "tcp"))
    parser.add_argument("--slaves", type=int, default=1)
    parser.add_argument("--dead", default="")
    parser.add_argument("--junk", type=float, default=0.0)
    parser.add_argument("--split-ms", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
