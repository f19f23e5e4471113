"""The bell's own SMS: by a modem at the bell, as the desk and its modem may be what is dead.

Each text goes to all numbers at once, each attempt for SEND_S at most, through a channel of the desk's own kind
(`channels/channel.py`). A flood of causes is one text each PAUSE_S, which tells how many they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Final

from contract.identity import new_event_id
from contract.inventory import Inventory
from contract.messages import AlertStatus
from duty_desk.bell.judge import Cause
from duty_desk.bell.words import Language, sms_text, test_text, title
from duty_desk.channels.channel import SEND_S, Channel, ChannelError, Handed, Page, Tell

PAUSE_S: Final = 20.0
MAX_WAITING: Final = 1_000
MAX_TRIES: Final = 10
"""Of a text that nobody could be sent; then the siren is all there is."""
_EXPIRES_NS: Final = 3_600 * 10**9
_INJECT: Final = "gammu-smsd-inject"
_log = logging.getLogger("siaga.bell.sms")


class GammuInject:
    """Hands SMS to the gammu-smsd of this machine by its own command. An account's name is its number.

    Args:
        config: gammu-smsd's configuration file.
    """

    name = "sms"
    personal = True

    def __init__(self, config: Path) -> None:
        self._config = config

    def reaches(self, who: str) -> bool:
        """Return whether it has an address of this account: it is one."""
        return who.startswith("+")

    async def send(self, page: Page) -> Handed:
        """Hand a page over to gammu-smsd, which sends it when it can.

        Raises:
            ChannelError: It did not take it.
        """
        argv = [_INJECT, "-c", str(self._config), "TEXT", page.who or "", "-text", f"{page.title} {page.text}"]
        try:
            child = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except FileNotFoundError:
            raise ChannelError("gammu-smsd is not installed: apt install gammu-smsd") from None
        try:
            told, _ = await child.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            raise
        if child.returncode != 0:
            last = told.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
            raise ChannelError(f"{_INJECT}: {last[0][:120]}; look at {self._config}")
        return Handed()

    async def run(self, tell: Tell) -> None:
        """Nothing comes back by this way."""
        await asyncio.Event().wait()


class Texting:
    """Sends what the bell has to say.

    Args:
        channel: How.
        numbers: To whom.
        language: In which language.
        zone: The city's, in which times are told.
        inventory: Returns where things are.
        now_ns: The centre's clock.
    """

    def __init__(
        self,
        channel: Channel,
        numbers: Sequence[str],
        language: Language,
        zone: tzinfo,
        inventory: Callable[[], Inventory],
        now_ns: Callable[[], int],
    ) -> None:
        self.fault: str | None = None
        self.sent = 0
        self._channel = channel
        self._numbers = tuple(numbers)
        self._language: Language = language
        self._zone = zone
        self._inventory = inventory
        self._now_ns = now_ns
        self._waiting: list[Cause] = []
        self._wake = asyncio.Event()

    def say(self, causes: Sequence[Cause]) -> None:
        """Tell of causes soon."""
        self._waiting.extend(causes[: MAX_WAITING - len(self._waiting)])
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        tries = 0
        while True:
            await self._wake.wait()
            self._wake.clear()
            causes, self._waiting = self._waiting, []
            text = sms_text(causes, self._inventory(), self._language, self._now_ns(), self._zone)
            try:
                await self._send(text, "Actual")
                tries = 0
            except ChannelError as error:
                _log.error("no SMS went out: %s", error)
                tries += 1
                if tries < MAX_TRIES:
                    self._waiting[:0] = causes
                    self._wake.set()
                else:
                    tries = 0
            await asyncio.sleep(PAUSE_S)

    async def test(self) -> None:
        """Send a text that says it is a test.

        Raises:
            ChannelError: Nobody could be sent it.
        """
        await self._send(test_text(self._language), "Test")

    async def _send(self, text: str, status: AlertStatus) -> None:
        faults = await asyncio.gather(*(self._one(number, text, status) for number in self._numbers))
        wrong = [fault for fault in faults if fault is not None]
        self.fault = wrong[0] if wrong else None
        self.sent += len(faults) - len(wrong)
        if len(wrong) == len(faults):
            raise ChannelError(wrong[0])

    async def _one(self, number: str, text: str, status: AlertStatus) -> str | None:
        expires_ns = time.time_ns() + _EXPIRES_NS
        page = Page(new_event_id(), number, "", status, title(self._language), text, None, "/", expires_ns)
        try:
            async with asyncio.timeout(SEND_S):
                await self._channel.send(page)
        except ChannelError as error:
            return f"sms: {error}"[:200]
        except TimeoutError:
            return f"sms: no answer within {SEND_S:g} s"
        return None
