"""Commands to boxes: signed, sent on both brokers, and what became of them.

Rules:
- Each command is told once, and once more after `AGAIN_S` if no box answered: it is the same command to the box, which
  does it once.
- A box whose siren or beacon is relied on (`watched`) and that refused, or gave no answer within `ANSWER_S`, is in
  `wrong` until one of them obeys again: a siren that would be silent is known before it is needed.
- At most `MOST_WAITING` commands wait for an answer; of more, nothing is known but that they were sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from contract import topics
from contract.command import seal
from contract.errors import BodyError
from contract.identity import new_event_id
from contract.messages import Command, CommandName, CommandReply, decode
from duty_desk.command_key import MAKE_ONE, CommandKey
from duty_desk.errors import NotCommandedError
from duty_desk.incidents.clock import Now

_log = logging.getLogger("siaga.desk.commands")

ANSWER_S: Final = 4.5
"""How long a box may take to answer, in seconds: less than a channel may take."""
AGAIN_S: Final = 2.0
EXPIRES_NS: Final = 10 * 10**9
"""A command that arrives later than this after it was sent is not obeyed."""
MOST_WAITING: Final = 256
_DESK: Final = "desk"


class Outlet(Protocol):
    """What takes messages to both brokers; it must not block."""

    def send(self, topic: str, body: bytes) -> None:
        """Send a message soon."""


@dataclass(slots=True)
class _Waiting:
    device: str
    sounds: bool
    until_ns: int
    answer: asyncio.Future[CommandReply] | None


class Commander:
    """Commands boxes.

    Args:
        outlet: Takes messages to the brokers.
        key: What signs.
        now_ns: The centre's clock.
        monotonic_ns: The monotonic clock.
    """

    def __init__(self, outlet: Outlet, key: CommandKey, now_ns: Now, monotonic_ns: Callable[[], int]) -> None:
        self._outlet = outlet
        self._key = key
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self._version = 0
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._wrong: dict[str, str] = {}
        self.watched: frozenset[str] = frozenset()
        """The boxes whose sirens and beacons are relied on."""

    @property
    def able(self) -> bool:
        """Whether there is a key, without which no box obeys."""
        return self._key.key is not None

    @property
    def wrong(self) -> dict[str, str]:
        """What is wrong, by the name of the box; under `desk` why no box can be commanded. Empty: all is well."""
        return {_DESK: self._key.fault} if self._key.fault is not None else dict(self._wrong)

    def make(
        self, command: CommandName, device: str, *, on: bool = True, seconds: int = 0, button: str | None = None
    ) -> Command:
        """Return a new command that is good for 10 s."""
        return Command(
            id=new_event_id(),
            device=device,
            expires_at_ns=self._now_ns() + EXPIRES_NS,
            command=command,
            on=on,
            seconds=seconds,
            button=button,
        )

    def tell(self, command: Command) -> None:
        """Send a command; without a key nothing is sent. What becomes of it shows in `wrong`."""
        if self._key.key is not None:
            self._send(command)
            self._wait(command, None)

    async def ask(self, command: Command) -> CommandReply:
        """Send a command, and return what the box made of it.

        Raises:
            NotCommandedError: There is no key, or no answer within `ANSWER_S`.
        """
        if self._key.key is None:
            raise NotCommandedError(self._key.fault or f"no command key: {MAKE_ONE}")
        answer: asyncio.Future[CommandReply] = asyncio.get_running_loop().create_future()
        body = self._send(command)
        self._wait(command, answer)
        try:
            async with asyncio.timeout(ANSWER_S):
                try:
                    async with asyncio.timeout(AGAIN_S):
                        return await asyncio.shield(answer)
                except TimeoutError:
                    self._outlet.send(topics.command(command.device), body)
                return await answer
        except TimeoutError:
            self._note(command.device, _sounds(command), "no answer")
            raise NotCommandedError(f"no answer from {command.device}") from None
        finally:
            self._waiting.pop(command.id, None)

    def hear(self, device: str, body: bytes) -> None:
        """Take what a box answered; the answer to a pushed configuration is none of ours."""
        try:
            reply = decode(CommandReply, body)
        except BodyError:
            return
        waiting = self._waiting.get(reply.id)
        if reply.device != device or waiting is None or waiting.device != device:
            return
        if waiting.answer is None:
            del self._waiting[reply.id]
        elif not waiting.answer.done():
            waiting.answer.set_result(reply)
        wrong = None if reply.outcome == "done" else f"{reply.outcome}: {reply.detail or 'no reason told'}"
        self._note(device, waiting.sounds, wrong)

    def round(self) -> None:
        """Look, each second or so, who gave no answer."""
        now_ns = self._monotonic_ns()
        for event_id, waiting in list(self._waiting.items()):
            if waiting.answer is None and now_ns >= waiting.until_ns:
                del self._waiting[event_id]
                self._note(waiting.device, waiting.sounds, "no answer")

    def _send(self, command: Command) -> bytes:
        assert self._key.key is not None
        now_ns = self._now_ns()
        self._version = max(self._version + 1, now_ns)
        body = seal(command, self._key.key, version=self._version, issued_at_ns=now_ns)
        self._outlet.send(topics.command(command.device), body)
        return body

    def _wait(self, command: Command, answer: asyncio.Future[CommandReply] | None) -> None:
        until_ns = self._monotonic_ns() + int(ANSWER_S * 1e9)
        self._waiting[command.id] = _Waiting(command.device, _sounds(command), until_ns, answer)
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)

    def _note(self, device: str, sounds: bool, wrong: str | None) -> None:
        if not sounds or device not in self.watched:
            return
        if wrong is None:
            self._wrong.pop(device, None)
        elif self._wrong.get(device) != wrong:
            self._wrong[device] = wrong
            _log.error("a command to %s: %s", device, wrong)


def _sounds(command: Command) -> bool:
    return command.command in ("siren", "beacon")
