"""The desk of two that owns what happens: it keeps its lease, tells of itself, and looks for the other.

Rules:
- The lease is renewed each second by a connection of its own, which is given up when an answer takes too long.
- One that hears no broker leaves the lease to a standby that reaches one.
- Every way out asks `tenure.good` first: the brokers (`outbound.py`), the steps, and each channel (`Gated`).
- Files go to the other desk by another connection, so that no large one is in the way of a renewal.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection as Transaction

from contract.messages import Heartbeat
from duty_desk.channels.channel import Channel, Handed, Page, Tell
from duty_desk.ledger.place import Server
from duty_desk.pair import shared
from duty_desk.pair.keys import marks
from duty_desk.pair.memory import Memory
from duty_desk.pair.mirror import Mirror
from duty_desk.pair.rounds import Rounds
from duty_desk.pair.shared import Link, Standing
from duty_desk.pair.tenure import PATIENCE_NS, Tenure

if TYPE_CHECKING:
    import psycopg

    from duty_desk.settings import Desk

RENEW_S: Final = 1.0
TICK_S: Final = 0.2
FILES_S: Final = 3.0
MISSING_S: Final = 30.0
"""A standby that told nothing of itself for so long is a fault."""
SETTLED_S: Final = 60.0
"""A desk that took over from itself and owned for so long may do so again."""
_FILES_PATIENCE_NS: Final = 20 * 10**9
_SEEN_MS: Final = 3_000
"""How long ago the other desk told of itself at most, where the lease is left to it."""
_GATE_S: Final = 0.05
_END_S: Final = 2.0
_SETTLES_S: Final = 5.0
_MAY_NOT: Final = "tidak boleh bertindak: basis data dan broker tidak terjangkau / may not act: no database, no broker"
NOBODY: Final = "standby"
"""What the fault is called while no other desk was ever seen."""

_log = logging.getLogger("siaga.desk.pair")


class Owner:
    """What keeps this desk the owner.

    Args:
        config: The desk.
        tenure: Whether it may act.
        mirror: Its files, as the other has them.
        memory: What it remembers of its own.
    """

    def __init__(self, config: Desk, tenure: Tenure, mirror: Mirror, memory: Memory) -> None:
        assert config.settings.pair is not None
        assert isinstance(config.ledger, Server)
        self.tenure = tenure
        self._config = config
        self._pair = config.settings.pair
        self._mirror = mirror
        self._memory = memory
        self._server = config.ledger
        self._link = Link(config.ledger)
        self._files_link = Link(config.ledger, statement_ms=15_000)
        self._renewing = Rounds("desk-lease", RENEW_S, self._renew)
        self._mirroring = Rounds("desk-files", FILES_S, self._push)
        self._began_s = time.monotonic()
        self._other: Standing | None = None

    def start(self) -> None:
        """Begin to renew and to mirror."""
        self._renewing.start()
        self._mirroring.start()

    def stop(self) -> None:
        """End; give the lease back, so that the other takes over at once. One that was lost is forgotten."""
        self._mirroring.stop()
        self._renewing.stop()
        for link in (self._link, self._files_link):
            link.give_up(0)
            link.close()
        # A server that stands still keeps no process from its end.
        ending = threading.Thread(target=self._give_back, name="desk-lease-end", daemon=True)
        ending.start()
        ending.join(_END_S)

    def fence(self, transaction: Transaction) -> None:
        """Let nobody write but the owner.

        Raises:
            LeaseLostError: Another desk has taken over.
        """
        shared.fence(transaction, self.tenure.name, self.tenure.epoch)

    def fenced(self) -> None:
        """The ledger refused to be written by this desk."""
        self.tenure.lose("the ledger is another desk's")

    def hear(self, beat: Heartbeat) -> None:
        """Take a heartbeat that a broker brought just now."""
        if beat.epoch is not None:
            self.tenure.heard(beat.desk, beat.epoch, beat.timestamp_ns)

    async def tick(self) -> None:
        """Let time pass, for ever."""
        while True:
            self.tenure.tick()
            self._link.give_up(PATIENCE_NS)
            self._files_link.give_up(_FILES_PATIENCE_NS)
            await asyncio.sleep(TICK_S)

    def gated(self, channels: Iterable[Channel]) -> list[Channel]:
        """Return channels that send nothing while this desk may not act."""
        return [Gated(channel, self.tenure) for channel in channels]

    def wrong(self) -> dict[str, str]:
        """Return what is wrong with the pair, by the desk it is about, for the pages."""
        owned_s = time.monotonic() - self._began_s
        told = wrong(self.tenure.name, self._other, self._mirror.fault, owned_s)
        return told if self.tenure.good or owned_s < _SETTLES_S else told | {self.tenure.name: _MAY_NOT}

    # The threads

    def _give_back(self) -> None:
        link = Link(self._server)
        try:
            if self.tenure.lost is None:
                link.call(lambda connection: shared.give_back(connection, self.tenure.name, self.tenure.epoch))
            self._memory.epoch = None
            self._memory.save()
        except Exception as error:  # noqa: BLE001 - at the end of a process nothing is left to do about it
            _log.warning("the lease was not given back: %s; it lapses by itself", error)
        link.close()

    def _renew(self) -> None:
        if self.tenure.lost is not None or self.tenure.stuck:
            return
        asked_ns = self.tenure.asked()
        try:
            held = self._link.call(self._hold)
        except Exception:
            self.tenure.failed(asked_ns)
            raise
        if not held:
            self.tenure.lose("the lease is another desk's")
            return
        self.tenure.renewed(asked_ns)
        other = self._other
        if self.tenure.deaf and other is not None and other.hears and other.silent_ms < _SEEN_MS:
            self.tenure.lose(f"it hears no broker, and {other.name} does")
            self._link.call(lambda connection: shared.give_back(connection, self.tenure.name, self.tenure.epoch))

    def _hold(self, connection: psycopg.Connection[object]) -> bool:
        lease_ms = round(self._pair.lease_s * 1_000)
        if not shared.renew(connection, self.tenure.name, self.tenure.epoch, lease_ms):
            return False
        shared.stand(connection, Standing(self.tenure.name, self._pair.url, marks(self._config)))
        self._other = shared.other_than(connection, self.tenure.name)
        return True

    def _push(self) -> None:
        if self._memory.again and time.monotonic() - self._began_s > SETTLED_S:
            self._memory.again = False
            self._memory.save()
        if self.tenure.lost is None and not self.tenure.away:
            self._files_link.call(lambda connection: self._mirror.push(connection, self.tenure.name, self.tenure.epoch))


class Gated:
    """A channel whose pages wait until this desk may act; the pager's patience ends the wait."""

    def __init__(self, channel: Channel, tenure: Tenure) -> None:
        self._channel = channel
        self._tenure = tenure

    @property
    def name(self) -> str:
        """Its name."""
        return self._channel.name

    @property
    def personal(self) -> bool:
        """Whether it goes to a person."""
        return self._channel.personal

    def reaches(self, who: str) -> bool:
        """Return whether it has an address of this account."""
        return self._channel.reaches(who)

    async def send(self, page: Page) -> Handed:
        """Hand a page over, as the owner.

        Raises:
            ChannelError: It could not be.
        """
        while not self._tenure.good:  # noqa: ASYNC110 - time alone ends it, without an event
            await asyncio.sleep(_GATE_S)
        return await self._channel.send(page)

    async def run(self, tell: Tell) -> None:
        """Take in what comes back, for ever."""
        await self._channel.run(tell)


def wrong(name: str, other: Standing | None, copies: str | None, owned_s: float) -> dict[str, str]:
    """Return what is wrong with a pair, by the desk it is about.

    Args:
        name: The owner.
        other: What the other desk told last.
        copies: What is not mirrored.
        owned_s: For how long this one has owned.
    """
    told: dict[str, str] = {}
    if other is None:
        if owned_s > MISSING_S:
            told[NOBODY] = "meja piket cadangan belum pernah terlihat / no second desk was ever seen"
    elif owned_s > MISSING_S and other.silent_ms > MISSING_S * 1_000:
        told[other.name] = _silent(other.silent_ms // 1_000)
    elif other.fault is not None:
        told[other.name] = f"cadangan / standby: {other.fault}"
    if copies is not None:
        told[name] = f"salinan berkas / copies of files: {copies}"
    return told


def _silent(seconds: int) -> str:
    if seconds < 120:
        return f"cadangan tidak terlihat {seconds} s / standby not seen for {seconds} s"
    minutes = seconds // 60
    return f"cadangan tidak terlihat {minutes} mnt / standby not seen for {minutes} min"
