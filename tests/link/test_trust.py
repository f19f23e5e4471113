"""Whom we trust and who we are, from files: a bad one is told before anything is opened."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from contract.errors import ConfigError
from link.trust import Credentials, explain, load_credentials
from provisioning import certificates as x
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust
from tests.link.forgery import context_of

END = b"-----END CERTIFICATE-----\n"
HUNG_UP = "the connection ended within the TLS handshake, without a reason; is it the port for TLS?"
UNKNOWN_CA_HERE = "we refuse the broker's certificate: its CA is not one we trust"
UNKNOWN_CA_THERE = "the broker refuses our certificate: its CA is not one the broker trusts"


class Files:
    """A device's files in a folder, right until a test spoils one."""

    def __init__(self, folder: Path, trust: Trust) -> None:
        trust.issue_devices(["box-1", "box-2"])
        authority = trust.authority
        self.folder = folder
        self.trust = trust
        self.ca = self.put("trust.pem", authority.trust.read_bytes())
        self.certificate = self.put("box-1.pem", authority.device_certificate("box-1").read_bytes())
        self.key = self.put("box-1.key", authority.device_key("box-1").read_bytes())
        self.password = self.put("desk.password", b"a-password\n")

    def put(self, name: str, body: bytes, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_bytes(body)
        path.chmod(mode)
        return path

    def load(self) -> Credentials:
        load_credentials(source="box.toml", table="broker", ca=self.ca, username="u", password_file=self.password)
        return load_credentials(
            source="box.toml", table="broker", ca=self.ca, certificate=self.certificate, key=self.key
        )


@pytest.fixture
def files(tmp_path: Path, trust: Trust) -> Files:
    return Files(tmp_path, trust)


def encrypted(files: Files, form: serialization.PrivateFormat) -> None:
    key = x.load_key(files.key.read_bytes(), source="box-1.key")
    secret = serialization.BestAvailableEncryption(b"pass phrase")
    files.put("box-1.key", key.private_bytes(serialization.Encoding.PEM, form, secret))


def swapped(files: Files) -> None:
    files.certificate, files.key = files.key, files.certificate
    files.key.chmod(0o644)  # as a certificate's file is; that others can read it is not what is wrong


def flipped(files: Files) -> None:
    lines = files.certificate.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4][::-1].strip() + b"\n"
    files.put("box-1.pem", b"".join(lines))


def cut(name: str, part: float) -> Callable[[Files], object]:
    def spoil(files: Files) -> None:
        body = (files.folder / name).read_bytes()
        files.put(name, body[: int(len(body) * part)])

    return spoil


SPOILT: dict[str, tuple[Callable[[Files], object], str]] = {
    "key readable by its group": (
        lambda files: files.key.chmod(0o640),
        "broker.key: {box-1.key} can be read by others (mode 0640); chmod 600 {box-1.key}",
    ),
    "key readable by everyone": (
        lambda files: files.key.chmod(0o644),
        "broker.key: {box-1.key} can be read by others (mode 0644); chmod 600 {box-1.key}",
    ),
    "password readable by everyone": (
        lambda files: files.password.chmod(0o604),
        "broker.password_file: {desk.password} can be read by others (mode 0604); chmod 600 {desk.password}",
    ),
    "key of another certificate": (
        lambda files: files.put("box-1.key", files.trust.authority.device_key("box-2").read_bytes()),
        "broker.key: {box-1.key} does not belong to {box-1.pem}; copy both from the authority again",
    ),
    "swapped key and certificate": (
        swapped,
        "broker.certificate: {box-1.key} holds a key, not a certificate; are key and certificate swapped?",
    ),
    "certificate twice": (
        lambda files: files.put("box-1.key", files.certificate.read_bytes()),
        "broker.key: {box-1.key} holds a certificate, not a key; are key and certificate swapped?",
    ),
    "encrypted key": (
        lambda files: encrypted(files, serialization.PrivateFormat.PKCS8),
        "broker.key: {box-1.key} is encrypted; a process that starts by itself needs it plain, with mode 0600",
    ),
    "encrypted key in the old form": (
        lambda files: encrypted(files, serialization.PrivateFormat.TraditionalOpenSSL),
        "broker.key: {box-1.key} is encrypted; a process that starts by itself needs it plain, with mode 0600",
    ),
    "truncated key": (cut("box-1.key", 0.9), "broker.key: {box-1.key} is cut off; copy it from the authority again"),
    "truncated certificate": (
        cut("box-1.pem", 0.3),
        "broker.certificate: {box-1.pem} is cut off; copy it from the authority again",
    ),
    "truncated chain": (
        cut("box-1.pem", 0.7),
        "broker.certificate: {box-1.pem} is cut off; copy it from the authority again",
    ),
    "truncated CA": (cut("trust.pem", 0.5), "broker.ca: {trust.pem} is cut off; copy it from the authority again"),
    "second CA truncated": (
        lambda files: files.put("trust.pem", files.ca.read_bytes() + files.ca.read_bytes()[:300]),
        "broker.ca: {trust.pem} is cut off; copy it from the authority again",
    ),
    "damaged certificate": (
        flipped,
        "broker.certificate: {box-1.pem} or {box-1.key} is damaged; copy both from the authority again",
    ),
    "CA file without PEM": (
        lambda files: files.put("trust.pem", b"see the authority\n"),
        "broker.ca: {trust.pem} holds no certificate in PEM form; copy it from the authority again",
    ),
    "CA file with a key": (
        lambda files: files.put("trust.pem", files.key.read_bytes()),
        "broker.ca: {trust.pem} holds a key, not a certificate; copy it from the authority again",
    ),
    "CA file with a device's certificate": (
        lambda files: files.put("trust.pem", files.certificate.read_bytes().partition(b"-----END")[0] + END),
        "broker.ca: {trust.pem} holds no certificate of a CA; copy trust.pem from the authority",
    ),
    "empty key": (
        lambda files: files.put("box-1.key", b""),
        "broker.key: {box-1.key} holds no key in PEM form; copy it from the authority again",
    ),
    "missing CA": (lambda files: files.ca.unlink(), "broker.ca: {trust.pem} cannot be read: No such file"),
    "missing certificate": (
        lambda files: files.certificate.unlink(),
        "broker.certificate: {box-1.pem} cannot be read: No such file",
    ),
    "missing key": (lambda files: files.key.unlink(), "broker.key: {box-1.key} cannot be read: No such file"),
    "missing password": (
        lambda files: files.password.unlink(),
        "broker.password_file: {desk.password} cannot be read: No such file",
    ),
    "empty password": (
        lambda files: files.put("desk.password", b" \n"),
        "broker.password_file: {desk.password} is empty; write the password into it",
    ),
    "password of two lines": (
        lambda files: files.put("desk.password", b"one\ntwo\n"),
        "broker.password_file: {desk.password} is not a password in one line; is it the right file?",
    ),
    "password that is a key": (
        lambda files: files.put("desk.password", files.key.read_bytes()),
        "broker.password_file: {desk.password} is not a password in one line; is it the right file?",
    ),
    "password that is binary": (
        lambda files: files.put("desk.password", b"\xff\xfe\x00"),
        "broker.password_file: {desk.password} is not a password in one line; is it the right file?",
    ),
}


def test_what_is_right_is_taken(files: Files) -> None:
    ends_s = files.load().ends_s
    assert ends_s is not None
    assert ends_s > time.time(), "when our own certificate ends, not that of the authority"
    files.put("trust.pem", b"# two roots, during a rotation\n" + files.ca.read_bytes() * 2)
    files.load()


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_file_that_cannot_be_used_is_told_in_one_line_with_what_to_do(files: Files, spoilt: str) -> None:
    spoil, told = SPOILT[spoilt]
    spoil(files)
    for name in ("trust.pem", "box-1.pem", "box-1.key", "desk.password"):
        told = told.replace(f"{{{name}}}", str(files.folder / name))
    with pytest.raises(ConfigError) as caught:
        files.load()
    assert str(caught.value).startswith(f"box.toml: {told}")
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value), "what to do"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trust.pem", "box-1.pem", "box-1.key"])
def test_a_file_cut_anywhere_is_never_taken(files: Files, name: str) -> None:
    body = (files.folder / name).read_bytes().rstrip()
    first = body.find(END) + len(END)  # up to there it is one whole certificate
    for size in range(len(body)):
        if first - 1 <= size <= first or (size % 7 and abs(size - first) > 30 and size < len(body) - 30):
            continue
        files.put(name, body[:size])
        with pytest.raises(ConfigError):
            files.load()


def test_a_folder_in_a_files_place_is_told(files: Files) -> None:
    files.ca = files.folder
    with pytest.raises(ConfigError, match="cannot be read: Is a directory; is it a file, and this user's"):
        files.load()


def test_tls_below_1_2_is_never_spoken(alarm_broker: Mosquitto) -> None:
    for endpoint in (alarm_broker.device("box-1"), alarm_broker.service("desk")):
        context = context_of(endpoint)
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def test_an_error_that_is_none_of_tls_is_not_explained() -> None:
    assert explain(ConnectionResetError("reset")) is None
    assert explain(ssl.SSLError(1, "something new")) is None
    assert explain(None) is None
