"""The desk's two brokers: a session and a queue on each, the heartbeats, and the lamps that are told again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from contract import topics
from contract.errors import BodyError
from contract.messages import Heartbeat, decode, encode
from contract.topics import Lane
from duty_desk.namesakes import Namesakes
from duty_desk.outbound import WORKERS, Outbound
from duty_desk.pair.owner import Owner
from duty_desk.web.view import incident_message
from link import Endpoint, LinkError, Session

if TYPE_CHECKING:
    from duty_desk.desk import DutyDesk
    from duty_desk.settings import Desk

HEARTBEAT_S: Final = 2.0
LAMPS_S: Final = 30.0
KEEP_ALIVE_S: Final = 4
"""A path to a broker that fell silent is noticed after at most twice that and 2 s."""
LANES: Final[tuple[Lane, Lane]] = ("alarm", "telemetry")
_ANNOUNCE_S: Final = 1.5
"""How long the first heartbeat of a new owner may take to reach both brokers, before it acts without one of them."""
_SUBSCRIPTIONS: Final = (
    topics.ALL_ALARMS,
    topics.ALL_STATUS,
    topics.ALL_REPLIES,
    topics.ALL_BELLS,
    topics.HEARTBEAT,
)

_log = logging.getLogger("siaga.desk")


class Lanes:
    """Both brokers. It is the desk's outlet; `desk` is set before it runs.

    Args:
        config: What was read from the configuration files.
        owner: What keeps the desk the owner, where it is one of two.
        loaded: Whether the past is known.
        changed: Called when a connection stands, or was lost.
    """

    def __init__(
        self, config: Desk, owner: Owner | None, *, loaded: Callable[[], bool], changed: Callable[[], None]
    ) -> None:
        self.desk: DutyDesk
        self.connected = {lane: asyncio.Event() for lane in LANES}
        """Set once a lane was connected."""
        self.namesakes = Namesakes(config.name, paired=owner is not None, monotonic_ns=time.monotonic_ns)
        self._config = config
        self._owner = owner
        self._loaded = loaded
        self._changed = changed
        self._ungreeted: set[Lane] = set(LANES)
        self._outbound: dict[Lane, Outbound] = {
            lane: Outbound(self._session(lane, config.brokers[lane]), self._lamp_message, self.may_act)
            for lane in LANES
        }

    def send(self, topic: str, body: bytes) -> None:
        """Send a message soon, on both brokers."""
        for outbound in self._outbound.values():
            outbound.send(topic, body)

    def lamps(self, device: str) -> None:
        """Send the lamps of a device soon, on both brokers."""
        for outbound in self._outbound.values():
            outbound.lamps(device)

    def may_act(self) -> bool:
        """Return whether what this desk says may go out now."""
        return self._owner is None or self._owner.tenure.good

    @property
    def faults(self) -> dict[Lane, str]:
        """What a person must mend at a broker."""
        return {lane: fault for lane, each in self._outbound.items() if (fault := each.fault) is not None}

    @property
    def parts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What runs, each for ever but `announce`."""
        parts: dict[str, Callable[[], Awaitable[None]]] = {"heartbeat": self._heartbeats, "lamps": self._lamp_rounds}
        if self._owner is not None:
            parts["announce"] = partial(self._announce, self._owner)
        for lane, outbound in self._outbound.items():
            parts[f"session-{lane}"] = outbound.session.run
            parts |= {f"outbound-{lane}-{number}": outbound.work for number in range(WORKERS)}
        return parts

    def greet(self) -> None:
        """Let each box know of this run of the desk, so that it sends again at once what waits for a receipt."""
        if not self._loaded():
            return
        for lane in [lane for lane in self._ungreeted if self._outbound[lane].session.connected]:
            self._ungreeted.discard(lane)
            for device in self.desk.devices():
                self._outbound[lane].lamps(device)

    async def tell_alive(self) -> None:
        """Tell both brokers that the desk lives."""
        for lane in LANES:
            with contextlib.suppress(LinkError):
                await self._tell_alive_on(lane)

    # Heartbeats and lamps

    async def _heartbeats(self) -> None:
        while True:
            await self.tell_alive()
            await asyncio.sleep(HEARTBEAT_S)

    async def _tell_alive_on(self, lane: Lane, qos: int = 0) -> None:
        """Tell one broker.

        Raises:
            LinkError: It was not told.
        """
        if self._owner is None or self._owner.tenure.may_beat:
            await self._outbound[lane].session.publish(topics.HEARTBEAT, self._heartbeat(), qos=qos)

    def _heartbeat(self) -> bytes:
        """Return a heartbeat that is about to go out."""
        beat = self.desk.heartbeat()
        self.namesakes.sent(beat.timestamp_ns)
        if self._owner is not None:
            beat = beat.model_copy(update={"epoch": self._owner.tenure.epoch})
            self._owner.tenure.beat(beat.timestamp_ns)
        return encode(beat)

    async def _announce(self, owner: Owner) -> None:
        """Tell both brokers who owns from now on, before anything else goes out."""

        async def tell(lane: Lane) -> None:
            await self.connected[lane].wait()
            await self._tell_alive_on(lane, qos=1)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ANNOUNCE_S):
                await asyncio.gather(*(tell(lane) for lane in LANES), return_exceptions=True)
        owner.tenure.announce()

    async def _lamp_rounds(self) -> None:
        while True:
            await asyncio.sleep(LAMPS_S)
            for device in self.desk.devices():
                self.lamps(device)

    def _lamp_message(self, device: str) -> tuple[str, bytes]:
        return topics.lamp(device), encode(self.desk.lamps(device))

    # Sessions

    def _session(self, lane: Lane, broker: Endpoint) -> Session:
        return Session(
            broker,
            self._config.name,
            subscriptions=_SUBSCRIPTIONS + ((topics.ALL_REPORTS,) if lane == "telemetry" else ()),
            on_message=partial(self._hear, lane),
            on_connect=lambda: self._on_connect(lane),
            on_disconnect=lambda: self._link(lane, False),
            keep_alive_s=KEEP_ALIVE_S,
        )

    def _hear(self, lane: Lane, topic: str, body: bytes, retained: bool) -> None:
        if topic == topics.HEARTBEAT:
            if not retained:
                self._hear_heartbeat(body)
            return
        try:
            self.desk.hear(lane, topic, body, retained)
        except Exception:  # noqa: BLE001 - one message, whatever is in it, must not keep the desk from hearing the next
            _log.exception("a message on %s was not understood", topic)

    def _hear_heartbeat(self, body: bytes) -> None:
        with contextlib.suppress(BodyError):
            beat = decode(Heartbeat, body)
            self.namesakes.hear(beat)
            if self._owner is not None:
                self._owner.hear(beat)

    def _on_connect(self, lane: Lane) -> None:
        self.connected[lane].set()
        self._link(lane, True)
        outbound = self._outbound[lane]
        if self._owner is None:
            outbound.send(topics.HEARTBEAT, self._heartbeat())  # the bell counts the seconds
        if lane == "telemetry":
            outbound.send(topics.INVENTORY, encode(self._config.inventory), retain=True)
        for incident in self.desk.board.active():
            message = incident_message(incident, self.desk.places, self.desk.ledger.head)
            outbound.send(topics.INCIDENT, encode(message))
            if incident.device is not None:
                outbound.lamps(incident.device)
        self.greet()

    def _link(self, lane: Lane, up: bool) -> None:
        if self._owner is not None:
            self._owner.tenure.link(lane, up)
        self.desk.link(lane, up)
        self._changed()
