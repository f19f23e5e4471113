"""When a certificate ends, read from its DER. Pure; standard library, as an agent has no other use for X.509.

The parser walks to the one field, in a certificate that TLS has taken before; anything it does not expect is an error.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Final

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18


def certificate_end(pem: str) -> float:
    """Return when the first certificate of a PEM text ends, in s since 1970 (RFC 5280, 4.1).

    Raises:
        ValueError: It holds none that is understood.
    """
    begin = pem.find(ssl.PEM_HEADER)
    end = pem.find(ssl.PEM_FOOTER, begin)
    if begin < 0 or end < 0:
        raise ValueError("no certificate in PEM")
    der = ssl.PEM_cert_to_DER_cert(pem[begin : end + len(ssl.PEM_FOOTER)])
    try:
        return _not_after(der)
    except IndexError:
        raise ValueError("a certificate that is cut off") from None


def _not_after(der: bytes) -> float:
    _, at, _ = _element(der, 0, _SEQUENCE)  # the certificate
    _, at, _ = _element(der, at, _SEQUENCE)  # what was signed
    if der[at] == _VERSION:
        _, _, at = _element(der, at)
    for _ in range(3):  # serial number, algorithm, issuer
        _, _, at = _element(der, at)
    _, at, _ = _element(der, at, _SEQUENCE)  # validity
    _, _, at = _element(der, at)  # not before
    tag, begin, end = _element(der, at)
    text = der[begin:end].decode("ascii")
    if tag == _UTC_TIME:
        # Two digits of the year: 50 and above are of the last century.
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("no time where the certificate's end stands")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _element(der: bytes, at: int, expected: int | None = None) -> tuple[int, int, int]:
    """Return an element's tag, where its content begins and where it ends."""
    tag, length, begin = der[at], der[at + 1], at + 2
    if expected is not None and tag != expected:
        raise ValueError(f"an element of tag {tag:#x} instead of {expected:#x}")
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[begin : begin + count], "big")
        begin += count
    if begin + length > len(der):
        raise ValueError("a certificate that is cut off")
    return tag, begin, begin + length
