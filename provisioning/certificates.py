"""X.509 as Siaga uses it: what each kind of certificate says, and reading keys and certificates back. No I/O.

| | root | issuing | broker | device |
|---|---|---|---|---|
| signed by | itself | root | issuing | issuing |
| valid from | 1970 | 1970 | 1970 | a day before it was signed |
| key usage | sign certificates | sign certificates, path length 0 | digital signature | digital signature |
| extended key usage | | | server | client |
| names | | | subject alternative names, DNS and IP | common name = device |

ECDSA P-256 with SHA-256 throughout (RFC 5280, RFC 5480). What a box must check begins in 1970, because a box without a
battery-backed clock starts there; what only a broker checks does not.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.identity import NAME_PATTERN
from provisioning.errors import KeyFileError, NameRefusedError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
BACKDATED: Final = timedelta(days=1)
"""How long before its signing a device's certificate begins, for a broker whose clock is behind."""

PrivateKey = ec.EllipticCurvePrivateKey

_DNS_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.IGNORECASE)
_SIGNATURE_ONLY: Final = {"digital_signature": True}
_CA_ONLY: Final = {"key_cert_sign": True, "crl_sign": True}
_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate authority: its certificate and the key that belongs to it."""

    certificate: x509.Certificate
    key: PrivateKey


def new_key() -> PrivateKey:
    """Return a new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def new_root(name: str, not_after: datetime) -> Signer:
    """Return a new root, which may sign authorities that sign certificates, and no longer chain."""
    key = new_key()
    subject = _common_name(name)
    builder = _builder(subject, subject, key.public_key(), EPOCH, not_after, _CA_ONLY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
    return Signer(builder.sign(key, hashes.SHA256()), key)


def new_issuing(name: str, root: Signer, not_after: datetime) -> Signer:
    """Return a new issuing authority, which may sign devices and brokers but no further authority."""
    key = new_key()
    builder = _builder(
        _common_name(name), root.certificate.subject, key.public_key(), EPOCH, not_after, _CA_ONLY, root.certificate
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return Signer(builder.sign(root.key, hashes.SHA256()), key)


def sign_device(
    name: str, public_key: ec.EllipticCurvePublicKey, issuing: Signer, *, not_before: datetime, not_after: datetime
) -> x509.Certificate:
    """Return a device's certificate: the common name is the device, and it is good for a client only.

    Raises:
        NameRefusedError: The name is no device name.
    """
    check_device_name(name)
    subject = _common_name(name)
    return _sign_leaf(subject, public_key, issuing, not_before, not_after, ExtendedKeyUsageOID.CLIENT_AUTH, None)


def sign_broker(
    lane: str, hosts: list[str], public_key: ec.EllipticCurvePublicKey, issuing: Signer, *, not_after: datetime
) -> x509.Certificate:
    """Return a broker's certificate, valid from 1970 and good for a server only.

    Args:
        lane: The lane it serves; only people read it.
        hosts: Every name and address that clients connect to.

    Raises:
        NameRefusedError: A host is neither a DNS name nor an IP address, or there is none.
    """
    if not hosts:
        raise NameRefusedError("a broker needs a host", "name each one that clients connect to: --host broker.example")
    names = x509.SubjectAlternativeName([_general_name(host) for host in dict.fromkeys(hosts)])
    subject = _common_name(f"siaga {lane} broker")
    return _sign_leaf(subject, public_key, issuing, EPOCH, not_after, ExtendedKeyUsageOID.SERVER_AUTH, names)


def check_device_name(name: str) -> None:
    """Check that a name can be a device: an MQTT topic level, user name and client id in one.

    Raises:
        NameRefusedError: It cannot.
    """
    if re.fullmatch(NAME_PATTERN, name) is None:
        shown = repr(name if len(name) <= 70 else name[:60] + "…")
        raise NameRefusedError(
            f"{shown} ({len(name)} characters) is no device name",
            "use 1 to 63 of a-z, 0-9 and hyphen, the first no hyphen, such as box-17",
        )


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Return the hosts a broker's certificate names."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def fingerprint(certificate: x509.Certificate) -> str:
    """Return a certificate's SHA-256 as 64 hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def dump_key(key: PrivateKey, pass_phrase: bytes | None = None) -> bytes:
    """Return a key as PKCS #8 PEM, encrypted when there is a pass phrase."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if pass_phrase is not None:
        encryption = serialization.BestAvailableEncryption(pass_phrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def dump(*certificates: x509.Certificate) -> bytes:
    """Return certificates as PEM, one after the other."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def load_key(pem: bytes, *, source: str, pass_phrase: bytes | None = None) -> PrivateKey:
    """Return a P-256 key.

    Args:
        pem: The PEM.
        source: The file's name, for error messages.
        pass_phrase: What opens it; a key that is not encrypted needs none, and is loaded all the same.

    Raises:
        KeyFileError: It is damaged, encrypted and the pass phrase is missing or wrong, or no P-256 key.
    """
    if b"-----BEGIN CERTIFICATE-----" in pem and b"PRIVATE KEY-----" not in pem:
        raise KeyFileError(f"{source}: holds a certificate, not a key", "are key and certificate swapped?")
    encrypted = b"BEGIN ENCRYPTED PRIVATE KEY" in pem
    if encrypted and pass_phrase is None:
        raise KeyFileError(f"{source}: encrypted, and there is no pass phrase", "give --pass-phrase-file FILE")
    try:
        key = serialization.load_pem_private_key(pem, pass_phrase if encrypted else None)
    except (ValueError, TypeError) as error:
        # A wrong pass phrase makes noise, which now and then looks like a key that is damaged.
        if encrypted and not str(error).startswith("Unable to load PEM"):
            hint = "give the one it was made with; if this is it, the file is damaged"
            raise KeyFileError(f"{source}: the pass phrase does not open it", hint) from None
        raise KeyFileError(f"{source}: no usable private key, cut off or damaged", "restore it from a backup") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFileError(f"{source}: not an ECDSA P-256 key", "Siaga makes and takes no other kind")
    return key


def load(pem: bytes, *, source: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM, at least one.

    Raises:
        KeyFileError: It is damaged, or holds none.
    """
    if b"PRIVATE KEY-----" in pem and b"-----BEGIN CERTIFICATE-----" not in pem:
        raise KeyFileError(f"{source}: holds a key, not a certificate", "are key and certificate swapped?")
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError:
        certificates = []
    # A cut in a later certificate of a chain would otherwise pass unseen.
    if not certificates or pem.count(b"-----BEGIN CERTIFICATE-----") != len(certificates):
        raise KeyFileError(f"{source}: no usable certificate, cut off or damaged", "restore it from a backup")
    return certificates


def check_pair(certificate: x509.Certificate, key: PrivateKey, *, source: str) -> Signer:
    """Return a certificate and a key that belong together.

    Raises:
        KeyFileError: They do not.
    """
    if certificate.public_key() != key.public_key():
        raise KeyFileError(f"{source}: the key does not belong to the certificate", "restore both from one backup")
    return Signer(certificate, key)


def is_signed_by(certificate: x509.Certificate, signer: x509.Certificate) -> bool:
    """Return whether a certificate carries this signer's name and a true signature of it."""
    try:
        certificate.verify_directly_issued_by(signer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    if "%" not in host:  # an address with a zone is good on one machine only, and no certificate can hold it
        with contextlib.suppress(ValueError):
            return x509.IPAddress(ipaddress.ip_address(host))
    labels = host.split(".")
    if len(host) > 253 or not all(_DNS_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        shown = repr(host if len(host) <= 70 else host[:60] + "…")
        raise NameRefusedError(
            f"{shown} is neither a DNS name nor an IP address",
            "no wildcard, no port, such as broker.example or 10.0.0.1",
        )
    return x509.DNSName(host.lower())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    not_before: datetime,
    not_after: datetime,
    usages: dict[str, bool],
    signer: x509.Certificate | None = None,
) -> x509.CertificateBuilder:
    own = x509.SubjectKeyIdentifier.from_public_key(public_key)
    signers = own if signer is None else signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())  # 159 random bits in 20 octets (RFC 5280, 4.1.2.2)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.KeyUsage(**{usage: usages.get(usage, False) for usage in _USAGES}), critical=True)
        .add_extension(own, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signers), critical=False)
    )


def _sign_leaf(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuing: Signer,
    not_before: datetime,
    not_after: datetime,
    purpose: x509.ObjectIdentifier,
    names: x509.SubjectAlternativeName | None,
) -> x509.Certificate:
    builder = _builder(
        subject, issuing.certificate.subject, public_key, not_before, not_after, _SIGNATURE_ONLY, issuing.certificate
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuing.key, hashes.SHA256())
