"""One Modbus request and the search for its answer. No I/O.

The request says exactly how its answer begins and how long it is, so the answer is found wherever it stands in what
comes in: behind an echo of the request, noise, or another slave's late words. Messages, checksum and header are
pymodbus's. https://modbus.org/docs/Modbus_Application_Protocol_V1_1b3.pdf, sections 6 and 7;
https://modbus.org/docs/Modbus_over_serial_line_V1_02.pdf, section 2.5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pymodbus.framer.rtu import FramerRTU
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

Table = Literal["coil", "discrete", "holding", "input"]
Framing = Literal["rtu", "tcp"]

BUFFER_BYTES: Final = 1_024
"""What is searched for an answer: four times the longest frame (256 bytes)."""
MOST_REGISTERS: Final = 125
MOST_BITS: Final = 2_000

_REQUESTS: Final[dict[Table, type[ModbusPDU]]] = {
    "coil": ReadCoilsRequest,
    "discrete": ReadDiscreteInputsRequest,
    "holding": ReadHoldingRegistersRequest,
    "input": ReadInputRegistersRequest,
}
_DECODE: Final = DecodePDU(False)
_RTU: Final = FramerRTU(_DECODE)
_TCP: Final = FramerSocket(_DECODE)
_ERROR_FLAG: Final = 0x80
_CRC_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Request:
    """A reading of `count` registers (1 to 125) or bits (1 to 2,000) from `address` (0 to 65,535) on, of slave `unit`
    (1 to 247; 0 and 255 too by TCP)."""

    unit: int
    table: Table
    address: int
    count: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The registers (0 to 65,535) or bits (0 or 1) that were asked for."""

    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An exception response: `code` 1 to 255 (application protocol, section 7)."""

    code: int


class Exchange:
    """One request on its way.

    `data` is what to send, `answer_bytes` the length of a good answer. `heard` counts the bytes that came in,
    `garbage` those that were thrown away because more came than can be an answer.

    Args:
        framing: How frames look on this line.
        request: What to ask.
        transaction: 0 to 65,535, another for each request, so that a late answer is known by it; TCP only.
    """

    def __init__(self, framing: Framing, request: Request, transaction: int) -> None:
        pdu = _REQUESTS[request.table](
            dev_id=request.unit, transaction_id=transaction, address=request.address, count=request.count
        )
        self._request = request
        self._framing = framing
        self._buffer = bytearray()
        self.heard = 0
        self.garbage = 0
        self.data: bytes = (_RTU if framing == "rtu" else _TCP).buildFrame(pdu)
        code = pdu.function_code
        size = -(-request.count // 8) if request.table in ("coil", "discrete") else 2 * request.count
        self._good = self._head(transaction, bytes((code, size)), 2 + size)
        self._bad = self._head(transaction, bytes((code | _ERROR_FLAG,)), 2)
        self.answer_bytes = self._good[1]

    def _head(self, transaction: int, message: bytes, message_bytes: int) -> tuple[bytes, int]:
        """Return how a frame begins whose message begins so, and its length in bytes."""
        unit = bytes((self._request.unit,))
        if self._framing == "rtu":
            return unit + message, 1 + message_bytes + _CRC_BYTES
        header = transaction.to_bytes(2, "big") + bytes(2) + (1 + message_bytes).to_bytes(2, "big")
        return header + unit + message, len(header) + 1 + message_bytes

    def feed(self, data: bytes) -> Answer | Refusal | None:
        """Take bytes; return the answer once it is there."""
        self.heard += len(data)
        self._buffer += data
        found = self._find(*self._good) or self._find(*self._bad)
        if len(self._buffer) > BUFFER_BYTES:
            excess = len(self._buffer) - BUFFER_BYTES
            self.garbage += excess
            del self._buffer[:excess]
        return found

    def _find(self, head: bytes, length: int) -> Answer | Refusal | None:
        at = self._buffer.find(head)
        while 0 <= at <= len(self._buffer) - length:
            found = self._message(bytes(self._buffer[at : at + length]))
            if found is not None:
                return found
            at = self._buffer.find(head, at + 1)
        return None

    def _message(self, frame: bytes) -> Answer | Refusal | None:
        if self._framing == "rtu":
            if FramerRTU.compute_CRC(frame[:-_CRC_BYTES]) != int.from_bytes(frame[-_CRC_BYTES:], "big"):
                return None
            message = frame[1:-_CRC_BYTES]
        else:
            message = frame[7:]
        pdu = _DECODE.decode(message)
        if isinstance(pdu, ExceptionResponse):
            return Refusal(pdu.exception_code)
        if pdu is None:
            return None
        values = pdu.bits if self._request.table in ("coil", "discrete") else pdu.registers
        return Answer(tuple(int(value) for value in values[: self._request.count]))
