"""`siaga edge probe`: listens on each serial port of this machine and says what it hears.

Rules:
- It only listens: nothing is sent, so a device that speaks when asked, as on Modbus, is silence here.
- A port that another process holds is told, with that process, and not opened.
- Every driver is tried that needs nothing but a line, a city's own ones too. The first baud rate at which one of them
  finds a whole frame wins. Silence at two rates is silence: a wrong rate garbles bytes and does not hide them.
- All ports are tried at once, each for at most `len(BAUDRATES)` times the listening time; at most 64 ports.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, Literal

from pydantic import ValidationError

from contract.errors import ConfigError
from contract.settings import check_table
from edge_agent.drivers.base import Decoder, DriverType
from edge_agent.drivers.line import LineDriver, LineSettings
from edge_agent.drivers.registry import driver_names, find_driver
from edge_agent.errors import LineError
from edge_agent.lines import check_line_uri, read_line_source
from edge_agent.port_holder import Holder, find_holder

BAUDRATES: Final = (9_600, 4_800, 115_200, 38_400, 57_600, 19_200)
"""The rates that are tried, the likeliest first."""
LISTEN_S: Final = 2.5
"""How long is listened at a rate: receivers and dust sensors tell each second, some each other one."""

_MOST_PORTS: Final = 64
_KEPT_BYTES: Final = 4_096
_SHOWN_BYTES: Final = 16
_ENOUGH_FRAMES: Final = 3
_SILENT_RATES: Final = 2
_TEXT_SHARE: Final = 0.9
_WHOLE: Final = ("sentences", "frames")
"""What the built-in decoders call a message with a good checksum."""

What = Literal["known", "text", "bytes", "silence", "held", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is on a port.

    `counters` is what the driver counted, `readings` how many readings it gave; `start` the first bytes that came;
    `holder` who holds the port; `problem` why it could not be opened, in words.
    """

    port: str
    what: What
    baudrate: int | None = None
    driver: str | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    readings: int = 0
    start: bytes = b""
    holder: Holder | None = None
    problem: str = ""

    @property
    def table(self) -> str | None:
        """The `[[sensors]]` table to copy, or None when no driver knows what comes in."""
        if self.driver is None:
            return None
        usual = tomllib.loads(find_driver(self.driver).example)["sensors"][0]["id"]
        uri = f"serial://{self.port}?baudrate={self.baudrate}"
        return f'[[sensors]]\nid = "{usual}"\ndriver = "{self.driver}"\nuri = "{uri}"'


def line_drivers() -> dict[str, DriverType[Any]]:
    """Return the drivers that need nothing but a line, by name; one that cannot be loaded is left out."""
    found = {}
    for name in driver_names():
        try:
            kind = find_driver(name)
            check_table({"id": "probe", "driver": name, "uri": "serial:///dev/null"}, kind.settings)
        except (ConfigError, ValidationError):
            continue
        if issubclass(kind.settings, LineSettings):
            found[name] = kind
    return found


async def probe_ports(
    ports: Iterable[str],
    *,
    listen_s: float = LISTEN_S,
    progress: Callable[[str, int], None] = lambda port, baudrate: None,
) -> list[Finding]:
    """Listen on ports, all at once, and return what is on each, in their order.

    Args:
        ports: Their paths, at most 64 of which are tried.
        listen_s: How long to listen at each baud rate, in seconds.
        progress: Called with the port and the baud rate that is tried now.
    """
    kinds = line_drivers()
    tried = list(ports)[:_MOST_PORTS]
    # Both take a while on a busy machine, and would take it from the listening.
    await asyncio.to_thread(import_module, "serialx")
    holders = await asyncio.to_thread(lambda: [find_holder(port) for port in tried])
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_probe(port, holder, kinds, listen_s, progress), name=f"probe {port}")
            for port, holder in zip(tried, holders, strict=True)
        ]
    return [task.result() for task in tasks]


async def _probe(
    port: str,
    holder: Holder | None,
    kinds: Mapping[str, DriverType[Any]],
    listen_s: float,
    progress: Callable[[str, int], None],
) -> Finding:
    try:
        check_line_uri(f"serial://{port}?baudrate={BAUDRATES[0]}")
    except ValueError as error:
        return Finding(port, "error", problem=str(error))
    if holder is not None:
        return Finding(port, "held", holder=holder)
    unknown: list[_Listening] = []
    for baudrate in BAUDRATES:
        progress(port, baudrate)
        listening = _Listening(port, baudrate, kinds)
        try:
            await listening.listen(listen_s)
        except LineError as error:
            return Finding(port, "error", problem=str(error).removeprefix(f"{error.uri}: "))
        if (finding := listening.known()) is not None:
            return finding
        unknown.append(listening)
        if len(unknown) == _SILENT_RATES and not any(each.heard for each in unknown):
            break
    return _best_guess(port, [each for each in unknown if each.heard])


class _Listening:
    """One port at one baud rate, and what each driver makes of it."""

    def __init__(self, port: str, baudrate: int, kinds: Mapping[str, DriverType[Any]]) -> None:
        self.port, self.baudrate = port, baudrate
        self.heard = bytearray()
        self._uri = f"serial://{port}?baudrate={baudrate}"
        self._decoders: dict[str, Decoder] = {}
        self._readings: Counter[str] = Counter()
        for name, kind in kinds.items():
            driver = kind.open(check_table({"id": "probe", "driver": name, "uri": self._uri}, kind.settings))
            if isinstance(driver, LineDriver):
                self._decoders[name] = driver.decoder

    async def listen(self, listen_s: float) -> None:
        """Listen until the time is over, counted from the open port, or a driver gave readings.

        Raises:
            LineError: The port cannot be opened, or was lost.
        """
        now = asyncio.get_running_loop().time
        try:
            async with (
                asyncio.timeout(None) as limit,
                aclosing(read_line_source(self._uri, lambda: limit.reschedule(now() + listen_s))) as source,
            ):
                async for data, monotonic_ns in source:
                    self._feed(data, monotonic_ns)
                    name = self._leader()
                    if name is not None and self._readings[name] and self._whole(name) >= _ENOUGH_FRAMES:
                        return
        except TimeoutError:
            return

    def known(self) -> Finding | None:
        """Return what is there, when a driver found a whole frame in it."""
        for each, decoder in self._decoders.items():
            self._readings[each] += len(decoder.flush())
        name = self._leader()
        if name is None:
            return None
        counters = {key: count for key, count in self._decoders[name].counters.items() if count}
        return Finding(
            self.port,
            "known",
            baudrate=self.baudrate,
            driver=name,
            counters=counters,
            readings=self._readings[name],
            start=bytes(self.heard[:_SHOWN_BYTES]),
        )

    def _feed(self, data: bytes, monotonic_ns: int) -> None:
        self.heard += data[: _KEPT_BYTES - len(self.heard)]
        for name, decoder in self._decoders.items():
            self._readings[name] += len(decoder.feed(data, monotonic_ns))

    def _whole(self, name: str) -> int:
        return max(sum(self._decoders[name].counters[key] for key in _WHOLE), self._readings[name])

    def _leader(self) -> str | None:
        best = max(self._decoders, key=self._whole, default=None)
        return best if best is not None and self._whole(best) else None


def _best_guess(port: str, heard: list[_Listening]) -> Finding:
    if not heard:
        return Finding(port, "silence")
    text = next((each for each in heard if _is_text(each.heard)), None)
    best = text if text is not None else heard[0]
    return Finding(
        port,
        "bytes" if text is None else "text",
        baudrate=best.baudrate,
        start=bytes(best.heard[: _SHOWN_BYTES if text is None else 4 * _SHOWN_BYTES]),
    )


def _is_text(heard: bytearray) -> bool:
    printable = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in heard)
    return b"\n" in heard and printable >= _TEXT_SHARE * len(heard)
