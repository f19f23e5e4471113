"""Channels that call a room or a street: the siren and the beacon at boxes, by commands that each box answers.

A page sounds every box's siren for `seconds`, and the next one again; when nothing is unanswered any more, those that
this channel let go are silenced. A test is quiet: it tells the boxes to be silent, which goes the whole way to the
siren's own guard and back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal

from duty_desk.channels.channel import Handed, Page, Tell
from duty_desk.commander import Commander
from duty_desk.errors import ChannelError, NotCommandedError

SECONDS: Final[dict[str, int]] = {"siren": 30, "beacon": 120}
"""How long each goes on one page, in seconds, unless the box's `most_s` is less."""
_LOOK_S: Final = 0.25


class SirenChannel:
    """The sirens, or the beacons, of the boxes named. It sounds for what is real only, whoever asks.

    Args:
        name: `siren` or `beacon`.
        devices: The boxes, at least one.
        commander: Commands them.
        unanswered: Whether anything is unanswered now.
        monotonic_s: The monotonic clock.
    """

    personal: Final = False

    def __init__(
        self,
        name: Literal["siren", "beacon"],
        devices: Sequence[str],
        commander: Commander,
        unanswered: Callable[[], bool],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name: Literal["siren", "beacon"] = name
        self._devices = tuple(devices)
        self._commander = commander
        self._unanswered = unanswered
        self._monotonic_s = monotonic_s
        self._until_s = 0.0
        self._sounded = asyncio.Event()

    @property
    def name(self) -> str:
        """Its name in settings, ledger and pages."""
        return self._name

    def reaches(self, who: str) -> bool:
        """Return that it goes to nobody."""
        return False

    async def send(self, page: Page) -> Handed:
        """Let the boxes sound; return once they answered.

        Raises:
            ChannelError: None of them does; in a test, one of them would not.
        """
        test = page.status != "Actual"
        if test and self._monotonic_s() < self._until_s:
            return Handed("in use")
        if not test:
            self._until_s = self._monotonic_s() + SECONDS[self._name]
            self._sounded.set()
        told = await asyncio.gather(*(self._tell(device, on=not test) for device in self._devices))
        wrong = [each for each in told if each is not None]
        if wrong and (test or len(wrong) == len(told)):
            raise ChannelError("; ".join(wrong))
        return Handed(f"{len(told) - len(wrong)} of {len(told)}" if wrong else None)

    async def run(self, tell: Tell) -> None:
        """Silence what sounds once it is answered, for ever; nothing else comes back."""
        while True:
            await self._sounded.wait()
            while self._unanswered() and self._monotonic_s() < self._until_s:  # noqa: ASYNC110 - the board tells nobody
                await asyncio.sleep(_LOOK_S)
            self._sounded.clear()
            if self._monotonic_s() < self._until_s:
                self._until_s = 0.0
                await asyncio.gather(*(self._tell(device, on=False) for device in self._devices))

    async def _tell(self, device: str, *, on: bool) -> str | None:
        """Return what went wrong, in words without names of people."""
        command = self._commander.make(self._name, device, on=on, seconds=SECONDS[self._name] if on else 0)
        try:
            reply = await self._commander.ask(command)
        except NotCommandedError as error:
            return str(error)
        return None if reply.outcome == "done" else f"{device}: {reply.outcome}: {reply.detail or ''}".rstrip(": ")
