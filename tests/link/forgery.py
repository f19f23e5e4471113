"""Certificates that no authority of ours would give out, to see them refused."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from contract.topics import Lane
from link import Credentials, Endpoint
from link.trust import load_credentials
from provisioning import certificates as x
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust

DAY = timedelta(days=1)
USES = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH}


def forge(
    trust: Trust,
    certificate: Path,
    key: Path,
    *,
    name: str = "box-1",
    use: Literal["client", "server"] = "client",
    days: tuple[float, float] = (-1, 1),
    hosts: tuple[str, ...] = (),
    self_signed: bool = False,
) -> None:
    """Write a new key and a certificate by this authority's hand, or by its own.

    Args:
        trust: The authority whose issuing key signs.
        certificate: The file to write the certificate and its issuer's to.
        key: The file to write the key to.
        name: The common name.
        use: What the certificate is for.
        days: From when until when it is valid, in days from now.
        hosts: The hosts it names.
        self_signed: Whether its own key signs it.
    """
    new, now = x.new_key(), datetime.now(UTC).replace(microsecond=0)
    issuing = _issuing(trust)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if self_signed else issuing.certificate.subject)
        .public_key(new.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * DAY)
        .not_valid_after(now + days[1] * DAY)
        .add_extension(x509.ExtendedKeyUsage([USES[use]]), critical=False)
    )
    if hosts:
        names = x509.SubjectAlternativeName([x._general_name(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    signed = builder.sign(new if self_signed else issuing.key, hashes.SHA256())
    certificate.write_bytes(x.dump(signed) if self_signed else x.dump(signed, issuing.certificate))
    key.write_bytes(x.dump_key(new))
    key.chmod(0o600)


def device(broker: Mosquitto, certificate: Path, key: Path, *, ca: Path | None = None) -> Endpoint:
    """Return a broker's port for devices as the holder of these files sees it."""
    trusted = broker.trust.authority.trust if ca is None else ca
    credentials = load_credentials(source="test", table="broker", ca=trusted, certificate=certificate, key=key)
    return Endpoint("127.0.0.1", broker.device_port, credentials)


@contextmanager
def broker_of(trust: Trust, folder: Path, changes: Mapping[str, object]) -> Iterator[Mosquitto]:
    """Run a broker whose certificate is as it should not be; `changes` is what `forge` gets besides."""
    lane: Lane = "telemetry"
    broker = Mosquitto(folder, "odd-broker", trust, lane)
    broker.render()
    authority = trust.authority
    files = authority.broker_certificate(lane), authority.broker_key(lane)
    known = {"name": "siaga broker", "use": "server", "hosts": ("127.0.0.1", "localhost")}
    forge(trust, *files, **(known | dict(changes)))  # type: ignore[arg-type]
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def with_credentials(endpoint: Endpoint, **changes: object) -> Endpoint:
    """Return an endpoint with other credentials."""
    assert endpoint.credentials is not None
    return replace(endpoint, credentials=replace(endpoint.credentials, **changes))  # type: ignore[arg-type]


def tls_1_2(endpoint: Endpoint) -> Endpoint:
    """Let an endpoint speak no newer TLS than 1.2."""
    context_of(endpoint).maximum_version = ssl.TLSVersion.TLSv1_2
    return endpoint


def context_of(endpoint: Endpoint) -> ssl.SSLContext:
    """Return an endpoint's TLS context."""
    credentials: Credentials | None = endpoint.credentials
    assert credentials is not None
    assert credentials.context is not None
    return credentials.context


def _issuing(trust: Trust) -> x.Signer:
    folder = trust.folder
    certificate = x.load((folder / trust.authority.ISSUING).read_bytes(), source="issuing.pem")[0]
    return x.Signer(certificate, x.load_key((folder / trust.authority.ISSUING_KEY).read_bytes(), source="issuing.key"))
