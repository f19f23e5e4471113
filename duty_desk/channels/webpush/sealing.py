"""Message encryption for web push, so that the push service reads nothing (RFC 8291, over RFC 8188's aes128gcm). Pure.

The record is the only one of its message. Names are those of RFC 8291, section 3.
"""

from __future__ import annotations

import base64
import binascii
import os
import struct
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_BODY: Final = 4_096
"""What a push service must take (RFC 8030, section 7.2), in bytes."""
_HEADER: Final = struct.Struct("!16sIB")
_POINT: Final = 65
_AUTH: Final = 16
_TAG: Final = 16
MAX_TEXT: Final = MAX_BODY - _HEADER.size - _POINT - _TAG - 1
"""How much of it is the sender's own, in bytes."""
_CURVE: Final = ec.SECP256R1()


class BadKeyError(ValueError):
    """A browser's key is none."""


def to_base64url(value: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Return the bytes of base64url, padded or not.

    Raises:
        BadKeyError: It is none.
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadKeyError("not base64url") from None


def read_keys(p256dh: str, auth: str) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    """Return a browser's public key and its secret, from a subscription's `keys`.

    Raises:
        BadKeyError: They are none.
    """
    point, secret = from_base64url(p256dh), from_base64url(auth)
    if len(secret) != _AUTH:
        raise BadKeyError(f"auth has {len(secret)} bytes, expected {_AUTH}")
    try:
        if len(point) != _POINT:
            raise ValueError
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point), secret
    except ValueError:
        raise BadKeyError("p256dh is no point of P-256 in 65 bytes") from None


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def seal(
    text: bytes,
    p256dh: str,
    auth: str,
    *,
    salt: bytes | None = None,
    own_key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Return the body of a push.

    Args:
        text: At most MAX_TEXT bytes.
        p256dh: The browser's public key, base64url.
        auth: Its secret, base64url.
        salt: 16 bytes, for vectors alone: otherwise new at each call.
        own_key: The sender's key, likewise.

    Raises:
        BadKeyError: The browser's keys are none.
        ValueError: The text is too long.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"{len(text)} bytes, expected at most {MAX_TEXT}")
    ua_public, auth_secret = read_keys(p256dh, auth)
    salt = os.urandom(16) if salt is None else salt
    as_private = ec.generate_private_key(_CURVE) if own_key is None else own_key
    as_public = point_of(as_private.public_key())
    key_info = b"WebPush: info\x00" + point_of(ua_public) + as_public
    ikm = _derive(auth_secret, as_private.exchange(ec.ECDH(), ua_public), key_info, 32)
    key = _derive(salt, ikm, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derive(salt, ikm, b"Content-Encoding: nonce\x00", 12)
    # 2 marks the last record.
    record = AESGCM(key).encrypt(nonce, text + b"\x02", None)
    return _HEADER.pack(salt, MAX_BODY, len(as_public)) + as_public + record


def _derive(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)
