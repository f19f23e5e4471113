"""Channels by apprise, to an HTTP and an SMTP server of the tests on this machine."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from duty_desk.channels import by_apprise
from duty_desk.channels.by_apprise import AppriseSettings, ByApprise
from duty_desk.channels.contacts import Contacts
from duty_desk.errors import ChannelError
from tests.duty_desk.channels.smsd import page
from tests.duty_desk.conftest import REPO

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # what apprise imports

SECRET = "rahasia12345"
BOT = "123456789:rahasia_abcdefghijklmnopqrstuvwxyz0"


class Web:
    """A server that takes what is posted, and answers what it is told to."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 200
        self.holds: asyncio.Event | None = None
        self.came: list[tuple[str, dict[str, Any]]] = []
        self.heads: list[str] = []
        self.tunnels: list[str] = []
        self.tls: ssl.SSLContext | None = None
        self.mail: list[str] = []

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; as a proxy, stand for the host behind the tunnel too."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if head.startswith("CONNECT ") and self.tls is not None:
            self.tunnels.append(head.split()[1])
            writer.write(b"HTTP/1.1 200 Tunnel\r\n\r\n")
            await writer.start_tls(self.tls)
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        length = next(
            int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")
        )
        body = await reader.readexactly(length)
        self.came.append((head.split()[1], json.loads(body)))
        if self.holds is not None:
            await self.holds.wait()
        writer.write(f"HTTP/1.1 {self.status} Told\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}".encode())
        writer.close()

    async def attend_mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take mail, as RFC 5321 has it."""
        writer.write(b"220 posko.kota.example\r\n")
        text = ""
        while line := (await reader.readline()).decode():
            text += line
            word = line.split()[0].upper() if line.split() else ""
            writer.write(b"354 go on\r\n" if word == "DATA" else b"250 so be it\r\n")
            if word == "DATA":
                text += (await reader.readuntil(b"\r\n.\r\n")).decode()
                writer.write(b"250 taken\r\n")
            if word == "QUIT":
                break
        self.mail.append(text)
        writer.close()


@pytest_asyncio.fixture
async def web() -> AsyncIterator[Web]:
    """Yield an HTTP server."""
    made = Web()
    server = await asyncio.start_server(made.attend, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def channel(folder: Path, url: str, *, personal: bool = False, address: str | None = None) -> ByApprise:
    """Return a channel with that URL in its file."""
    file = folder / "room.url"
    file.touch(mode=0o600)
    file.write_text(url + "\n")
    contacts = Contacts(folder / "contacts.db")
    if address is not None:
        await contacts.set("petugas-1", "room", address, 1)
    return ByApprise(AppriseSettings(name="room", file=file.name, personal=personal), folder, contacts)


def certified(host: str, file: Path) -> Path:
    """Write a key and a certificate of a host that it signed itself; return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


async def fails(made: ByApprise) -> str:
    """Return why a page is not handed over."""
    with pytest.raises(ChannelError) as error:
        await made.send(page())
    return error.value.detail


async def test_a_page_is_posted_to_a_room(tmp_path: Path, web: Web) -> None:
    made = await channel(tmp_path, f"json://127.0.0.1:{web.port}/{SECRET}")
    sent = page()
    assert not made.reaches("petugas-1")
    await made.send(sent)
    [(path, body)] = web.came
    assert path.startswith(f"/{SECRET}")
    assert (body["title"], body["message"]) == (sent.title, sent.text)


async def test_a_personal_channel_puts_the_address_in_place_and_nothing_else_of_it(tmp_path: Path, web: Web) -> None:
    made = await channel(tmp_path, f"json://127.0.0.1:{web.port}/{{address}}", personal=True, address="a/../?x=1&y")
    assert made.reaches("petugas-1")
    assert not made.reaches("petugas-2")
    await made.send(page())
    assert web.came[0][0] == "/a%2F..%2F%3Fx=1&y"
    with pytest.raises(ChannelError, match="no address"):
        await made.send(page("petugas-2"))


async def test_an_email_is_sent_to_the_person(tmp_path: Path) -> None:
    web = Web()
    server = await asyncio.start_server(web.attend_mail, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"mailto://127.0.0.1:{port}/?from=posko@kota.example&to={{address}}&mode=insecure"
        made = await channel(tmp_path, url, personal=True, address="petugas-1@kota.example")
        sent = page()
        await made.send(sent)
        async with asyncio.timeout(15):
            while not web.mail:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
    assert "rcpt to:<petugas-1@kota.example>" in web.mail[0].lower()
    assert sent.title in web.mail[0]


async def test_ntfy_of_our_own_is_told_by_topic_and_a_refusal_is_said_without_the_secret(
    tmp_path: Path, web: Web, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"ntfy://posko:{SECRET}@127.0.0.1:{web.port}/{{address}}"
    made = await channel(tmp_path, url, personal=True, address=f"jaga-{SECRET}")
    sent = page()
    await made.send(sent)
    [(_, body)] = web.came
    assert (body["topic"], body["title"], body["message"]) == (f"jaga-{SECRET}", sent.title, sent.text)
    assert f"Basic {b64encode(f'posko:{SECRET}'.encode()).decode()}" in web.heads[0]
    web.status = 403
    assert await fails(made) == "its service says 403"
    told = capfd.readouterr()
    assert SECRET not in caplog.text + told.out + told.err


async def test_telegram_is_told_by_chat_and_a_refusal_is_said_without_the_secret(
    tmp_path: Path,
    web: Web,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Its host is fixed, so a proxy of the tests, as the environment names it, stands for it by a certificate."""
    caplog.set_level(logging.DEBUG)
    web.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    web.tls.load_cert_chain(certified("api.telegram.org", tmp_path / "host.pem"))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{web.port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "host.pem"))
    made = await channel(tmp_path, f"tgram://{BOT}/{{address}}", personal=True, address="123456789")
    sent = page()
    await made.send(sent)
    [(path, body)] = web.came
    assert (web.tunnels, path) == (["api.telegram.org:443"], f"/bot{BOT}/sendMessage")
    assert body["chat_id"] == 123456789
    assert sent.title in body["text"]
    assert sent.text in body["text"]
    web.status = 401
    assert await fails(made) == "its service says 401"
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert await fails(made) == "its service cannot be reached", "by a certificate that is nobody's"
    told = capfd.readouterr()
    assert BOT.partition(":")[2] not in caplog.text + told.out + told.err


async def test_a_service_that_refuses_or_is_not_there_fails_with_why_and_no_log_has_the_secret(
    tmp_path: Path, web: Web, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await channel(tmp_path, f"json://127.0.0.1:{web.port}/{SECRET}")
    web.status = 401
    assert await fails(made) == "its service says 401"
    nowhere = await channel(tmp_path, f"json://127.0.0.1:9/{SECRET}")
    assert await fails(nowhere) == "its service cannot be reached"
    strange = await channel(tmp_path, f"nosuch://{SECRET}")
    assert "none that apprise knows" in await fails(strange)
    told = capfd.readouterr()
    assert SECRET not in caplog.text + told.out + told.err


@pytest.mark.slow
async def test_a_service_that_hangs_fails_in_time_and_keeps_no_other_from_being_paged(
    tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_apprise, "MAX_AT_ONCE", 2)
    made = await channel(tmp_path, f"json://127.0.0.1:{web.port}/")
    await made.send(page())
    monkeypatch.setattr(by_apprise, "SEND_S", 0.3)
    web.holds = asyncio.Event()
    # None of them is answered, so each that ends did not wait for its service.
    told = await asyncio.gather(*(fails(made) for _ in range(3)))
    assert sorted(told) == [
        "its service did not answer within 0.3 s",
        "its service did not answer within 0.3 s",
        "its service is slow, and too many pages wait for it",
    ]
    web.holds.set()
    async with asyncio.timeout(10):
        while made._busy:  # noqa: ASYNC110 - its threads tell nobody
            await asyncio.sleep(0.005)
    monkeypatch.setattr(by_apprise, "SEND_S", 4.5)
    await made.send(page())


@pytest.mark.slow
def test_nothing_is_left_to_be_loaded_by_the_first_page() -> None:
    code = (
        "import sys; from duty_desk.channels import by_apprise; by_apprise._load(); before = set(sys.modules);"
        "import apprise;"
        "assert apprise.Apprise.instantiate('json://127.0.0.1:9'); print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    assert done.stdout.split() == []


async def test_a_url_that_others_can_read_is_not_used(tmp_path: Path, web: Web) -> None:
    made = await channel(tmp_path, f"json://127.0.0.1:{web.port}/")
    (tmp_path / "room.url").chmod(0o640)
    assert "chmod 600" in await fails(made)
    (tmp_path / "room.url").unlink()
    assert await fails(made) == "no URL: No such file or directory"
    assert web.came == []


async def test_a_credential_of_systemd_is_read_where_it_says(tmp_path: Path, web: Web) -> None:
    (tmp_path / "hook").write_text(f"json://127.0.0.1:{web.port}/hook")
    settings = AppriseSettings(name="hook", credential="hook")
    made = ByApprise(settings, tmp_path, Contacts(tmp_path / "c.db"), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    await made.send(page())
    assert web.came[0][0].startswith("/hook")


@pytest.mark.parametrize("wrong", [{}, {"file": "a", "credential": "b"}, {"file": "a", "name": "sms"}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        AppriseSettings(**{"name": "room"} | wrong)
