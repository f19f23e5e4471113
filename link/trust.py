"""Whom we trust and who we are: TLS contexts from files, and what a failed handshake means in words.

Rules:
- TLS 1.2 or newer; the broker's certificate must be of a trusted CA and carry its host name or address.
- A private key or password that others can read is refused before anything is opened.
- When a handshake fails, the message says which side refused and why.
"""

from __future__ import annotations

import ssl
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from contract.errors import ConfigError
from link.errors import TrustError

_OURS: Final = {
    9: "it is not valid yet; is this machine's clock right?",
    10: "it has expired; renew it: siaga provision broker renew",
    18: "it is self-signed",
    19: "its CA is not one we trust",
    20: "its CA is not one we trust",
    21: "its CA is not one we trust",
    62: "it is for another host name",
    64: "it is for another address",
}
"""By OpenSSL's X509_V_ERR codes (x509_vfy.h)."""
_THEIRS: Final = (
    ("UNKNOWN_CA", "its CA is not one the broker trusts"),
    ("CERTIFICATE_EXPIRED", "it has expired; renew it: siaga provision ca renew"),
    ("CERTIFICATE_REVOKED", "it is revoked"),
    ("CERTIFICATE_REQUIRED", "it asks for one and got none"),
    ("BAD_CERTIFICATE", "it is damaged or not for this use"),
    ("CERTIFICATE_UNKNOWN", "it is not accepted"),
    ("UNSUPPORTED_CERTIFICATE", "it is not for this use"),
    ("PROTOCOL_VERSION", "no common TLS version"),
    ("HANDSHAKE_FAILURE", "no common cipher, or it asks for a certificate"),
)
"""By the alert's name (RFC 8446, 6.2) as OpenSSL spells it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are and whom we trust. `username` and `password` are None for a device: its certificate names it.

    `context` is None for a plain connection with an account. No setting leads there: it is for measuring TLS against.
    """

    context: ssl.SSLContext | None
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def load_credentials(
    *,
    source: str,
    table: str,
    ca: Path,
    certificate: Path | None = None,
    key: Path | None = None,
    username: str | None = None,
    password_file: Path | None = None,
) -> Credentials:
    """Read certificates, key and password from files.

    Args:
        source: The configuration file's name, for messages.
        table: The table that names the files, likewise.
        ca: The trusted CA certificates, PEM.
        certificate: Our certificate and its chain, PEM.
        key: Its private key, PEM, readable by its owner only.
        username: Our account.
        password_file: Its password, one line, readable by its owner only.

    Raises:
        ConfigError: It names the key, the file, what is wrong and what to do.
    """

    def wrong(name: str, what: str) -> ConfigError:
        return ConfigError(source, f"{table}.{name}", what)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca)
        _refuse_cut(ca)
    except ssl.SSLError:
        raise wrong("ca", f"{ca} is not whole PEM; copy trust.pem from the authority again") from None
    except OSError as error:
        raise wrong("ca", f"{ca} cannot be read: {error.strerror}") from None
    if certificate is not None and key is not None:
        _load_identity(context, certificate, key, wrong)
    password = None
    if password_file is not None:
        password = _read_private(password_file, "password_file", wrong).decode(errors="replace").strip()
        if not password:
            raise wrong("password_file", f"{password_file} is empty")
    return Credentials(context, username, password)


def explain(error: BaseException) -> TrustError | None:
    """Return a failed handshake as an error that says which side refused and why; None when it was none."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = _OURS.get(error.verify_code, error.verify_message)
        return TrustError("here", f"we refuse the broker's certificate: {why}")
    if not isinstance(error, ssl.SSLError):
        return None
    name = error.reason or ""
    for alert, why in _THEIRS:
        if "ALERT" in name and alert in name:
            return TrustError("broker", f"the broker refuses our certificate: {why}")
    if name in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return TrustError("here", "what listens there does not speak TLS; is the port right?")
    return None


def _load_identity(context: ssl.SSLContext, certificate: Path, key: Path, wrong: Any) -> None:
    _read_private(key, "key", wrong)
    try:
        # A pass phrase would be asked for on the terminal; a box has none, so an encrypted key is refused.
        context.load_cert_chain(certificate, key, password=lambda: b"")
        _refuse_cut(certificate)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise wrong("key", f"{key} does not belong to {certificate}; copy both from the authority again") from None
        if error.reason == "BAD_PASSWORD_READ" or error.reason == "BAD_DECRYPT":
            raise wrong(
                "key", f"{key} is encrypted; a process that starts by itself needs it plain, mode 0600"
            ) from None
        raise wrong("certificate", f"{certificate} or {key} is not whole PEM, or they are swapped") from None
    except OSError as error:
        raise wrong("certificate", f"{certificate} cannot be read: {error.strerror}") from None


def _refuse_cut(path: Path) -> None:
    """Raise `ssl.SSLError` when a certificate is cut off: OpenSSL says nothing of any but a file's first."""
    pem = path.read_bytes()
    if pem.count(b"-----BEGIN CERTIFICATE-----") != pem.count(b"-----END CERTIFICATE-----"):
        raise ssl.SSLError(f"{path} is cut off")


def _read_private(path: Path, name: str, wrong: Any) -> bytes:
    """Return a private file's bytes, refusing one that others can read."""
    try:
        mode = path.stat().st_mode
        body = path.read_bytes()
    except OSError as error:
        raise wrong(name, f"{path} cannot be read: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise wrong(name, f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}); chmod 600 {path}")
    return body
