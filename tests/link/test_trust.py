"""Bad files are told before anything is opened; a refused handshake says which side refused and why."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives import serialization

from contract.errors import ConfigError
from link import Backoff, Endpoint, PublishRefusedError, Session
from link.dial import Dialer
from link.trust import explain, load_credentials
from provisioning import certificates as x
from provisioning.brokers.placing import this_user
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process, free_port
from siaga.stack.trust import Trust
from tests.link.forgery import broker_of, context_of, device, forge, tls_1_2, with_credentials
from tests.link.harness import HOST, PATIENCE_S, Inbox, connected, running, started, until

END = b"-----END CERTIFICATE-----\n"
HUNG_UP = "the connection ended within the TLS handshake, without a reason; is it the port for TLS?"
UNKNOWN_CA_HERE = "we refuse the broker's certificate: its CA is not one we trust"
UNKNOWN_CA_THERE = "the broker refuses our certificate: its CA is not one the broker trusts"


# --- files


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

    def load(self) -> None:
        load_credentials(source="box.toml", table="broker", ca=self.ca, certificate=self.certificate, key=self.key)
        load_credentials(source="box.toml", table="broker", ca=self.ca, username="u", password_file=self.password)


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
    files.load()
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


# --- handshakes with the real broker


async def fault(endpoint: Endpoint, name: str = "box-1") -> str:
    """Return the fault of a session that cannot connect; it lives on."""
    session = Session(endpoint, name)
    async with started(session) as tasks:
        await until(lambda: session.fault is not None)
        assert not session.connected
        assert not tasks[0].done()
        assert session.connects == 0
        return str(session.fault)


@pytest.fixture(params=["TLS 1.3", "TLS 1.2"])
def version(request: pytest.FixtureRequest) -> Callable[[Endpoint], Endpoint]:
    """Return what makes an endpoint speak each version."""
    return tls_1_2 if request.param == "TLS 1.2" else lambda endpoint: endpoint


Version = Callable[[Endpoint], Endpoint]


async def test_each_version_connects(alarm_broker: Mosquitto, version: Version) -> None:
    box, desk = Session(version(alarm_broker.device("box-1")), "box-1"), Session(alarm_broker.service("desk"), "desk")
    async with running(box, desk):
        assert box.fault is None


async def test_a_broker_of_another_authority_is_refused(
    alarm_broker: Mosquitto, tmp_path: Path, version: Version
) -> None:
    other = Trust(tmp_path / "other")
    known = alarm_broker.trust.authority
    alarm_broker.trust.issue_devices(["box-1"])
    files = known.device_certificate("box-1"), known.device_key("box-1")
    assert await fault(version(device(alarm_broker, *files, ca=other.authority.trust))) == UNKNOWN_CA_HERE


async def test_a_device_of_another_authority_is_refused(
    alarm_broker: Mosquitto, tmp_path: Path, version: Version
) -> None:
    other = Trust(tmp_path / "other")
    other.issue_devices(["box-1"])
    files = other.authority.device_certificate("box-1"), other.authority.device_key("box-1")
    assert await fault(version(device(alarm_broker, *files))) == UNKNOWN_CA_THERE


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"days": (-9, -1)}, "it has expired; renew it: siaga provision ca renew device", id="expired"),
        pytest.param({"use": "server"}, "it is not for this use", id="a broker's"),
        pytest.param({"self_signed": True}, "its CA is not one the broker trusts", id="self-signed"),
    ],
)
async def test_a_device_whose_certificate_is_not_right_is_refused(
    alarm_broker: Mosquitto, tmp_path: Path, version: Version, changes: dict[str, object], why: str
) -> None:
    certificate, key = tmp_path / "box-1.pem", tmp_path / "box-1.key"
    forge(alarm_broker.trust, certificate, key, **changes)  # type: ignore[arg-type]
    assert await fault(version(device(alarm_broker, certificate, key))) == f"the broker refuses our certificate: {why}"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"days": (1, 9)}, "it is not valid yet; is this machine's clock right?", id="not yet valid"),
        pytest.param(
            {"days": (-9, -1)}, "it has expired; renew it: siaga provision ca renew broker LANE", id="expired"
        ),
        pytest.param({"hosts": ("127.0.0.2", "localhost")}, "it is for another address", id="another address"),
        pytest.param({"hosts": ()}, "it is for another address", id="no host"),
        pytest.param({"use": "client"}, "it is not one of a broker", id="a device's"),
        pytest.param({"self_signed": True}, "it is self-signed", id="self-signed"),
    ],
)
async def test_a_broker_whose_certificate_is_not_right_is_refused(
    trust: Trust, tmp_path: Path, version: Version, changes: dict[str, object], why: str
) -> None:
    with broker_of(trust, tmp_path, changes) as broker:
        for endpoint in (broker.device("box-1"), broker.service("desk")):
            assert await fault(version(endpoint)) == f"we refuse the broker's certificate: {why}"


async def test_a_host_name_the_certificate_does_not_have_is_refused(trust: Trust, tmp_path: Path) -> None:
    with broker_of(trust, tmp_path, {"hosts": ("127.0.0.1", "alarm.siaga.example")}) as broker:
        box = broker.device("box-1")
        named = Endpoint("localhost", box.port, box.credentials)
        assert await fault(named) == "we refuse the broker's certificate: it is for another host name"


async def test_a_device_without_a_certificate_is_refused(alarm_broker: Mosquitto, version: Version) -> None:
    account = alarm_broker.service("desk").credentials
    told = await fault(version(Endpoint(HOST, alarm_broker.device_port, account)))
    assert told.startswith("the broker refuses us: ")
    assert told.endswith("it asks for a certificate and got none; is it the port for devices?")


@pytest.mark.parametrize(
    "changes", [{"password": "guessed"}, {"username": "centre.bell"}, {"password": None}, {"username": "box-1"}]
)
async def test_a_wrong_account_is_refused(alarm_broker: Mosquitto, changes: dict[str, object]) -> None:
    endpoint = with_credentials(alarm_broker.service("desk"), **changes)
    assert await fault(endpoint, "desk") == "the broker refused the log-in: Not authorized (0x87)"


async def test_a_certificate_is_no_account(alarm_broker: Mosquitto) -> None:
    box = alarm_broker.device("box-1").credentials
    told = await fault(Endpoint(HOST, alarm_broker.centre_port, box))
    assert told == "the broker refused the log-in: Not authorized (0x87)"


async def test_a_port_that_answers_plainly_is_told(alarm_broker: Mosquitto) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with listening(plain) as port:
        box = alarm_broker.device("box-1").credentials
        assert await fault(Endpoint(HOST, port, box)) == "what listens there does not speak TLS; is the port right?"


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_port_that_hangs_up_is_told_and_tried_again_soon(alarm_broker: Mosquitto, reset: bool) -> None:
    """So does a broker that is full or stopping: it is a fault, but one that may pass by itself."""
    attempts = asyncio.Semaphore(0)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        if not reset:
            await reader.read(65_536)
        attempts.release()
        writer.transport.abort() if reset else writer.close()

    async with listening(hang_up) as port:
        session = Session(
            Endpoint(HOST, port, alarm_broker.device("box-1").credentials), "box-1", backoff=Backoff(0.01, 0.02)
        )
        async with started(session), asyncio.timeout(PATIENCE_S):
            for _ in range(5):
                await attempts.acquire()
            await until(lambda: session.fault is not None)
            assert session.fault == HUNG_UP


async def test_a_broker_without_tls_is_told(alarm_broker: Mosquitto, tmp_path: Path) -> None:
    """It takes the handshake for a broken packet."""
    port = free_port()
    config = tmp_path / "plain.conf"
    passwords = alarm_broker.trust.authority.broker_folder("alarm") / "probe.passwd"
    config.write_text(f"listener {port} {HOST}\nallow_anonymous false\npassword_file {passwords}\nuser {this_user()}\n")
    broker = Process(["mosquitto", "-c", str(config)], name="plain", folder=tmp_path)
    broker.start()
    try:
        await until(lambda: "running" in broker.output())
        assert await fault(Endpoint(HOST, port, alarm_broker.device("box-1").credentials)) == HUNG_UP
    finally:
        broker.stop()


@pytest.mark.slow
async def test_a_refusal_is_mended_without_a_restart(trust: Trust, tmp_path: Path) -> None:
    with broker_of(trust, tmp_path, {"days": (-9, -1)}) as broker:
        session = Session(broker.device("box-1"), "box-1")
        async with started(session):
            await until(lambda: session.fault is not None)
            trust.authority.issue_broker(broker.lane, [HOST], force=True)
            broker.stop()
            broker.start()
            session.renew()
            await connected(session)
            assert session.fault is None


@pytest.mark.slow
@pytest.mark.parametrize("today", ["1970-01-01 00:00:30", "1999-06-01 12:00:00"])
def test_a_box_whose_clock_is_lost_connects(alarm_broker: Mosquitto, today: str) -> None:
    """Fault 27: what it checks of the broker is valid from 1970; its own certificate it does not check."""
    authority = alarm_broker.trust.authority
    alarm_broker.trust.issue_devices(["box-1"])
    program = f"""
import asyncio, time
from pathlib import Path
from link import Endpoint, Session
from link.trust import load_credentials
async def main():
    credentials = load_credentials(source="box.toml", table="broker", ca=Path({str(authority.trust)!r}),
        certificate=Path({str(authority.device_certificate("box-1"))!r}),
        key=Path({str(authority.device_key("box-1"))!r}))
    session = Session(Endpoint("{HOST}", {alarm_broker.device_port}, credentials), "box-1")
    running = asyncio.create_task(session.run())
    async with asyncio.timeout({PATIENCE_S}):
        await session.wait_connected()
    print(time.strftime("%Y", time.gmtime()), session.connected)
asyncio.run(main())
"""
    done = subprocess.run(
        ["faketime", today, sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "TZ": "UTC", "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
    )
    assert done.stdout == f"{today[:4]} True\n", done.stderr


# --- TLS and the session


@pytest.mark.slow
async def test_tls_stands_again_after_a_broker_restart(alarm_broker: Mosquitto) -> None:
    session = Session(alarm_broker.device("box-1"), "box-1", backoff=Backoff(0.02, 0.1))
    listener = Inbox()
    desk = Session(
        alarm_broker.service("desk"),
        "desk",
        subscriptions=("siaga/v1/up/+/alarm",),
        on_message=listener.put,
        backoff=Backoff(0.02, 0.1),
    )
    async with running(session, desk):
        for number in range(2):
            first = tls_of(session)
            assert first.version() == "TLSv1.3"
            assert first.getpeercert()
            await session.publish("siaga/v1/up/box-1/alarm", b"%d" % number)
            assert (await listener.next())[1] == b"%d" % number
            with pytest.raises(PublishRefusedError, match="0x87"):
                await session.publish("siaga/v1/up/box-2/alarm", b"")
            alarm_broker.kill()
            await until(lambda: not session.connected and not desk.connected)
            alarm_broker.start()
            await connected(session, desk)
            assert tls_of(session) is not first
        assert (session.fault, desk.fault) == (None, None)


async def test_a_press_is_not_delayed_by_nagle_under_tls(alarm_broker: Mosquitto) -> None:
    session = Session(alarm_broker.device("box-1"), "box-1")
    async with running(session):
        assert tls_of(session).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        session.renew()
        await connected(session)
        assert tls_of(session).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_packets_that_share_a_tls_record_all_arrive(trust: Trust) -> None:
    """What TLS has decrypted is no longer in the socket: nothing wakes who waits for that (a proxy merges packets)."""
    inbox = Inbox()
    packets = [bytes.fromhex("30 05 00 01 61 00") + b"%d" % number for number in range(9)]

    async def merge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(bytes.fromhex("20 03 00 00 00") + b"".join(packets))
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    trust.authority.issue_broker("alarm", [HOST])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trust.authority.broker_certificate("alarm"), trust.authority.broker_key("alarm"))
    async with listening(merge, context) as port:
        session = Session(trust.device("box-1", port), "box-1", on_message=inbox.put)
        async with running(session):
            assert await inbox.bodies(9) == [b"%d" % number for number in range(9)]


async def test_a_handshake_without_answer_ends_at_its_timeout_and_leaves_no_socket(trust: Trust) -> None:
    with socket.create_server((HOST, 0)) as silent:
        box = trust.device("box-1", silent.getsockname()[1])
        before = psutil.Process().num_fds()
        with pytest.raises(TimeoutError):
            await Dialer(box, 0.05).dial()
        assert psutil.Process().num_fds() == before


async def test_a_handshake_that_is_cancelled_ends_at_once_and_leaves_no_socket(trust: Trust) -> None:
    with socket.create_server((HOST, 0)) as silent:
        box = trust.device("box-1", silent.getsockname()[1])
        before = psutil.Process().num_fds()
        dialling = asyncio.create_task(Dialer(box, 30.0).dial(), name="dialling")
        done, _ = await asyncio.wait((dialling,), timeout=0.02)
        assert not done
        dialling.cancel()
        async with asyncio.timeout(0.5):
            with pytest.raises(asyncio.CancelledError):
                await dialling
        assert psutil.Process().num_fds() == before


async def test_a_refused_handshake_leaves_no_socket(alarm_broker: Mosquitto, tmp_path: Path) -> None:
    box = alarm_broker.device("box-1")
    other = Trust(tmp_path / "other").device("box-1", alarm_broker.device_port)
    strangers = [other, Endpoint(HOST, box.port, alarm_broker.service("desk").credentials)]
    before = psutil.Process().num_fds()
    for stranger in strangers * 3:
        with pytest.raises(Exception, match="refuse"):
            await Dialer(stranger, 5.0).dial()
    assert psutil.Process().num_fds() == before


def tls_of(session: Session) -> ssl.SSLSocket:
    """Return the socket under a session that stands."""
    client = session._client
    assert client is not None
    sock = client._client.socket()
    assert isinstance(sock, ssl.SSLSocket)
    return sock


@contextlib.asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Listen on 127.0.0.1 with a scripted peer and yield its port."""
    server = await asyncio.start_server(serve, HOST, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
