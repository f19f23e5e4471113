"""Each kind of certificate says what it should, in openssl's reading; what is damaged or swapped is told in a line."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from provisioning import certificates as x
from provisioning.errors import KeyFileError, NameRefusedError
from tests.provisioning.city import START, verify

END = datetime(2046, 1, 1, tzinfo=UTC)
ROOT = x.new_root("root", END)
ISSUING = x.new_issuing("issuing", ROOT, END)


def device(name: str = "box-1") -> x509.Certificate:
    key = x.new_key().public_key()
    return x.sign_device(name, key, ISSUING, not_before=START, not_after=START + timedelta(days=730))


def broker(*hosts: str) -> x509.Certificate:
    return x.sign_broker("alarm", list(hosts), x.new_key().public_key(), ISSUING, not_after=END)


def told_by_openssl(certificate: x509.Certificate) -> str:
    """Return openssl's text of a certificate, each white space one blank."""
    command = ["openssl", "x509", "-noout", "-text"]
    done = subprocess.run(command, input=x.dump(certificate), capture_output=True, check=True, timeout=10)
    return re.sub(r"\s+", " ", done.stdout.decode())


_EVERY = ("Version: 3 (0x2)", "Signature Algorithm: ecdsa-with-SHA256", "NIST CURVE: P-256", "Subject Key Identifier")


@pytest.mark.parametrize(
    ("certificate", "says", "says_not"),
    [
        (
            ROOT.certificate,
            (
                "Not Before: Jan 1 00:00:00 1970 GMT",
                "Basic Constraints: critical CA:TRUE, pathlen:1",
                "Key Usage: critical Certificate Sign, CRL Sign",
            ),
            ("Extended Key Usage", "Digital Signature"),
        ),
        (
            ISSUING.certificate,
            (
                "Not Before: Jan 1 00:00:00 1970 GMT",
                "Issuer: CN = root",
                "Basic Constraints: critical CA:TRUE, pathlen:0",
                "Key Usage: critical Certificate Sign, CRL Sign",
                "Authority Key Identifier",
            ),
            ("Extended Key Usage", "Digital Signature"),
        ),
        (
            device(),
            (
                "Issuer: CN = issuing",
                "Subject: CN = box-1 ",
                "Not Before: Jun 1 12:00:00 2026 GMT",
                "Not After : May 31 12:00:00 2028 GMT",
                "Basic Constraints: critical CA:FALSE",
                "Key Usage: critical Digital Signature X509v3",
                "Extended Key Usage: TLS Web Client Authentication Signature",
                "Authority Key Identifier",
            ),
            ("Certificate Sign", "Server"),
        ),
        (
            broker("Alarm.example", "10.0.0.1", "::1", "10.0.0.1"),
            (
                "Not Before: Jan 1 00:00:00 1970 GMT",
                "Basic Constraints: critical CA:FALSE",
                "Key Usage: critical Digital Signature X509v3",
                "Extended Key Usage: TLS Web Server Authentication X509v3",
                "DNS:alarm.example, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1 Signature",
                "Authority Key Identifier",
            ),
            ("Certificate Sign", "Client"),
        ),
    ],
    ids=["root", "issuing", "device", "broker"],
)
def test_each_kind_says_what_it_should(
    certificate: x509.Certificate, says: tuple[str, ...], says_not: tuple[str, ...]
) -> None:
    text = told_by_openssl(certificate)
    assert [words for words in (*_EVERY, *says) if words not in text] == []
    assert [words for words in says_not if words in text] == []


def test_serials_are_random_and_of_at_most_20_octets() -> None:
    serials = [device().serial_number for _ in range(50)]
    assert len(set(serials)) == 50
    assert all(0 < serial < 2**159 for serial in serials)
    assert max(serials) > 2**152  # one of 50 is below that by chance once in 10^106


def test_each_is_good_for_its_purpose_only(tmp_path: Path) -> None:
    trust, client, server = tmp_path / "trust.pem", tmp_path / "client.pem", tmp_path / "server.pem"
    trust.write_bytes(x.dump(ROOT.certificate))
    client.write_bytes(x.dump(device(), ISSUING.certificate))
    server.write_bytes(x.dump(broker("alarm.example", "10.0.0.1"), ISSUING.certificate))
    assert verify(client, trust, START, "-purpose", "sslclient") == "OK"
    assert verify(server, trust, START, "-purpose", "sslserver", "-verify_hostname", "alarm.example") == "OK"
    assert verify(server, trust, START, "-purpose", "sslserver", "-verify_ip", "10.0.0.1") == "OK"
    assert "purpose" in verify(client, trust, START, "-purpose", "sslserver")
    assert "purpose" in verify(server, trust, START, "-purpose", "sslclient")
    assert "hostname mismatch" in verify(server, trust, START, "-verify_hostname", "telemetry.example").lower()
    assert "ip address mismatch" in verify(server, trust, START, "-verify_ip", "10.0.0.2").lower()


def test_a_device_or_a_second_authority_cannot_sign(tmp_path: Path) -> None:
    trust, path = tmp_path / "trust.pem", tmp_path / "forged.pem"
    trust.write_bytes(x.dump(ROOT.certificate))
    key = x.new_key()
    box = x.sign_device("box-1", key.public_key(), ISSUING, not_before=START, not_after=END)
    forged = x.sign_device("box-2", x.new_key().public_key(), x.Signer(box, key), not_before=START, not_after=END)
    path.write_bytes(x.dump(forged, box, ISSUING.certificate))
    assert "invalid CA certificate" in verify(path, trust, START)
    below = x.new_issuing("below", ISSUING, END)
    forged = x.sign_device("box-2", x.new_key().public_key(), below, not_before=START, not_after=END)
    path.write_bytes(x.dump(forged, below.certificate, ISSUING.certificate))
    assert "path length constraint exceeded" in verify(path, trust, START)


_BAD_NAMES = ["", "box 1", "box\n", "box\x00", "\x1b[2J", "bóx", "a" * 64, "a" * 300]
_BAD_NAMES += ["+", "#", "*", "box/1", "box#", "box+", "*.example", "Box", "-box", "box.1", "../box"]
_BAD_HOSTS = ["", "a b", "host\n", "höst", "a" * 64, "ab." * 90 + "c", "*", "*.example", "host:8883", "http://host"]
_BAD_HOSTS += ["a..b", ".a", "-a", "a-", "1.2.3.256", "10.0.0.0/8", "fe80::1%eth0"]


@pytest.mark.parametrize("name", _BAD_NAMES)
def test_a_name_that_is_no_topic_level_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(NameRefusedError, match="is no device name; use 1 to 63 of a-z") as told:
        device(name)
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 250


@pytest.mark.parametrize(
    "host",
    [
        *_BAD_HOSTS,
        *[
            "*",
            "*.example",
            "host:8883",
            "http://host",
            "a..b",
            ".a",
            "-a",
            "a-",
            "1.2.3.256",
            "10.0.0.0/8",
            "fe80::1%eth0",
        ],
    ],
)
def test_a_host_that_is_none_is_refused_in_a_line(host: str) -> None:
    with pytest.raises(NameRefusedError, match="is neither a DNS name nor an IP address; no wildcard") as told:
        broker(host)
    assert str(told.value).isprintable()


def test_a_broker_without_a_host_is_refused() -> None:
    with pytest.raises(NameRefusedError, match="needs a host"):
        broker()


def test_a_key_survives_with_and_without_a_pass_phrase() -> None:
    key = x.new_key()
    for phrase in (None, b"correct horse", "sandi — «rahasia»".encode()):
        loaded = x.load_key(x.dump_key(key, phrase), source="root.key", pass_phrase=phrase)
        assert loaded.private_numbers() == key.private_numbers()
    assert x.load_key(x.dump_key(key), source="root.key", pass_phrase=b"not needed")


@pytest.mark.slow
def test_a_wrong_or_missing_pass_phrase_is_told() -> None:
    pem = x.dump_key(x.new_key(), b"right")
    # With one in 256 wrong ones the padding is right by chance, and the library then finds another fault.
    for wrong in range(1000):
        with pytest.raises(KeyFileError, match=r"^root\.key: the pass phrase does not open it; "):
            x.load_key(pem, source="root.key", pass_phrase=b"%d" % wrong)
    with pytest.raises(KeyFileError, match=r"^root\.key: encrypted, and .* no pass phrase; give --pass-phrase-file"):
        x.load_key(pem, source="root.key")


def test_a_pem_cut_anywhere_is_told() -> None:
    plain, chain = x.dump_key(x.new_key()), x.dump(device(), ISSUING.certificate)
    for at in range(len(plain) - 26):
        with pytest.raises(KeyFileError, match=r"^box\.key: no usable private key, cut off or damaged"):
            x.load_key(plain[:at], source="box.key")
    whole = chain.index(b"-----END CERTIFICATE-----") + len(b"-----END CERTIFICATE-----")
    for at in range(len(chain) - 26):
        if not whole <= at <= whole + len("\n-----BEGIN CERTIFICATE----"):  # there it is one whole certificate
            with pytest.raises(KeyFileError, match=r"^box\.pem: no usable certificate, cut off or damaged"):
                x.load(chain[:at], source="box.pem")


def test_an_encrypted_key_cut_anywhere_is_told_as_damaged_or_not_opened() -> None:
    pem = x.dump_key(x.new_key(), b"right")
    for at in range(len(pem) - 36):
        with pytest.raises(KeyFileError, match=r"^root\.key: no usable private key"):
            x.load_key(pem[:at], source="root.key", pass_phrase=b"right")


def test_swapped_key_and_certificate_are_told() -> None:
    with pytest.raises(KeyFileError, match=r"^box\.key: holds a certificate, not a key; .* swapped"):
        x.load_key(x.dump(device()), source="box.key")
    with pytest.raises(KeyFileError, match=r"^box\.pem: holds a key, not a certificate; .* swapped"):
        x.load(x.dump_key(x.new_key()), source="box.pem")
    with pytest.raises(KeyFileError, match=r"^box\.key: the key does not belong to the certificate"):
        x.check_pair(device(), x.new_key(), source="box.key")


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()])
def test_a_key_of_another_kind_is_told(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyFileError, match="not an ECDSA P-256 key"):
        x.load_key(pem, source="box.key")


def test_who_signed_is_known() -> None:
    assert x.is_signed_by(ISSUING.certificate, ROOT.certificate)
    assert not x.is_signed_by(ISSUING.certificate, x.new_root("root", END).certificate)  # the same name, another key
    assert not x.is_signed_by(device(), ROOT.certificate)
