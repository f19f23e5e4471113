"""What a modem and its network say of a short message in hex: SUBMIT in, DELIVER and STATUS-REPORT out. Pure.

3GPP TS 23.040 (the PDUs) and 23.038 (the 7-bit alphabet), as far as one part in GSM-7 or UCS-2 needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet, by septet."""
EXTENDED: Final = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
"""Letters of two septets: escape, and this."""
CENTRE: Final = "+62816124"
"""The service centre's number, which is on the SIM and in front of every PDU that comes in."""
_ESCAPE: Final = 0x1B
_UCS2: Final = 0x08
_BY_SEPTET: Final = {septet: letter for letter, septet in EXTENDED.items()}


class PduError(Exception):
    """The hex is no PDU that the modem takes."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A message that the modem was told to send."""

    number: str
    text: str
    report: bool
    septets: int
    validity: int | None


def read_submit(hexed: str) -> Submitted:
    """Return what an SMS-SUBMIT says, its service centre's address in front.

    Raises:
        PduError: It is none, or of a kind that is not simulated.
    """
    try:
        pdu = bytes.fromhex(hexed)
        pdu = pdu[1 + pdu[0] :]
        first = pdu[0]
        digits = pdu[2]
        at = 4 + (digits + 1) // 2
        number = ("+" if pdu[3] & 0x70 == 0x10 else "") + _digits(pdu[4:at], digits)
        coding = pdu[at + 1]
        at += 2
        validity: int | None = None
        if first & 0x18 == 0x10:
            validity = pdu[at]
            at += 1
        elif first & 0x18:
            at += 7
        length, data = pdu[at], pdu[at + 1 :]
        if first & 0x03 != 0x01 or first & 0x40:
            raise PduError("expected an SMS-SUBMIT without a header")
        text = data[:length].decode("utf-16-be") if coding & 0x0C == _UCS2 else _letters(unpack(data, length))
    except (IndexError, ValueError) as error:
        raise PduError(f"not a PDU: {error}") from None
    return Submitted(number, text, bool(first & 0x20), length, validity)


def deliver(number: str, text: str, at_ns: int) -> str:
    """Return an SMS-DELIVER in hex: a message from a phone."""
    septets = _septets(text)
    if septets is None:
        body = text.encode("utf-16-be")
        coding, length = _UCS2, len(body)
    else:
        coding, length, body = 0, len(septets), pack(septets)
    head = _centre() + bytes((0x04,)) + _address(number) + bytes((0, coding))
    return (head + _time(at_ns) + bytes((length,)) + body).hex().upper()


def status_report(reference: int, number: str, sent_ns: int, at_ns: int, status: int) -> str:
    """Return an SMS-STATUS-REPORT in hex. `status` 0: it was received; from 0x40 on: it never will be."""
    body = bytes((0x06, reference)) + _address(number) + _time(sent_ns) + _time(at_ns) + bytes((status,))
    return (_centre() + body).hex().upper()


def tpdu_length(hexed: str) -> int:
    """Return the octets of a PDU without its service centre's address, as AT commands count them."""
    return len(hexed) // 2 - 1 - int(hexed[:2], 16)


def pack(septets: list[int]) -> bytes:
    """Return septets in octets, the first in the lowest bits."""
    bits = sum(septet << 7 * at for at, septet in enumerate(septets))
    return bits.to_bytes((7 * len(septets) + 7) // 8, "little")


def unpack(data: bytes, count: int) -> list[int]:
    """Return the first septets of octets.

    Raises:
        ValueError: There are fewer.
    """
    if len(data) * 8 < count * 7:
        raise ValueError("fewer octets than its length says")
    bits = int.from_bytes(data, "little")
    return [bits >> 7 * at & 0x7F for at in range(count)]


def _letters(septets: list[int]) -> str:
    text, escaped = "", False
    for septet in septets:
        if escaped:
            text += _BY_SEPTET.get(septet, " ")
        elif septet != _ESCAPE:
            text += BASIC[septet]
        escaped = septet == _ESCAPE and not escaped
    return text


def _septets(text: str) -> list[int] | None:
    found: list[int] = []
    for letter in text:
        if letter in EXTENDED:
            found += [_ESCAPE, EXTENDED[letter]]
        elif letter in BASIC:
            found.append(BASIC.index(letter))
        else:
            return None
    return found


def _digits(octets: bytes, count: int) -> str:
    return "".join(f"{octet & 0x0F:x}{octet >> 4:x}" for octet in octets)[:count]


def _centre() -> bytes:
    octets = _address(CENTRE)[1:]
    return bytes((len(octets),)) + octets


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    padded = digits + "f" * (len(digits) % 2)
    swapped = "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))
    return bytes((len(digits), 0x91 if number.startswith("+") else 0x81)) + bytes.fromhex(swapped)


def _time(at_ns: int) -> bytes:
    at = datetime.fromtimestamp(at_ns // 10**9, UTC)
    parts = f"{at:%y%m%d%H%M%S}00"
    return bytes.fromhex("".join(parts[each + 1] + parts[each] for each in range(0, 14, 2)))
