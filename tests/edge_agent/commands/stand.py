"""A real agent with a siren and a button between two real brokers, and the desk's account that commands it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract import topics
from contract.command import seal
from contract.identity import new_event_id
from contract.messages import Command, CommandReply, Lamps, decode, encode
from contract.signed import load_signing_key
from contract.topics import Lane
from edge_agent.status import AgentStatus
from edge_agent.status_socket import MAX_BYTES, ask, places
from link import Session
from provisioning.brokers.model import account
from provisioning.command_keys import desk_key_file, make_command_key, public_file
from siaga.stack.mosquitto import Mosquitto
from simulator.board import Board
from tests.warm import WarmProcess

BOX: Final = "box-1"
EDGE: Final = [sys.executable, "-P", "-m", "edge_agent.main"]
LANES: Final[tuple[Lane, Lane]] = ("alarm", "telemetry")
_WAIT_S: Final = 15.0


class Stand:
    """One box and who commands it."""

    def __init__(self, folder: Path, brokers: dict[Lane, Mosquitto]) -> None:
        trust = next(iter(brokers.values())).trust
        trust.issue_devices([BOX])
        make_command_key(trust.authority)
        authority = trust.authority
        self.private = desk_key_file(authority.folder)
        self.key = load_signing_key(self.private.read_bytes())
        self.board = Board(folder / "b", ("sos", "siren", "beacon"))
        self.data = folder / "data"
        self.replies: list[tuple[Lane, CommandReply]] = []
        self.presses: list[dict[str, Any]] = []
        self.version = 0
        self._changed = asyncio.Event()
        who = f'ca = "{authority.trust}"\ncertificate = "{authority.device_certificate(BOX)}"\n'
        who += f'key = "{authority.device_key(BOX)}"'
        tables = [f'device = "{BOX}"\ndata_dir = "{self.data}"\ncommand_keys = "{public_file(authority.folder)}"']
        tables += [
            f'[{lane}_broker]\nhost = "127.0.0.1"\nport = {broker.device_port}\n{who}'
            for lane, broker in brokers.items()
        ]
        tables += [f'[{name}]\nuri = "sim://{self.board.path}?line={name}"' for name in ("siren", "beacon")]
        line = f"sim://{self.board.path}?line=sos"
        tables += [f'[[buttons]]\nid = "sos"\nuri = "{line}"\nlamp = "{line}"']
        self.config = folder / "box.toml"
        self.config.write_text("\n\n".join(tables))
        self.agent = WarmProcess([*EDGE, "--config", str(self.config)], name="agent", folder=folder)
        self.sessions = {
            lane: Session(
                broker.service("desk"),
                account("desk").username,
                subscriptions=(topics.ALL_REPLIES, topics.ALL_ALARMS),
                on_message=lambda topic, body, _, lane=lane: self._hear(lane, topic, body),  # type: ignore[misc]
            )
            for lane, broker in brokers.items()
        }

    async def ready(self) -> None:
        """Wait until the agent has its keys, its siren and the time."""
        await self.until(lambda: all(session.connected for session in self.sessions.values()))
        version = 0

        def well() -> bool:
            nonlocal version
            version += 1
            told = self.status()
            return (
                told is not None
                and all(lane.connected for lane in told.sessions.values())
                and told.report.clock != "none"
                and "command: no key" not in told.report.faults
                and len(self.board._watchers) == 1
                and bool(self.board.lamp("siren")[1] is not None)
            )

        async with asyncio.timeout(_WAIT_S):
            while not well():  # its socket is all it shows
                lamps = Lamps(device=BOX, version=version, centre_time_ns=time.time_ns(), lamps={})
                for session in self.sessions.values():
                    if session.connected:
                        await session.publish(topics.lamp(BOX), encode(lamps), allow_no_subscriber=True)
                await asyncio.sleep(0.05)

    def status(self) -> AgentStatus | None:
        """Return how the agent is, or None."""
        told = ask(places(self.data, None, os.environ))
        return None if told is None else decode(AgentStatus, told, max_bytes=MAX_BYTES)

    def command(self, command: str = "siren", **more: Any) -> Command:
        """Return a command that is good for 10 s."""
        keys: dict[str, Any] = {"id": new_event_id(), "device": BOX, "expires_at_ns": time.time_ns() + 10 * 10**9}
        if command in ("siren", "beacon"):
            keys["seconds"] = 30
        return Command.model_validate(keys | {"command": command} | more)

    def sealed(self, command: Command, key: Ed25519PrivateKey | None = None) -> bytes:
        """Return a command as the desk signs it."""
        self.version += 1
        return seal(command, key or self.key, version=self.version, issued_at_ns=time.time_ns())

    async def send(self, body: bytes, *lanes: Lane, retain: bool = False) -> None:
        """Publish on these brokers, or both."""
        for lane in lanes or LANES:
            await self.sessions[lane].publish(topics.command(BOX), body, retain=retain, allow_no_subscriber=True)

    async def reply(self, command: Command, lane: Lane | None = None, count: int = 1) -> CommandReply:
        """Return the answer to a command once so many came, on one lane or any."""

        def found() -> list[CommandReply]:
            return [each for on, each in self.replies if each.id == command.id and lane in (None, on)]

        await self.until(lambda: len(found()) >= count)
        return found()[-1]

    async def obeyed(self, command: Command) -> CommandReply:
        """Send a command on both brokers and return the answer."""
        await self.send(self.sealed(command))
        return await self.reply(command)

    async def done(self, command: str = "siren", **more: Any) -> CommandReply:
        """Send commands until one is done, as after a start, when keys and siren are there only soon."""
        async with asyncio.timeout(_WAIT_S):
            while True:
                # What is sent before the agent has subscribed is answered by nobody.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        reply = await self.obeyed(self.command(command, **more))
                        if reply.outcome == "done":
                            return reply
                await asyncio.sleep(0.1)

    async def until(self, look: Any) -> None:
        """Wait until something holds; it is looked at with each message, and each 50 ms for what tells nobody."""
        async with asyncio.timeout(_WAIT_S):
            while not look():
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self._changed.wait()
                except TimeoutError:
                    pass

    def sounds(self, line: str = "siren") -> int:
        """Return how often the siren began to sound, by the board."""
        return sum(on for _, on in self.board.lamp(line)[1])

    def _hear(self, lane: Lane, topic: str, body: bytes) -> None:
        if topic == topics.reply(BOX):
            self.replies.append((lane, decode(CommandReply, body)))
        else:
            self.presses.append(json.loads(body) | {"lane": lane})
        self._changed.set()


@asynccontextmanager
async def standing(folder: Path, alarm: Mosquitto, telemetry: Mosquitto) -> AsyncIterator[Stand]:
    """Give a stand whose agent runs, knows the time and has its siren."""
    stand = Stand(folder, {"alarm": alarm, "telemetry": telemetry})
    tasks = [asyncio.create_task(session.run(), name="desk") for session in stand.sessions.values()]
    async with stand.board:
        stand.agent.start()
        try:
            await stand.ready()
            await stand.done("beacon", on=False, seconds=0)
            yield stand
        finally:
            await asyncio.to_thread(stand.agent.stop)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
