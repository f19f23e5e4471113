"""The URIs of buttons and lamps.

| URI | line |
|---|---|
| `gpio://gpiochip0/17?active=low&bias=pull-up&debounce_ms=20` | a GPIO line of this machine, by chip and offset |
| `sim:///run/board.sock?line=sos` | a line of a simulated board, by socket and name |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import parse_qs, urlsplit

from contract.identity import NAME_PATTERN

Bias = Literal["as-is", "disabled", "pull-up", "pull-down"]

BUTTON_EXAMPLE: Final = "gpio://gpiochip0/17?active=low&bias=pull-up&debounce_ms=20"
LAMP_EXAMPLE: Final = "gpio://gpiochip0/27"
SIM_EXAMPLE: Final = "sim:///run/board.sock?line=sos"
DEFAULT_DEBOUNCE_MS: Final = 20
_MAX_DEBOUNCE_MS: Final = 1_000
_MAX_SOCKET_PATH_BYTES: Final = 107
"""sun_path holds 108 bytes with its terminating NUL (unix(7))."""


@dataclass(frozen=True, slots=True)
class GpioLine:
    """A line of a GPIO chip. `active_low`: it is active at low voltage; `debounce_ms` 0 to 1,000, buttons only."""

    chip: str
    offset: int
    active_low: bool = False
    bias: Bias = "as-is"
    debounce_ms: int = DEFAULT_DEBOUNCE_MS


@dataclass(frozen=True, slots=True)
class SimLine:
    """A line of a simulated board, behind a Unix socket."""

    socket: str
    line: str


def parse_button_uri(uri: str) -> GpioLine | SimLine:
    """Return what a button's URI names.

    Raises:
        ValueError: It says what is wrong and shows an example.
    """
    return _parse(uri, {"active", "bias", "debounce_ms"}, BUTTON_EXAMPLE)


def parse_lamp_uri(uri: str) -> GpioLine | SimLine:
    """Return what a lamp's URI names.

    Raises:
        ValueError: It says what is wrong and shows an example.
    """
    return _parse(uri, {"active"}, LAMP_EXAMPLE)


def line_claim(line: GpioLine | SimLine, use: Literal["line", "lamp"] = "line") -> str:
    """Return what two uses of one line have in common, such as `gpio:gpiochip0/17`; a simulated board has a lamp of the
    same name beside a line."""
    if isinstance(line, GpioLine):
        return f"gpio:{line.chip}/{line.offset}"
    return f"sim:{line.socket}?{use}={line.line}"


def _parse(uri: str, settings: set[str], example: str) -> GpioLine | SimLine:
    parts = urlsplit(uri)
    query = parse_qs(parts.query, keep_blank_values=True)
    if parts.scheme == "sim":
        line = query.get("line", [""])[-1]
        if parts.netloc or not parts.path.startswith("/") or set(query) != {"line"}:
            raise ValueError(f"{uri!r} is not sim:///PATH?line=NAME; example: {SIM_EXAMPLE}")
        if re.match(NAME_PATTERN, line) is None:
            raise ValueError(f"{uri!r}: line is 1 to 63 of a-z, 0-9 and hyphen; example: {SIM_EXAMPLE}")
        if len(parts.path.encode()) > _MAX_SOCKET_PATH_BYTES:
            raise ValueError(f"{uri!r}: a socket's path has at most {_MAX_SOCKET_PATH_BYTES} bytes")
        return SimLine(parts.path, line)
    if parts.scheme != "gpio":
        raise ValueError(f"{uri!r} is neither gpio:// nor sim://; example: {example}")
    if re.fullmatch(r"gpiochip[0-9]{1,3}", parts.netloc) is None or re.fullmatch(r"/[0-9]{1,4}", parts.path) is None:
        raise ValueError(f"{uri!r} is not gpio://CHIP/OFFSET; example: {example}")
    unknown = sorted(set(query) - settings)
    if unknown:
        raise ValueError(f"{uri!r}: unknown setting {unknown[0]!r}, known: {', '.join(sorted(settings))}")
    active = query.get("active", ["high"])[-1]
    if active not in ("high", "low"):
        raise ValueError(f"{uri!r}: active is high or low; example: {example}")
    return GpioLine(parts.netloc, int(parts.path[1:]), active == "low", _bias(uri, query), _debounce_ms(uri, query))


def _bias(uri: str, query: dict[str, list[str]]) -> Bias:
    value = query.get("bias", ["as-is"])[-1]
    for bias in get_args(Bias):
        if value == bias:
            return bias  # type: ignore[no-any-return]
    raise ValueError(f"{uri!r}: bias is one of {', '.join(get_args(Bias))}; example: {BUTTON_EXAMPLE}")


def _debounce_ms(uri: str, query: dict[str, list[str]]) -> int:
    value = query.get("debounce_ms", [str(DEFAULT_DEBOUNCE_MS)])[-1]
    if not (value.isascii() and value.isdecimal() and int(value) <= _MAX_DEBOUNCE_MS):
        raise ValueError(f"{uri!r}: debounce_ms is a whole number from 0 to {_MAX_DEBOUNCE_MS}")
    return int(value)
