"""`siaga provision push-config`: signed, kept, published; and what the box says comes back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from pathlib import Path

import pytest

from contract import topics
from contract.messages import ConfigReply, encode
from contract.signed import load_verifying_keys, verify
from link import Session
from provisioning.authority import Authority
from provisioning.config_push import centre_endpoint, envelope_file, last_config, publish_config, sign_config
from provisioning.errors import ProvisioningError, RefusedError, UnusableError
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust
from tests.provisioning.test_cli_ca import run

TOML = 'device = "box-1"\n'


@pytest.fixture
def authority(trust: Trust) -> Authority:
    """Return an authority that knows a box."""
    trust.issue_devices(["box-1", "box-2"])
    return trust.authority


def test_each_version_is_one_more_and_the_last_envelope_is_kept(authority: Authority) -> None:
    keys = load_verifying_keys(authority.signing_public.read_bytes())
    for wanted in (1, 2):
        version, envelope = sign_config(authority, "box-1", TOML, confirm_s=60)
        document = verify(envelope, keys, device="box-1", kind="config", newer_than=wanted - 1)
        assert (version, document.version) == (wanted, wanted)
        assert document.content == {"toml": TOML, "confirm_s": 60}
    assert last_config(authority, "box-1") == (2, envelope)
    assert envelope_file(authority, "box-1").stat().st_mode & 0o777 == 0o600
    assert sign_config(authority, "box-1", TOML, version=9)[0] == 9
    with pytest.raises(RefusedError, match="version 9 is not newer than 9"):
        sign_config(authority, "box-1", TOML, version=9)


@pytest.mark.parametrize(
    ("device", "toml", "words"),
    [
        ("box-3", TOML, "no device box-3"),
        ("box-2", TOML, "the configuration is for 'box-1', not for 'box-2'"),
        ("box-1", "device = ", "not TOML"),
        ("box-1", TOML + "#" * 70_000, "at most 65536"),
    ],
)
def test_what_is_none_for_the_box_is_not_signed(authority: Authority, device: str, toml: str, words: str) -> None:
    with pytest.raises(ProvisioningError, match=words):
        sign_config(authority, device, toml)
    assert not envelope_file(authority, device).exists()


def test_a_revoked_box_gets_none_and_a_damaged_memory_is_told(authority: Authority) -> None:
    sign_config(authority, "box-1", TOML)
    envelope_file(authority, "box-1").write_text("{}")
    with pytest.raises(UnusableError, match="damaged"):
        sign_config(authority, "box-1", TOML)
    with pytest.raises(UnusableError, match="sign one first"):
        last_config(authority, "box-2")
    authority.revoke("box-2", "stolen")
    with pytest.raises(RefusedError, match="box-2 is revoked"):
        sign_config(authority, "box-2", TOML.replace("box-1", "box-2"))


async def as_box(broker: Mosquitto, outcomes: list[str], heard: list[bytes], over: asyncio.Event) -> None:
    """Answer each configuration as box-1 would."""

    def hear(topic: str, body: bytes, retained: bool) -> None:
        heard.append(body)
        answers.append(asyncio.create_task(answer(hashlib.sha256(body).hexdigest())))

    async def answer(name: str) -> None:
        for outcome in outcomes:
            reply = ConfigReply(
                device="box-1",
                outcome=outcome,  # type: ignore[arg-type]  # the caller's words are outcomes
                version=1,
                reason="centre not reached" if outcome == "reverted" else None,
                body_sha256=name,
                timestamp_ns=1,
            )
            await session.wait_connected()
            await session.publish(topics.reply("box-1"), encode(reply), allow_no_subscriber=True)

    answers: list[asyncio.Task[None]] = []
    session = Session(broker.device("box-1"), "box-1", subscriptions=(topics.config("box-1"),), on_message=hear)
    running = asyncio.create_task(session.run())
    await over.wait()
    await asyncio.gather(*answers)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["confirmed", "reverted"])
async def test_what_the_box_makes_of_it_is_told(authority: Authority, telemetry_broker: Mosquitto, end: str) -> None:
    _, envelope = sign_config(authority, "box-1", TOML)
    endpoint, heard, over = centre_endpoint(authority), list[bytes](), asyncio.Event()
    assert endpoint.port == telemetry_broker.centre_port
    box = asyncio.create_task(as_box(telemetry_broker, ["trial", end], heard, over))
    told: list[str] = []
    reply = await publish_config(endpoint, "box-1", envelope, wait_s=10, told=lambda one: told.append(one.outcome))
    over.set()
    await box
    assert reply is not None
    assert (reply.outcome, told, heard) == (end, ["trial", end], [envelope])


@pytest.mark.slow
def test_the_command_publishes_retained_and_exits_by_what_came_of_it(
    authority: Authority, telemetry_broker: Mosquitto, tmp_path: Path
) -> None:
    file = tmp_path / "box.toml"
    file.write_text(TOML)
    folder = authority.folder
    told = run("push-config", "box-1", file, "--folder", folder, "--wait-s", "0")
    assert told == "box-1: version 1 is signed\nbox-1: published; it is taken when the box is there\n"
    heard: list[bytes] = []

    def box() -> None:
        asyncio.run(_answers_until(telemetry_broker, heard, over))

    over = threading.Event()
    thread = threading.Thread(target=box)
    thread.start()
    told = run("push-config", "box-1", "--folder", folder, "--wait-s", "10", status=1)
    over.set()
    thread.join()
    assert told == "box-1: reverted: centre not reached"
    assert json.loads(heard[0])["document"]["version"] == 1
    assert "is it the right file?" in run("push-config", "box-2", file, "--folder", folder, status=1)
    assert "no such file" in run("push-config", "box-2", "--folder", folder, status=78)


async def _answers_until(broker: Mosquitto, heard: list[bytes], over: threading.Event) -> None:
    """Answer what comes, from the retained one on, until nobody asks any more."""
    ended = asyncio.Event()
    answering = asyncio.create_task(as_box(broker, ["trial", "reverted"], heard, ended))
    await asyncio.to_thread(over.wait, 15)
    ended.set()
    await answering


@pytest.mark.slow
async def test_a_broker_that_is_not_there_is_told(authority: Authority, telemetry_broker: Mosquitto) -> None:
    _, envelope = sign_config(authority, "box-1", TOML)
    endpoint = centre_endpoint(authority)
    telemetry_broker.stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provisioning.config_push.CONNECT_S", 0.5)
        with pytest.raises(UnusableError, match="run the same without FILE"):
            await publish_config(endpoint, "box-1", envelope, wait_s=0, told=lambda one: None)
