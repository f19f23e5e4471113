"""Who pushes: the desk's own key, by which push services and browsers know it (VAPID, RFC 8292).

The key is made at its first use. When it is lost, every phone must be asked anew: browsers take pushes of no other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from duty_desk.channels.webpush.sealing import point_of, to_base64url

LASTS_S: Final = 12 * 3_600
"""How long a signature is good; services take at most 24 h."""
RENEW_S: Final = 6 * 3_600
MAX_ORIGINS: Final = 64
_NUMBER: Final = 32


class PushKeyError(ValueError):
    """The file is no key of ours; the text says what to do."""


class PushKey:
    """The desk's key.

    Args:
        private: On P-256.
        contact: A `mailto:` or `https:` address at which a push service finds us, or None.
        time_s: The centre's clock, in seconds since 1970.
    """

    def __init__(self, private: ec.EllipticCurvePrivateKey, contact: str | None, time_s: Callable[[], float]) -> None:
        self._private = private
        self._contact = contact
        self._time_s = time_s
        self._made: dict[str, tuple[float, str]] = {}
        self.public = to_base64url(point_of(private.public_key()))
        secret = private.private_numbers().private_value.to_bytes(_NUMBER, "big")
        self._proof_key = hmac.new(secret, b"siaga push proof", hashlib.sha256).digest()

    def authorization(self, endpoint: str) -> str:
        """Return the header by which a push service knows who pushes to an endpoint."""
        parts = urlsplit(endpoint)
        origin = f"{parts.scheme}://{parts.netloc}"
        now_s = self._time_s()
        made_s, header = self._made.get(origin, (0.0, ""))
        # Also when the clock was set back: a service refuses what is good for longer than 24 h.
        if not made_s <= now_s < made_s + RENEW_S:
            header = f"vapid t={self._sign(origin, now_s)}, k={self.public}"
            if len(self._made) >= MAX_ORIGINS:
                self._made.clear()
            self._made[origin] = (now_s, header)
        return header

    def _sign(self, origin: str, now_s: float) -> str:
        claims: dict[str, object] = {"aud": origin, "exp": int(now_s) + LASTS_S}
        if self._contact is not None:
            claims["sub"] = self._contact
        parts = [json.dumps(part, separators=(",", ":")).encode() for part in ({"typ": "JWT", "alg": "ES256"}, claims)]
        signed = ".".join(to_base64url(part) for part in parts)
        numbers = decode_dss_signature(self._private.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{to_base64url(b''.join(each.to_bytes(_NUMBER, 'big') for each in numbers))}"

    def proof(self, page: str, who: str) -> str:
        """Return by what a phone proves that a page came to it: nobody else can make it, and no restart ends it."""
        return to_base64url(hmac.new(self._proof_key, f"{page} {who}".encode(), hashlib.sha256).digest()[:18])

    def proves(self, proof: str, page: str, who: str) -> bool:
        """Return whether a page came to this account."""
        return hmac.compare_digest(proof.encode(), self.proof(page, who).encode())


def load_push_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key of a file, made when missing, which its owner alone can read.

    Raises:
        OSError: It cannot be read or made.
        PushKeyError: There is something else in it.
    """
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        pem = _make(path)
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        told = "expected an unencrypted P-256 key in PEM: put it back from the backup; a new one asks every phone anew"
        raise PushKeyError(f"{path}: {told}")
    return key


def _make(path: Path) -> bytes:
    """Write a new key whole or not at all; when another process was faster, return its key."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            if os.geteuid() == 0:
                owner = path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            return path.read_bytes()
    finally:
        os.unlink(part)
    return pem
