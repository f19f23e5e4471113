"""A certificate authority that lives as long as a check or a test, so that a check needs no key of the real one.

Keys are ECDSA P-256, as the real authority's. What it issues may be wrong on purpose: expired, not yet valid, nameless.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
FAR: Final = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class Throwaway:
    """A root with no issuing CA below it.

    Args:
        folder: Where its files go; made when missing.
        name: Its own common name, and the first part of its file names.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._subject, self._subject, self._key.public_key(), EPOCH, FAR)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.root = folder / f"{name}.pem"
        self.root.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def device(self, name: str | None, *, start: datetime.datetime = EPOCH, end: datetime.datetime = FAR) -> Pair:
        """Return a client certificate with this common name; None issues one without any name."""
        return self._issue(name, "device", ExtendedKeyUsageOID.CLIENT_AUTH, start, end)

    def broker(self, name: str = "broker") -> Pair:
        """Return a server certificate for `localhost` and 127.0.0.1."""
        return self._issue(name, "broker", ExtendedKeyUsageOID.SERVER_AUTH, EPOCH, FAR)

    def self_signed(self, name: str) -> Pair:
        """Return a client certificate that nobody but its own key signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = _builder(subject, subject, key.public_key(), EPOCH, FAR).sign(key, hashes.SHA256())
        return self._write(f"{self._name}-self-signed-{_plain(name)}", certificate, key)

    def _issue(
        self,
        name: str | None,
        kind: str,
        usage: x509.ObjectIdentifier,
        start: datetime.datetime,
        end: datetime.datetime,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([] if name is None else [x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, self._subject, key.public_key(), start, end)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if kind == "broker":
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return self._write(
            f"{self._name}-{kind}-{_plain(name or '')}-{end:%Y}", builder.sign(self._key, hashes.SHA256()), key
        )

    def _write(self, stem: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
        pair = Pair(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        with os.fdopen(os.open(pair.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return pair


def client_tls(trust: Path, pair: Pair | None = None, *, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """Return how a client speaks TLS: which broker it trusts, who it says it is, and one version only when given.

    The broker may have any name, as it is tried under another address than its own.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(trust)
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    if version is not None:
        if version < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("ALL:@SECLEVEL=0")  # or OpenSSL itself would not even offer it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old on purpose, to see it refused
            context.minimum_version = context.maximum_version = version
    return context


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    start: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _plain(name: str) -> str:
    return "".join(one if one.isalnum() or one == "-" else "_" for one in name)[:40]
