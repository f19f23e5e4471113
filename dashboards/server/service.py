"""The wall server's process: the web server, the store, and a session on each broker for incidents."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial

import uvicorn
from fastapi import FastAPI

from contract import topics
from contract.topics import Lane
from dashboards import traffic
from dashboards.guardian.guardian import Guardian
from dashboards.guardian.wiring import add_guardian, guardian_of
from dashboards.server.app import make_app
from dashboards.server.settings import Server
from dashboards.server.wall import Wall
from link import Endpoint, Session
from link.alive import signs_of_life
from link.notify import Notifier
from link.supervise import keep_running
from store import open_store


class Service:
    """One wall server, running.

    Args:
        server: What was read from the configuration files.
        notifier: Tells systemd.
    """

    def __init__(self, server: Server, notifier: Notifier | None = None) -> None:
        self._server = server
        self._notifier = notifier or Notifier({})
        self._faults: Counter[str] = Counter()
        self.wall: Wall | None = None
        self.app: FastAPI | None = None
        """What runs; None before it does."""

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Serve until `stop` is set; `ready` is called once the pages are served.

        Raises:
            OSError: The address cannot be taken.
        """
        http = self._server.settings.http
        sock = _listen(http.host, http.port)
        try:
            async with open_store(self._server.settings.store, self._server.account) as store:
                wall = self.wall = Wall(self._server, store)
                sessions = {lane: self._session(wall, lane, broker) for lane, broker in self._server.brokers.items()}
                guardian = guardian_of(wall, tuple(sessions.values()))
                app = self.app = make_app(wall)
                add_guardian(app, guardian)
                server = _Server(
                    uvicorn.Config(
                        app,
                        log_config=None,
                        access_log=False,
                        ws="none",
                        lifespan="off",
                        server_header=False,
                        proxy_headers=False,
                        timeout_graceful_shutdown=1,
                    )
                )
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(keep_running(name, part, self._faults), name=f"wall-{name}")
                        for name, part in self._parts(wall, guardian, sessions).items()
                    ]
                    serving = group.create_task(server.serve(sockets=[sock]), name="wall-http")
                    self._notifier.tell("READY=1")
                    ready()
                    stopping = group.create_task(stop.wait(), name="wall-stop")
                    await asyncio.wait((stopping, serving), return_when=asyncio.FIRST_COMPLETED)
                    if not stop.is_set():
                        raise RuntimeError("the web server ended")
                    self._notifier.tell("STOPPING=1")
                    wall.changed()
                    server.should_exit = True
                    for task in tasks:
                        task.cancel()
                    await serving
        finally:
            sock.close()

    def _parts(
        self, wall: Wall, guardian: Guardian, sessions: Mapping[Lane, Session]
    ) -> dict[str, Callable[[], Awaitable[None]]]:
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "watch": wall.watch,
            "guardian": guardian.run,
            "systemd": partial(self._tell_systemd, wall),
        }
        if wall.grafana is not None:
            parts["grafana"] = wall.grafana.run
        if self._server.traffic is not None:
            parts["traffic"] = self._traffic
        for lane, session in sessions.items():
            parts[f"session-{lane}"] = session.run
        return parts

    async def _tell_systemd(self, wall: Wall) -> None:
        """Tell that the loop turns. A store or broker that is away is told on the screens, and no restart mends it."""

        def words() -> str:
            away = [lane for lane, up in wall.brokers.items() if not up]
            return f"no {' and no '.join(away)} broker" if away else "serves the screens"

        await signs_of_life(self._notifier, words)

    async def _traffic(self) -> None:
        assert self._server.traffic is not None
        settings, account, streets = self._server.traffic
        async with (
            open_store(self._server.settings.store, self._server.account) as read,
            open_store(settings, account, others=True) as write,
        ):
            posts = {device.name for device in self._server.inventory.devices if device.site is not None}
            await traffic.run(read, write, streets, posts=posts)

    def _session(self, wall: Wall, lane: Lane, broker: Endpoint) -> Session:
        def link(up: bool) -> None:
            wall.brokers[lane] = up

        return Session(
            broker,
            self._server.settings.name,
            subscriptions=(topics.INCIDENT, topics.HEARTBEAT),
            on_message=wall.hear,
            on_connect=lambda: link(True),
            on_disconnect=lambda: link(False),
        )


class _Server(uvicorn.Server):
    """uvicorn's server, with the signals left to our own process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
