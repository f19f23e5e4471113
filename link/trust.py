"""Whom we trust and who we are: TLS contexts from files, and what a failed handshake means in words.

Rules:
- TLS 1.2 or newer; the broker's certificate must be of a trusted CA and carry its host name or address.
- A private key or password that others can read is refused before anything is opened.
- When a handshake fails, the message says which side refused and why.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contract.errors import ConfigError, PrivateFileError
from contract.secret import parse_password, refuse_others
from link.certificate_end import certificate_end
from link.errors import TrustError

_COPY: Final = "copy it from the authority again"
_COPY_BOTH: Final = "copy both from the authority again"
_NO_CERTIFICATE: Final = "it asks for a certificate and got none; is it the port for devices?"
_WHOLE_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_Wrong = Callable[[str, str], ConfigError]

_OURS: Final = {
    9: "it is not valid yet; is this machine's clock right?",
    10: "it has expired; renew it: siaga provision ca renew broker LANE",
    18: "it is self-signed",
    19: "its CA is not one we trust",
    20: "its CA is not one we trust",
    21: "its CA is not one we trust",
    26: "it is not one of a broker",
    62: "it is for another host name",
    64: "it is for another address",
}
"""By OpenSSL's X509_V_ERR codes (x509_vfy.h)."""
_THEIRS: Final = (
    ("UNKNOWN_CA", "our certificate: its CA is not one the broker trusts"),
    ("CERTIFICATE_EXPIRED", "our certificate: it has expired; renew it: siaga provision ca renew device"),
    ("CERTIFICATE_REVOKED", "our certificate: it is revoked"),
    ("CERTIFICATE_REQUIRED", f"us: {_NO_CERTIFICATE}"),
    ("UNSUPPORTED_CERTIFICATE", "our certificate: it is not for this use"),
    ("BAD_CERTIFICATE", "our certificate: it is damaged or not for this use"),
    ("CERTIFICATE_UNKNOWN", "our certificate: it is not accepted"),
    ("PROTOCOL_VERSION", "us: no common TLS version"),
    ("HANDSHAKE_FAILURE", f"us: no common cipher, or {_NO_CERTIFICATE}"),
)
"""By the alert's name (RFC 8446, 6.2) as OpenSSL spells it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are and whom we trust. `username` and `password` are None for a device: its certificate names it.

    `context` is None for a plain connection with an account. No setting leads there: it is for measuring TLS against.
    `ends_s` is when our certificate ends, in s since 1970; None for an account.
    """

    context: ssl.SSLContext | None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ends_s: float | None = None


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
    _load_trusted(context, ca, wrong)
    ends_s = None
    if certificate is not None and key is not None:
        _load_identity(context, certificate, key, wrong)
        ends_s = certificate_end(certificate.read_text(encoding="ascii", errors="replace"))
    password = None if password_file is None else _read_password(password_file, wrong)
    return Credentials(context, username, password, ends_s)


def explain(error: BaseException | None) -> TrustError | None:
    """Return what TLS refused as an error that says which side it was and why; None when it was something else."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = _OURS.get(error.verify_code, error.verify_message)
        return TrustError("here", f"we refuse the broker's certificate: {why}")
    if not isinstance(error, ssl.SSLError):
        return None
    name = getattr(error, "reason", None) or ""  # one that was not raised by OpenSSL has none
    for alert, what in _THEIRS:
        if "ALERT" in name and alert in name:
            return TrustError("broker", f"the broker refuses {what}")
    if name in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return TrustError("here", "what listens there does not speak TLS; is the port right?")
    return None


def explain_handshake(error: BaseException) -> TrustError | None:
    """Return why a handshake failed, as `explain` does; a peer that just hangs up is one more reason.

    That one is passing: a broker that is being stopped does the same.
    """
    # SSLZeroReturnError: what Python makes of it below 3.11.4, with OpenSSL 3.
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionResetError | BrokenPipeError):
        what = "the connection ended within the TLS handshake, without a reason; is it the port for TLS?"
        return TrustError("broker", what, passing=True)
    return explain(error)


def _load_trusted(context: ssl.SSLContext, ca: Path, wrong: _Wrong) -> None:
    _check_pem(_read(ca, "ca", wrong), ca, "ca", wrong)
    try:
        context.load_verify_locations(cafile=ca)
    except ssl.SSLError:
        raise wrong("ca", f"{ca} is damaged; {_COPY}") from None
    if not context.cert_store_stats()["x509_ca"]:
        raise wrong("ca", f"{ca} holds no certificate of a CA; copy trust.pem from the authority")


def _load_identity(context: ssl.SSLContext, certificate: Path, key: Path, wrong: _Wrong) -> None:
    _check_pem(_read(certificate, "certificate", wrong), certificate, "certificate", wrong)
    _check_pem(_read(key, "key", wrong), key, "key", wrong)
    try:
        refuse_others(str(key), key.stat().st_mode)
    except PrivateFileError as error:
        raise wrong("key", str(error)) from None
    try:
        context.load_cert_chain(certificate, key, password=_no_pass_phrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise wrong("key", f"{key} does not belong to {certificate}; {_COPY_BOTH}") from None
        raise wrong("certificate", f"{certificate} or {key} is damaged; {_COPY_BOTH}") from None


def _no_pass_phrase() -> bytes:
    """Answer for the person that OpenSSL would ask on the terminal."""
    return b""


def _read_password(path: Path, wrong: _Wrong) -> str:
    body = _read(path, "password_file", wrong)
    try:
        refuse_others(str(path), path.stat().st_mode)
        return parse_password(str(path), body)
    except PrivateFileError as error:
        raise wrong("password_file", str(error)) from None


def _read(path: Path, name: str, wrong: _Wrong) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "correct the path, or copy it from the authority"
        if not isinstance(error, FileNotFoundError):
            hint = "is it a file, and this user's?"
        raise wrong(name, f"{path} cannot be read: {error.strerror}; {hint}") from None


def _check_pem(body: bytes, path: Path, name: str, wrong: _Wrong) -> None:
    """Say what OpenSSL does not: which file it is, whether two were swapped, and a cut in any but the first part."""
    marks = {"certificate": b"-----BEGIN CERTIFICATE-----", "key": b"PRIVATE KEY-----"}
    held = [kind for kind, mark in marks.items() if mark in body]
    wanted = "key" if name == "key" else "certificate"
    if held and wanted not in held:
        hint = _COPY if name == "ca" else "are key and certificate swapped?"
        raise wrong(name, f"{path} holds a {held[0]}, not a {wanted}; {hint}")
    if not held:
        raise wrong(name, f"{path} holds no {wanted} in PEM form; {_COPY}")
    if any(line.startswith(b"-") for line in _WHOLE_PEM.sub(b"", body).splitlines()):
        raise wrong(name, f"{path} is cut off; {_COPY}")
    if wanted == "key" and b"ENCRYPTED" in body:
        raise wrong(name, f"{path} is encrypted; a process that starts by itself needs it plain, with mode 0600")
