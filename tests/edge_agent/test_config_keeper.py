"""Fault 44 with real brokers and a real siaga-edge: a good push stays, one that cuts its own link reverts by itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from contract import topics
from contract.signed import MAX_SIGNED_BYTES, Document
from contract.topics import Lane
from edge_agent.clock import Clock
from edge_agent.config_keeper import ConfigKeeper
from edge_agent.config_state import Pushed, taken
from edge_agent.config_store import NAME
from edge_agent.pushed_config import InForce, take_up
from link import Session
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.trust import Trust
from tests.edge_agent.network_faults.street import BOX, LANES, Street, lamps, street
from tests.edge_agent.test_config import box

__all__ = ["box"]  # a fixture of theirs


@pytest.fixture
def brokers(alarm_broker: Mosquitto, telemetry_broker: Mosquitto) -> dict[Lane, Mosquitto]:
    """Return both brokers, running."""
    return {"alarm": alarm_broker, "telemetry": telemetry_broker}


@dataclass
class Pushing:
    """A box that takes pushes, and the centre that makes them."""

    box: Street
    lamp_version: int = 1

    def sign(self, version: int, toml: str | None = None, *, device: str = BOX, confirm_s: int = 30) -> bytes:
        text = self.box.config.read_text() if toml is None else toml
        content = {"toml": text, "confirm_s": confirm_s}
        document = Document(device=device, kind="config", version=version, issued_at_ns=1, content=content)
        return self.box.brokers["alarm"].trust.authority.sign(document)

    async def push(self, envelope: bytes) -> None:
        await self.box.ears.sessions["telemetry"].publish(
            topics.config(BOX), envelope, retain=True, allow_no_subscriber=True
        )

    async def centre_speaks(self) -> None:
        """Tell the lamps, as the desk does at each birth."""
        self.lamp_version += 1
        for lane in LANES:
            await self.box.ears.say(lane, topics.lamp(BOX), lamps(self.lamp_version, "off"))

    def replies(self) -> list[dict[str, Any]]:
        return [heard.body for heard in self.box.ears.on(topics.reply(BOX))]

    async def replied(self, outcome: str, version: int | None) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [one for one in self.replies() if (one["outcome"], one.get("version")) == (outcome, version)]

        await self.box.ears.until(found, f"{outcome} {version}")
        return found()[-1]

    def on_card(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.box.folder / BOX / NAME).read_text())
        return found


@contextlib.asynccontextmanager
async def pushing(brokers: dict[Lane, Mosquitto]) -> AsyncIterator[Pushing]:
    """Yield a box that stands."""
    async with street(brokers) as box:
        keys = brokers["alarm"].trust.authority.signing_public
        box.config.write_text(f'config_keys = "{keys}"\n' + box.config.read_text())
        await box.start()
        yield Pushing(box)


def births(box: Street) -> int:
    return sum(heard.body["state"] == "online" for heard in box.ears.on(topics.status(BOX, "telemetry")))


@pytest.mark.slow
async def test_fault_44_a_good_push_waits_for_presses_is_tried_and_confirmed_and_counts_from_then_on(
    brokers: dict[Lane, Mosquitto],
) -> None:
    async with pushing(brokers) as centre:
        pid, ears = centre.box.agent.pid, centre.box.ears
        # A retained message is the broker's word, not the centre's.
        stale = json.dumps(lamps(1, "off")).encode()
        await ears.sessions["alarm"].publish(topics.lamp(BOX), stale, retain=True)
        centre.box.press(hold_ms=8_000)
        await ears.until(lambda: ears.presses(), "the press")
        event = ears.presses()[0].body["event_id"]
        await centre.push(centre.sign(7))
        await asyncio.sleep(0.5)
        assert not (centre.box.folder / BOX / NAME).exists(), "the press has no receipt yet"
        receipt = {"device": BOX, "stage": "stored", "event_id": event}
        await ears.say("alarm", topics.alarm_receipt(BOX), receipt)
        trial = await centre.replied("trial", 7)
        assert (trial["device"], trial["about"]) == (BOX, "config")
        assert centre.on_card()["begun"] is True
        await centre.box.stands()
        await asyncio.sleep(0.3)
        assert not [one for one in centre.replies() if one["outcome"] == "confirmed"], "the centre was not heard yet"
        await centre.centre_speaks()
        await centre.replied("confirmed", 7)
        assert centre.on_card()["confirmed"]["version"] == 7
        assert psutil.Process(pid).is_running(), "the same process: who watches it sees no end"
        agent = await centre.box.says(lambda agent: agent, "its status")
        assert (agent["config"]["standing"], agent["config"]["version"]) == ("confirmed", 7)
        assert {press.body["event_id"] for press in ears.presses()} == {event}, "the held button is no second press"
        # The retained push comes again with each connect; it is known.
        count = births(centre.box)
        centre.box.agent.stop()
        centre.box.agent.start()
        await ears.until(lambda: births(centre.box) > count, "it is there again")
        await asyncio.sleep(0.3)
        assert {one["outcome"] for one in centre.replies()} == {"trial", "confirmed"}


@pytest.mark.slow
async def test_fault_44_a_push_that_cuts_its_own_link_reverts_by_itself_and_is_not_tried_again(
    brokers: dict[Lane, Mosquitto],
) -> None:
    async with pushing(brokers) as centre:
        text = centre.box.config.read_text()
        dead = text.replace(f"port = {centre.box.proxies['alarm'].port}", f"port = {free_port()}")
        assert dead != text
        began_s = time.monotonic()
        await centre.push(centre.sign(7, dead, confirm_s=2))
        await centre.replied("trial", 7)
        await centre.centre_speaks()  # it hears that by the telemetry broker, and that is not enough
        # Pressed while the alarm broker of the trial is dead: it goes by the other one, or after the revert. Held,
        # since the box may be heard before its button is watched.
        centre.box.press(hold_ms=8_000)
        told = await centre.replied("reverted", 7)
        assert time.monotonic() - began_s < 30, "after 2 s by its own word; two starts take a busy machine some more"
        assert told["reason"] == "centre not reached"
        assert "alarm: " in told["detail"]
        await centre.box.stands()
        await centre.box.ears.until(lambda: centre.box.ears.presses(), "the press")
        agent = await centre.box.says(lambda agent: agent, "its status")
        assert agent["report"]["faults"]["pushed configuration reverted"] == 1
        assert agent["config"]["standing"] == "file"
        assert agent["config"]["last"]["reason"] == "centre not reached"
        assert centre.on_card()["newest"] == 7
        count = births(centre.box)
        await centre.box.proxies["telemetry"].refuse()
        centre.box.proxies["telemetry"].cut()
        await centre.box.proxies["telemetry"].accept()
        await centre.box.ears.until(lambda: births(centre.box) > count, "it heard the retained push again")
        await asyncio.sleep(0.3)
        assert "trial" not in centre.on_card()
        assert {one["outcome"] for one in centre.replies()} == {"trial", "reverted"}


@pytest.mark.slow
async def test_fault_44_what_is_refused_changes_nothing_and_is_told_with_its_reason(
    brokers: dict[Lane, Mosquitto],
) -> None:
    async with pushing(brokers) as centre:
        stood_s = time.monotonic()
        good = centre.sign(7)
        bad = {
            "bad signature": good.replace(b"hold", b"bold").replace(b'"version":7', b'"version":8'),
            "other device": centre.sign(7, device="box-2"),
            "oversize": b"{" + b" " * MAX_SIGNED_BYTES,
        }
        began = psutil.Process(centre.box.agent.pid).create_time()
        for reason, envelope in bad.items():
            await centre.push(envelope)
            await centre.box.ears.until(
                lambda reason=reason: [one for one in centre.replies() if one.get("reason") == reason],  # type: ignore[misc]
                reason,
            )
        assert {one["outcome"] for one in centre.replies()} == {"refused"}
        assert len(centre.replies()) == len(bad), "each is told once"
        await centre.push(envelope)
        await centre.box.ears.until(lambda: len(centre.replies()) == len(bad) + 1, "told again to who asks again")
        asked_s = time.monotonic()
        agent = await centre.box.says(lambda agent: agent, "its status")
        assert agent["report"]["faults"]["pushed configuration refused"] == len(bad)
        assert agent["running_s"] > asked_s - stood_s, "it was not started anew"
        assert psutil.Process(centre.box.agent.pid).create_time() == began
        assert not (centre.box.folder / BOX / NAME).exists(), "a stranger's bytes cost the card nothing"


@pytest.mark.slow
async def test_fault_44_an_older_version_is_refused_and_a_kill_in_the_trial_reverts(
    brokers: dict[Lane, Mosquitto],
) -> None:
    async with pushing(brokers) as centre:
        await centre.push(centre.sign(7))
        await centre.replied("trial", 7)
        await centre.box.stands()
        await centre.push(centre.sign(6))
        refused = await centre.replied("refused", None)
        assert refused["reason"] == "not newer"
        os.kill(centre.box.agent.pid, signal.SIGKILL)
        centre.box.agent.stop()
        centre.box.agent.start()
        told = await centre.replied("reverted", 7)
        assert told["reason"] == "ended in the trial"
        await centre.box.comes(lambda: "trial" not in centre.on_card(), "the card has it too")


@contextlib.asynccontextmanager
async def judging(
    box: Path, trust: Trust, presses_wait: Callable[[InForce], bool], presses_in_memory: Callable[[], bool]
) -> AsyncIterator[tuple[InForce, asyncio.Event]]:
    """Yield what a box has in force that was pushed a configuration, and what is set when it starts itself anew."""
    box.write_text(
        f'config_keys = "{trust.authority.signing_public}"\n' + box.read_text().replace("/never-made", "/data")
    )
    (box.parent / "data").mkdir()
    found = take_up(box)
    restarted = asyncio.Event()

    async def send(body: bytes) -> bool:
        return False

    keeper = ConfigKeeper(
        found,
        clock=Clock(time.time_ns(), time.monotonic_ns()),
        faults=Counter(),
        sessions={lane: Session(found.box.brokers[lane], BOX) for lane in LANES},
        presses_wait=lambda: presses_wait(found),
        presses_in_memory=presses_in_memory,
        send=send,
        restart=restarted.set,
        began_ns=time.monotonic_ns(),
    )
    content = {"toml": box.read_text(), "confirm_s": 30}
    document = Document(device=BOX, kind="config", version=7, issued_at_ns=1, content=content)
    running = asyncio.create_task(keeper.run())
    keeper.hear(trust.authority.sign(document), retained=False)
    try:
        yield found, restarted
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def stays(restarted: asyncio.Event, found: InForce) -> None:
    """Wait until the push is on the card, and see that the agent is not started anew though."""
    async with asyncio.timeout(5):
        while not found.store.path.exists():  # noqa: ASYNC110 - another thread makes it
            await asyncio.sleep(0.01)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            await restarted.wait()
    assert not restarted.is_set()


@pytest.mark.slow
async def test_a_press_that_comes_while_the_push_goes_on_the_card_is_waited_for(box: Path, trust: Trust) -> None:
    receipted = asyncio.Event()

    def waits(found: InForce) -> bool:
        return found.store.path.exists() and not receipted.is_set()

    async with judging(box, trust, waits, lambda: False) as (found, restarted):
        await stays(restarted, found)
        receipted.set()
        async with asyncio.timeout(5):
            await restarted.wait()


@pytest.mark.slow
async def test_a_press_that_no_card_has_is_not_given_up_for_a_restart(
    box: Path, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.config_keeper._PRESSES_S", 0.05)
    committed = asyncio.Event()
    before: list[bool] = []

    def in_memory() -> bool:
        before.append(True)
        return not committed.is_set()

    async with judging(box, trust, lambda found: found.store.path.exists(), in_memory) as (found, restarted):
        await stays(restarted, found)
        async with asyncio.timeout(5):
            while not before:  # noqa: ASYNC110 - the card may take its time until it is asked for
                await asyncio.sleep(0.01)
        assert not restarted.is_set()
        committed.set()
        async with asyncio.timeout(5):
            await restarted.wait()


@pytest.fixture
def tried(box: Path, trust: Trust) -> InForce:
    """Return a box in a trial that began, and whose card stands still from now on: opening a pipe that nobody reads."""
    (box.parent / "data").mkdir()
    box.write_text(box.read_text().replace("/never-made", "/data"))
    pushed = Pushed(version=7, toml=box.read_text(), confirm_s=1, since_ns=1)
    found = take_up(box)
    found.store.write(taken(found.state, pushed, "0" * 64))
    found = take_up(box)
    assert found.standing == "trial"
    os.mkfifo(box.parent / "data" / f".{NAME}.new")
    return found


async def test_fault_44_a_trial_is_over_in_time_whatever_the_card_does(
    tried: InForce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.config_keeper._LAST_WORDS_S", 0.1)
    restarted = asyncio.Event()
    left = [True]
    sessions: dict[Lane, Session] = {lane: Session(tried.box.brokers[lane], BOX) for lane in LANES}

    async def send(body: bytes) -> bool:
        return False

    keeper = ConfigKeeper(
        tried,
        clock=Clock(time.time_ns(), time.monotonic_ns()),
        faults=Counter(),
        sessions=sessions,
        presses_wait=lambda: False,
        presses_in_memory=lambda: bool(left) and left.pop(),
        send=send,
        restart=restarted.set,
        began_ns=time.monotonic_ns() - 2 * 10**9,
    )
    keeper.heard_centre()  # and neither session stands
    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(5):
        await restarted.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert not left, "a press that no card had was waited for"
    # What could not be written is known all the same: the trial had begun.
    (tried.store.path.parent / f".{NAME}.new").unlink()
    again = take_up(tried.path)
    assert again.standing == "file"
    assert again.state.last is not None
    assert again.state.last.outcome == "reverted"
