"""A certificate's end, held to what cryptography reads of it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from link.certificate_end import certificate_end

KEY = ec.generate_private_key(ec.SECP256R1())


def made(end: datetime, name: str = "box-1") -> x509.Certificate:
    """Return a certificate that ends then."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, KEY.public_key(), x509.random_serial_number())
    begin = min(end, datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=1)) - timedelta(days=1)
    return builder.not_valid_before(begin).not_valid_after(end).sign(KEY, hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    """Return it as text."""
    return certificate.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("year", [1971, 1999, 2000, 2026, 2049, 2050, 2399])
@pytest.mark.parametrize("name", ["b", "b" * 64])
def test_it_is_what_cryptography_reads(year: int, name: str) -> None:
    certificate = made(datetime(year, 7, 3, 4, 5, 6, tzinfo=UTC), name)
    assert certificate_end(pem(certificate)) == certificate.not_valid_after_utc.timestamp()


def test_the_first_of_a_chain_counts_and_text_before_it_does_not() -> None:
    first, second = (made(datetime(year, 1, 1, tzinfo=UTC)) for year in (2030, 2040))
    assert certificate_end(f"subject=box-1\n{pem(first)}{pem(second)}") == first.not_valid_after_utc.timestamp()


def test_what_is_none_or_is_cut_off_anywhere_is_an_error() -> None:
    whole = ssl.PEM_cert_to_DER_cert(pem(made(datetime(2030, 1, 1, tzinfo=UTC))))
    for text in ("", "box-1", pem(made(datetime(2030, 1, 1, tzinfo=UTC)))[:-30]):
        with pytest.raises(ValueError, match="certificate"):
            certificate_end(text)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"cut off|tag"):
            certificate_end(ssl.DER_cert_to_PEM_cert(whole[:length]))
