"""A box behind a bad network: a real agent, two real brokers, a proxy before each, a board, a receiver, and ears.

The ears are a probe on both brokers: what they heard, and when, is what the centre could have heard. They can answer
presses and batches as the centre would, where a test needs no desk.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shutil
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from contract import topics
from contract.topics import Lane
from edge_agent.status_command import run_status
from link import Session
from link.errors import LinkError
from siaga.demo.files import Identity, Ports, box_toml
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process
from siaga.stack.trust import Trust
from simulator.board import Board
from simulator.layout import board_path
from simulator.nmea import epoch_sentences
from simulator.tracker import Fix
from tests.edge_agent.network_faults.proxy import HOST, Proxy, Terminate, Wire
from tests.warm import WarmProcess

BOX: Final = "box-1"
LANES: Final[tuple[Lane, Lane]] = ("alarm", "telemetry")
PATIENCE_S: Final = 20.0
EDGE: Final = [sys.executable, "-P", "-m", "edge_agent.main"]

_ALL_BUT_PRESSES: Final = (topics.ALL_STATUS, topics.ALL_TELEMETRY, topics.ALL_REPORTS, f"{topics.ROOT}/down/#")
_FIX = Fix(-6.9211, 107.6098, 715.0, 0.0, 0.0, 9, 0.9)


@dataclass(frozen=True, slots=True)
class Heard:
    """One message: when by the monotonic clock in seconds, on which broker, and what."""

    at_s: float
    lane: Lane
    topic: str
    body: Any
    retained: bool


@dataclass
class Ears:
    """Everything that passes on both brokers, and the answers that are asked for.

    `answers` are the kinds of message that are answered with a receipt, as the centre does after its commit.
    `deaf` ones hear everything but presses.
    """

    name: str = "ears"
    deaf: bool = False
    answers: set[Literal["alarm", "telemetry"]] = field(default_factory=set)
    heard: list[Heard] = field(default_factory=list)
    sessions: dict[Lane, Session] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._more = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self, brokers: dict[Lane, Mosquitto]) -> AsyncIterator[None]:
        """Listen on both brokers."""
        for lane, broker in brokers.items():
            self.sessions[lane] = Session(
                broker.probe(),
                self.name,
                subscriptions=_ALL_BUT_PRESSES if self.deaf else (f"{topics.ROOT}/#",),
                on_message=lambda topic, body, retained, lane=lane: self._hear(lane, topic, body, retained),  # type: ignore[misc]
            )
        tasks = [asyncio.create_task(session.run(), name="ears") for session in self.sessions.values()]
        try:
            async with asyncio.timeout(PATIENCE_S):
                for session in self.sessions.values():
                    await session.wait_connected()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, *self._sending, return_exceptions=True)

    def on(self, topic: str, lane: Lane | None = None) -> list[Heard]:
        """Return what came on a topic, on one broker or both."""
        return [heard for heard in self.heard if heard.topic == topic and lane in (None, heard.lane)]

    def presses(self, lane: Lane | None = None) -> list[Heard]:
        """Return the box's presses, with repeats."""
        return self.on(topics.alarm(BOX), lane)

    def batches(self) -> list[Heard]:
        """Return the box's batches, with repeats."""
        return self.on(topics.telemetry(BOX))

    async def until(self, look: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until something holds that was heard; `look` is asked at each message."""
        try:
            async with asyncio.timeout(timeout_s):
                while not look():
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            told = [(heard.lane, heard.topic, heard.body) for heard in self.heard[-8:]]
            raise AssertionError(f"not within {timeout_s:g} s: {what}; the last heard: {told}") from None

    async def say(self, lane: Lane, topic: str, body: Any) -> None:
        """Publish as the centre would."""
        await self.sessions[lane].publish(topic, json.dumps(body).encode(), allow_no_subscriber=True)

    def _hear(self, lane: Lane, topic: str, raw: bytes, retained: bool) -> None:
        body: Any = json.loads(raw) if raw else None
        self.heard.append(Heard(time.monotonic(), lane, topic, body, retained))
        self._more.set()
        if topic == topics.alarm(BOX) and "alarm" in self.answers:
            receipt = {"device": BOX, "stage": "stored", "event_id": body["event_id"]}
            for each in LANES:
                self._answer(each, topics.alarm_receipt(BOX), receipt)
        if topic == topics.telemetry(BOX) and "telemetry" in self.answers:
            span = {"stream": body["stream"], "first": body["batch"], "last": body["batch"]}
            self._answer(lane, topics.telemetry_receipt(BOX), {"device": BOX, "ranges": [span]})

    def _answer(self, lane: Lane, topic: str, body: Any) -> None:
        session = self.sessions[lane]

        async def send() -> None:
            with contextlib.suppress(LinkError):
                await session.publish(topic, json.dumps(body).encode(), allow_no_subscriber=True)

        task = asyncio.create_task(send(), name="ears-answer")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)


@dataclass
class Street:
    """The parts, running."""

    folder: Path
    brokers: dict[Lane, Mosquitto]
    proxies: dict[Lane, Proxy]
    board: Board
    agent: Process
    ears: Ears
    config: Path
    _version: int = 1_000

    def press(self, hold_ms: int = 50) -> float:
        """Press the button; return when, by the monotonic clock in seconds."""
        return self.board.press("sos", hold_ms).timestamp_ns / 1e9

    async def start(self) -> None:
        """Start the agent and wait until its buttons are watched and both its sessions stand."""
        self.agent.start()
        await self.watched()
        await self.stands()

    async def watched(self) -> None:
        """Wait until the started agent says that it watches its buttons: a press before that may be missed."""
        deadline = time.monotonic() + PATIENCE_S
        while "ready" not in self.agent.output().splitlines():
            self.agent.check_waiting(deadline, PATIENCE_S, running=self.agent.running)
            await asyncio.sleep(0.02)

    async def stands(self, *lanes: Lane, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the agent says that its sessions stand."""
        for lane in lanes or LANES:
            await self.says(lambda agent, lane=lane: agent["sessions"][lane]["connected"], f"{lane} stands", timeout_s)  # type: ignore[misc]

    async def says(self, look: Callable[[Any], object], what: str, timeout_s: float = PATIENCE_S) -> Any:
        """Wait until `siaga edge status` of the running agent shows something; return its answer."""
        deadline = time.monotonic() + timeout_s
        while True:
            agent = await self.status()
            if agent is not None and look(agent):
                return agent
            assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}; it says {agent}"
            await asyncio.sleep(0.05)

    async def status(self) -> Any:
        """Return what `siaga edge status --json` says of the agent, None while it does not answer."""
        out = io.StringIO()
        await asyncio.to_thread(run_status, self.config, as_json=True, out=out)
        text = out.getvalue()
        return json.loads(text)["agent"] if text else None

    async def heard_all(self, lane: Lane) -> None:
        """Return when the agent has heard all that was said on a lane so far: its lamp shows what was said last.

        Nobody may have pressed, and no desk may tell lamps meanwhile.
        """
        for state in ("accepted", "off"):
            self._version += 1
            await self.ears.say(lane, topics.lamp(BOX), lamps(self._version, state))
            await self.comes(lambda state=state: self.board.lamp("sos")[0] == (state == "accepted"), f"lamp {state}")  # type: ignore[misc]

    async def comes(self, look: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until something holds that tells nobody."""
        deadline = time.monotonic() + timeout_s
        while not look():
            assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
            await asyncio.sleep(0.02)


class Receiver:
    """A GPS receiver behind a serial device server, `rate_hz` epochs a second, standing still."""

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.port = 0

    @contextlib.asynccontextmanager
    async def talking(self) -> AsyncIterator[str]:
        """Listen; yield the URI of its line."""
        serving: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serving[writer] = asyncio.current_task()
            try:
                while not writer.transport.is_closing():
                    writer.write(epoch_sentences(_FIX, time.time_ns() // 100_000_000 * 100_000_000))
                    await writer.drain()
                    await asyncio.sleep(1 / self.rate_hz)
            except ConnectionError:
                pass
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(serve, HOST, 0)
        async with server:
            try:
                yield f"tcp://{HOST}:{server.sockets[0].getsockname()[1]}"
            finally:
                for writer in serving:
                    writer.transport.abort()
                await asyncio.gather(*(task for task in serving.values() if task is not None))
                await asyncio.sleep(0)  # the turn in which the sockets are closed


@contextlib.asynccontextmanager
async def street(
    brokers: dict[Lane, Mosquitto],
    *,
    wire: Wire | None = None,
    end_tls: bool = False,
    command: list[str] | None = None,
    env: dict[str, str] | None = None,
    host: str = HOST,
    rate_hz: float | None = None,
    deaf: bool = False,
) -> AsyncIterator[Street]:
    """Yield a street whose agent is not started yet.

    Args:
        brokers: Running brokers with probes, of one authority.
        wire: What both of the box's connections share.
        end_tls: Whether the proxies see packets.
        command: The agent's program, `siaga-edge` without.
        env: Its environment.
        host: The name by which it dials.
        rate_hz: Epochs a second of a GPS receiver; None: the box has none, and nobody tells it the time by GNSS.
        deaf: Whether nobody at all hears presses.
    """
    trust = brokers["alarm"].trust
    trust.issue_devices([BOX])
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="siaga-"))  # short enough for sockets
        stack.callback(shutil.rmtree, folder)
        proxies = {
            lane: await stack.enter_async_context(
                Proxy(broker.device_port, wire=wire, tls=_terminate(trust, broker) if end_tls else None)
            )
            for lane, broker in brokers.items()
        }
        board = await stack.enter_async_context(Board(board_path(folder, BOX), ("sos",)))
        ports = Ports(proxies["alarm"].port, 0, proxies["telemetry"].port, 0, 0, 0, 0)
        text = box_toml(folder, folder, BOX, 0, ports, _identity(trust)).replace(f'host = "{HOST}"', f'host = "{host}"')
        if rate_hz is not None:
            uri = await stack.enter_async_context(Receiver(rate_hz).talking())
            text += f'\n[[sensors]]\nid = "gps"\ndriver = "nmea"\nuri = "{uri}"\n'
        config = folder / "box.toml"
        config.write_text(text)
        agent = WarmProcess([*(command or EDGE), "--config", str(config)], name=BOX, folder=folder, env=env)
        ears = Ears(deaf=deaf)
        await stack.enter_async_context(ears.listening(brokers))
        try:
            yield Street(folder, brokers, proxies, board, agent, ears, config)
        finally:
            await asyncio.to_thread(agent.stop)


def _identity(trust: Trust) -> Identity:
    authority = trust.authority
    certificate, key = authority.device_certificate(BOX), authority.device_key(BOX)
    return Identity(authority.trust, (("certificate", str(certificate)), ("key", str(key))))


def _terminate(trust: Trust, broker: Mosquitto) -> Terminate:
    as_broker = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = trust.authority
    as_broker.load_cert_chain(authority.broker_certificate(broker.lane), authority.broker_key(broker.lane))
    credentials = broker.device(BOX).credentials
    assert credentials is not None
    assert credentials.context is not None
    return Terminate(as_broker, credentials.context)


def lamps(version: int, state: str, *, centre_time_ns: int | None = None) -> dict[str, Any]:
    """Return a lamp message as the desk sends it."""
    now_ns = time.time_ns() if centre_time_ns is None else centre_time_ns
    return {"device": BOX, "version": version, "centre_time_ns": now_ns, "lamps": {"sos": state}}
