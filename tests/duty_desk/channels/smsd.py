"""A real gammu-smsd on a modem of ours, for tests."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from contract.identity import new_event_id
from duty_desk.channels.channel import Page, Report
from duty_desk.channels.contacts import Contacts
from duty_desk.channels.sms.channel import Sms
from duty_desk.channels.sms.settings import DATABASE, SmsSettings, smsd_config
from duty_desk.channels.sms.spool import Spool
from siaga.stack.process import Process
from simulator.modem.modem import Modem
from simulator.modem.network import Network, Weather
from simulator.modem.service import ModemService, running

NUMBERS = {"petugas-1": "+628115550110", "petugas-2": "+62 811-5550-120"}


def page(who: str = "petugas-1", incident: str | None = None, title: str = "Tombol darurat: Jl. Braga 10") -> Page:
    """Return a page about an incident, or the test of the channel."""
    return Page(
        id=new_event_id(),
        who=who,
        display="Petugas 1",
        status="Test" if incident is None else "Actual",
        title=title,
        text=f"{title}. Pukul 21:04:05 WIB. Lewat Jl. Lembong.",
        incident_id=incident,
        path="/",
        expires_ns=time.time_ns() + 600 * 10**9,
    )


class Rig:
    """The channel, its modem, and what it told."""

    def __init__(self, folder: Path, modem: ModemService, contacts: Contacts) -> None:
        self.folder = folder
        self.service = modem
        self.modem = modem.modem
        self.contacts = contacts
        self.spool = Spool(folder / DATABASE)
        self.over: set[str] = set()
        self.reports: list[Report] = []
        self.settings = SmsSettings(modem=str(folder / "modem"))
        config = folder / "smsdrc"
        config.write_text(smsd_config(self.settings, folder / DATABASE).replace("syslog", str(folder / "smsd.log")))
        self.smsd = Process(["gammu-smsd", "-c", str(config)], name="gammu-smsd", folder=folder)
        self._tty = ""
        self.sms = self._channel()
        self._running = asyncio.create_task(self.sms.run(self.reports.append))

    async def stop(self) -> None:
        """End the channel."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def restart(self) -> None:
        """Begin anew on the same files, as after a restart of the desk."""
        await self.stop()
        self.sms = self._channel()
        self._running = asyncio.create_task(self.sms.run(self.reports.append))

    def _channel(self) -> Sms:
        return Sms(
            self.folder / DATABASE,
            self.contacts,
            self.settings,
            "id",
            now_ns=time.time_ns,
            monotonic_s=time.monotonic,
            unanswered=lambda incident: incident not in self.over,
        )

    async def start(self) -> None:
        """Plug the modem in, start gammu-smsd anew, and wait until it has the modem and is about to ask it things."""
        self.modem.silent = False
        self.service.plug()
        self._tty = os.readlink(self.service.link)
        self.smsd.kill()
        with closing(sqlite3.connect(self.folder / DATABASE, isolation_level=None)) as database:
            database.execute("DELETE FROM phones")
        self.smsd.start()
        await self.until(lambda: self.spool.life().stamp is not None, 30)

    async def well(self) -> None:
        """Wait until all is well, whatever the test before left: a modem that has answered, and fair weather."""
        self.over.clear()
        self.modem.network.weather = Weather()
        self.modem.fail_next.clear()
        plugged = self.service.plugged and os.readlink(self.service.link) == self._tty
        if not plugged or self.modem.silent or not self.smsd.running:
            await self.start()
        await self.until(lambda: (self.spool.life().signal or 0) > 0, 30)

    async def until(self, true: Callable[[], bool], within_s: float = 15) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(within_s):
            while not true():  # noqa: ASYNC110 - other processes tell nobody
                await asyncio.sleep(0.05)


@asynccontextmanager
async def rig(folder: Path, weather: Weather | None = None, seed: int = 1) -> AsyncIterator[Rig]:
    """Yield a channel whose modem is there; gammu-smsd is not started yet."""
    contacts = Contacts(folder / "contacts.db")
    for who, number in NUMBERS.items():
        await contacts.set(who, "sms", number, 1)
    async with running(Modem(Network(weather or Weather(), seed)), folder / "modem") as modem:
        made = Rig(folder, modem, contacts)
        try:
            yield made
        finally:
            await made.stop()
            made.spool.close()
            made.smsd.kill()
