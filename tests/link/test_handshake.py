"""TLS with the real broker: a refused handshake says which side refused and why; one that stands stays TLS."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from link import Backoff, Endpoint, PublishRefusedError, Session
from link.dial import Dialer
from provisioning.brokers.placing import this_user
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from siaga.stack.trust import Trust
from tests.link.forgery import broker_of, device, forge, tls_1_2, with_credentials
from tests.link.harness import HOST, PATIENCE_S, Inbox, answer_names, connected, listening, running, started, until

END = b"-----END CERTIFICATE-----\n"
HUNG_UP = "the connection ended within the TLS handshake, without a reason; is it the port for TLS?"
UNKNOWN_CA_HERE = "we refuse the broker's certificate: its CA is not one we trust"
UNKNOWN_CA_THERE = "the broker refuses our certificate: its CA is not one the broker trusts"


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


async def test_a_host_name_the_certificate_does_not_have_is_refused(
    trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with broker_of(trust, tmp_path, {"hosts": ("127.0.0.1", "alarm.siaga.example")}) as broker:
        box = broker.device("box-1")
        named = Endpoint("other.siaga.example", box.port, box.credentials)
        answer_names(monkeypatch)
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
        await reader.read()

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
    async with asyncio.timeout({3 * PATIENCE_S}):
        await session.wait_connected()
    print(time.strftime("%Y", time.gmtime()), session.connected)
asyncio.run(main())
"""
    done = subprocess.run(
        ["faketime", today, sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "TZ": "UTC", "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
    )
    assert done.stdout == f"{today[:4]} True\n", done.stderr


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
        await reader.read()

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
        gc.collect()  # what other tests left for it must not close in the middle of the count
        before = psutil.Process().num_fds()
        with pytest.raises(TimeoutError):
            await Dialer(box).dial(0.05)
        assert psutil.Process().num_fds() == before


async def test_a_handshake_that_is_cancelled_ends_at_once_and_leaves_no_socket(trust: Trust) -> None:
    with socket.create_server((HOST, 0)) as silent:
        box = trust.device("box-1", silent.getsockname()[1])
        gc.collect()  # what other tests left for it must not close in the middle of the count
        before = psutil.Process().num_fds()
        dialling = asyncio.create_task(Dialer(box).dial(30.0), name="dialling")
        done, _ = await asyncio.wait((dialling,), timeout=0.02)
        assert not done
        dialling.cancel()
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(asyncio.CancelledError):
                await dialling
        assert psutil.Process().num_fds() == before


async def test_a_refused_handshake_leaves_no_socket(alarm_broker: Mosquitto, tmp_path: Path) -> None:
    box = alarm_broker.device("box-1")
    other = Trust(tmp_path / "other").device("box-1", alarm_broker.device_port)
    strangers = [other, Endpoint(HOST, box.port, alarm_broker.service("desk").credentials)]
    gc.collect()  # what other tests left for it must not close in the middle of the count
    before = psutil.Process().num_fds()
    for stranger in strangers * 3:
        with pytest.raises(Exception, match="refuse"):
            await Dialer(stranger).dial(5.0)
    assert psutil.Process().num_fds() == before


def tls_of(session: Session) -> ssl.SSLSocket:
    """Return the socket under a session that stands."""
    client = session._client
    assert client is not None
    sock = client._client.socket()
    assert isinstance(sock, ssl.SSLSocket)
    return sock
