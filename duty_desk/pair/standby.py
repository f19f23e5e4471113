"""The desk of two that stands by: it looks at the lease twice a second, and takes over once nobody holds it.

Rules:
- Its sessions with the brokers hear nothing and say nothing: no heartbeat, receipt, retained message or will goes out.
  They are there to tell, while the owner is well, whether it could hear presses; and there are none where the owner may
  have the same account, as they would throw it out.
- It keeps a copy of the owner's files and says what it lacks, on its page, in the log and at the owner.
- While the database does not answer it takes over nothing. The one exception is the desk that owned when its process
  ended: started again, it goes on as it was, if no other is heard (`tenure.py`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from time import time as wall_s
from typing import TYPE_CHECKING, Final

import uvicorn

from duty_desk.ledger.place import Server as Database
from duty_desk.pair import shared, tables
from duty_desk.pair.keys import apart, marks, missing
from duty_desk.pair.memory import Memory
from duty_desk.pair.mirror import Mirror
from duty_desk.pair.page import Shown, make_app
from duty_desk.pair.reach import Reach
from duty_desk.pair.rounds import Rounds
from duty_desk.pair.shared import Link, Standing
from duty_desk.pair.tenure import PATIENCE_NS, Tenure, boottime_ns
from duty_desk.pair.watch import Sight, Watch
from duty_desk.serving import Server
from duty_desk.web.connections import Connection

if TYPE_CHECKING:
    import psycopg

    from duty_desk.settings import Desk

LOOK_S: Final = 0.5
_TELL_NS: Final = 10**9
_CLOCK_S: Final = 3.0
"""How far this desk's clock may be from the server's: after a take-over it tells since when an incident waits."""
_FILES_NS: Final = 2 * 10**9
_TABLES_PATIENCE_NS: Final = 20 * 10**9
"""How long a change of the tables may take."""
CLAIM_NS: Final = 3 * 10**9
"""How long the database may be away at a start before an owner goes on without it."""

_log = logging.getLogger("siaga.desk.pair")


class Standby:
    """A desk that stands by.

    Args:
        config: The desk.
        memory: What it remembers of its own.
        mirror: Its files.
    """

    def __init__(self, config: Desk, memory: Memory, mirror: Mirror) -> None:
        assert config.settings.pair is not None
        assert isinstance(config.ledger, Database)
        self._config = config
        self._pair = config.settings.pair
        self._database = config.ledger
        self._memory = memory
        self._mirror = mirror
        self._lease_ns = round(self._pair.lease_s * 1e9)
        self._watch = Watch(self._pair.name, self._lease_ns, memory.epoch, last=memory.again)
        self._link = Link(config.ledger, statement_ms=5_000)
        self._tables = Link(config.ledger, statement_ms=30_000)
        self._reach = Reach(config)
        self._began_ns = boottime_ns()
        self._ready = False
        self._answered = False
        self._told_ns = self._pulled_ns = 0
        self._told = ""
        self._lacks: str | None = None
        self._unread: str | None = None
        self._shown = Shown(self._pair.name, answers=False)
        self._loop = asyncio.get_running_loop()
        self._taken: asyncio.Future[Tenure] = self._loop.create_future()

    async def run(self, stop: asyncio.Event, sock: socket.socket) -> Tenure | None:
        """Stand by until the lease is this desk's, or `stop` is set; then return None.

        Args:
            stop: Ends it.
            sock: Where its page is served; it stays open.

        Raises:
            RuntimeError: The web server ended by itself; the process is to be started again.
        """
        looking = Rounds("desk-standby", LOOK_S, self._look)
        server = Server(
            uvicorn.Config(
                make_app(lambda: self._shown, self._config.settings.http.names),
                log_config=None,
                access_log=False,
                http=Connection,
                ws="none",
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[sock.dup()]), name="desk-standby-http")
        breaking = asyncio.create_task(self._break_off(), name="desk-standby-patience")
        stopping = asyncio.create_task(stop.wait(), name="desk-stop")
        looking.start()
        try:
            await asyncio.wait((self._taken, stopping, serving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            looking.stop()
            for link in (self._link, self._tables):
                link.give_up(0)
                link.close()
            breaking.cancel()
            stopping.cancel()
            server.should_exit = True
            await self._reach.stop()
            await serving
        if self._taken.done():
            return self._taken.result()
        if not stop.is_set():
            raise RuntimeError("the web server ended")
        return None

    def words(self) -> str:
        """Return how it is, in a few words."""
        shown = self._shown
        said = [f"stands by for {shown.owner or 'nobody known'}"]
        if not shown.answers:
            said.append("the database does not answer")
        if shown.fault is not None:
            said.append(shown.fault)
        return "; ".join(said)

    async def _break_off(self) -> None:
        while True:
            self._link.give_up(2 * PATIENCE_NS)
            self._tables.give_up(_TABLES_PATIENCE_NS)
            await asyncio.sleep(LOOK_S)

    # The thread

    def _look(self) -> None:
        if self._taken.done():
            return
        try:
            if not self._ready:
                self._make_tables()
            self._link.call(self._see)
        except Exception:
            self._shown = Shown(self._pair.name, self._shown.owner, self._shown.url, self._lacks, answers=False)
            self._claim()
            raise

    def _make_tables(self) -> None:
        # Tables as they should be need no lock: the lease is not to wait for whoever has the ledger's.
        if not self._link.call(tables.are_newest):
            self._tables.call(tables.make)
            self._tables.close()
        self._ready = True

    def _see(self, connection: psycopg.Connection[object]) -> None:
        now_ns = boottime_ns()
        sight = shared.see(connection)
        self._answered = True
        if self._watch.due(sight, now_ns) and self._take(connection, sight, now_ns):
            return
        if now_ns - self._pulled_ns >= _FILES_NS:
            self._pulled_ns = now_ns
            self._pull(connection)
        if now_ns - self._told_ns >= _TELL_NS:
            self._told_ns = now_ns
            self._tell(connection, sight)

    def _take(self, connection: psycopg.Connection[object], sight: Sight, now_ns: int) -> bool:
        name = self._pair.name
        epoch = shared.take(connection, sight, name, self._lease_ns // 1_000_000)
        if epoch is None:
            return False
        self._memory.again = (sight.holder, sight.epoch) == (name, self._memory.epoch)
        _log.warning("%s takes over from %s: epoch %d", name, sight.holder or "nobody", epoch)
        try:
            self._pull(connection)
        except Exception as error:  # noqa: BLE001 - it owns already: older files are better than nobody who acts
            self._unread = str(error)
        if self._unread is not None:
            _log.error("the owner's files are as they were last seen: %s", self._unread)
        self._begin(Tenure(name, epoch, self._lease_ns, renewed_ns=now_ns))
        return True

    def _claim(self) -> None:
        """Go on as the owner that this desk was when its process ended, as no database tells otherwise."""
        epoch = self._memory.epoch
        if epoch is None or self._answered or boottime_ns() - self._began_ns < CLAIM_NS or self._taken.done():
            return
        _log.warning("no database answers; %s goes on as the owner it was, if no other is heard", self._pair.name)
        self._begin(Tenure(self._pair.name, epoch, self._lease_ns, renewed_ns=None))

    def _begin(self, tenure: Tenure) -> None:
        self._memory.epoch = tenure.epoch
        try:
            self._memory.save()
        except OSError as error:
            _log.error("%s cannot be written: %s", self._memory.path, error)
        self._loop.call_soon_threadsafe(self._hand_over, tenure)

    def _hand_over(self, tenure: Tenure) -> None:
        if not self._taken.done():
            self._taken.set_result(tenure)

    def _pull(self, connection: psycopg.Connection[object]) -> None:
        try:
            taken = self._mirror.pull(connection)
        except OSError as error:
            self._unread = str(error)
            return
        self._unread = self._mirror.fault
        if taken:
            _log.info("taken over from the owner: %s", ", ".join(taken))

    def _tell(self, connection: psycopg.Connection[object], sight: Sight) -> None:
        own = marks(self._config)
        owner = shared.standing_of(connection, sight.holder)
        told = [None if owner is None else missing(own, owner.keys or {})]
        if sight.holder == self._pair.name:
            told = [f"nama {sight.holder} dipakai meja piket lain / another desk has the name {sight.holder}"]
        elif owner is not None and apart(own, owner.keys or {}):
            self._loop.call_soon_threadsafe(self._reach.start)
        if self._unread is not None:
            told.append(f"salinan berkas / copies of files: {self._unread}")
        ahead_s = wall_s() - sight.now_ms / 1_000
        if abs(ahead_s) > _CLOCK_S:
            told.append(f"jam {ahead_s:+.0f} s dari basis data / clock {ahead_s:+.0f} s from the database's")
        told += self._reach.wrong()
        self._lacks = "; ".join(each for each in told if each is not None) or None
        if self._lacks is not None and self._lacks != self._told:
            _log.error("as a standby it lacks: %s", self._lacks)
        self._told = self._lacks or ""
        self._shown = Shown(self._pair.name, sight.holder or None, None if owner is None else owner.url, self._lacks)
        if sight.holder != self._pair.name:
            shared.stand(connection, Standing(self._pair.name, self._pair.url, own, self._lacks, self._reach.any))
