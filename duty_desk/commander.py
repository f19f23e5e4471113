"""Commands to boxes: signed, sent on both brokers, and what became of them.

Rules:
- Each command is told once, and once more after `AGAIN_S` if no box answered: it is the same command to the box, which
  does it once.
- A box whose siren or beacon is relied on (`watched`) and that refused, or gave no answer within `ANSWER_S`, is in
  `wrong` until one of them obeys again: a siren that would be silent is known before it is needed. The latest command
  to it counts: one before may have been overtaken.
- Time in which the desk itself stood still is nobody's silence: an answer may wait to be read.
- One that gave no answer is asked again once the box is there (`found`): to be silent, so not while anything sounds.
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
from duty_desk.within import within

_log = logging.getLogger("siaga.desk.commands")

ANSWER_S: Final = 4.5
"""How long a box may take to answer, in seconds: less than a channel may take."""
AGAIN_S: Final = 2.0
EXPIRES_NS: Final = 10 * 10**9
"""A command that arrives later than this after it was sent is not obeyed."""
MOST_WAITING: Final = 256
_STILL_NS: Final = 2 * 10**9
"""Two looks further apart than this: the desk stood still."""
_DESK: Final = "desk"
_NO_ANSWER: Final = "no answer"


class Outlet(Protocol):
    """What takes messages to both brokers; it must not block."""

    def send(self, topic: str, body: bytes) -> None:
        """Send a message soon."""


@dataclass(slots=True)
class _Waiting:
    command: Command
    body: bytes
    again_ns: int | None
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
        self._wrong: dict[str, tuple[str, CommandName]] = {}
        self._latest: dict[tuple[str, CommandName], str] = {}
        self._looked_ns = monotonic_ns()
        self.watched: frozenset[str] = frozenset()
        """The boxes whose sirens and beacons are relied on."""

    @property
    def able(self) -> bool:
        """Whether there is a key, without which no box obeys."""
        return self._key.key is not None

    @property
    def wrong(self) -> dict[str, str]:
        """What is wrong, by the name of the box; under `desk` why no box can be commanded. Empty: all is well."""
        if self._key.fault is not None:
            return {_DESK: self._key.fault}
        return {device: words for device, (words, _) in self._wrong.items()}

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
            self._wait(command, self._send(command), None)

    async def ask(self, command: Command) -> CommandReply:
        """Send a command, and return what the box made of it.

        Raises:
            NotCommandedError: There is no key, or no answer within `ANSWER_S`.
        """
        if self._key.key is None:
            raise NotCommandedError(self._key.fault or f"no command key: {MAKE_ONE}")
        answer: asyncio.Future[CommandReply] = asyncio.get_running_loop().create_future()
        body = self._send(command)
        self._wait(command, body, answer)
        try:
            if not await within(answer, AGAIN_S):
                self._again(command, body)
                if not await within(answer, ANSWER_S - AGAIN_S):
                    self._note(command, _NO_ANSWER)
                    raise NotCommandedError(f"no answer from {command.device}")
            return answer.result()
        finally:
            self._waiting.pop(command.id, None)

    def hear(self, device: str, body: bytes) -> None:
        """Take what a box answered; the answer to a pushed configuration is none of ours."""
        try:
            reply = decode(CommandReply, body)
        except BodyError:
            return
        waiting = self._waiting.get(reply.id)
        if reply.device != device or waiting is None or waiting.command.device != device:
            return
        if waiting.answer is None:
            del self._waiting[reply.id]
        elif not waiting.answer.done():
            waiting.answer.set_result(reply)
        wrong = None if reply.outcome == "done" else f"{reply.outcome}: {reply.detail or 'no reason told'}"
        self._note(waiting.command, wrong)

    def found(self, device: str) -> None:
        """Let a box that gave no answer, and is there now, be silent, so that it is known whether it obeys."""
        words, name = self._wrong.get(device, ("", None))
        if name is not None and words == _NO_ANSWER:
            self.tell(self.make(name, device, on=False))

    def round(self) -> None:
        """Look, each second or so, who gave no answer."""
        now_ns = self._monotonic_ns()
        still_ns = now_ns - self._looked_ns
        self._looked_ns = now_ns
        told = [(event_id, each) for event_id, each in self._waiting.items() if each.answer is None]
        for event_id, waiting in told:
            if still_ns > _STILL_NS:
                waiting.until_ns += still_ns
                if waiting.command.expires_at_ns < self._now_ns():
                    del self._waiting[event_id]  # whether it came is not known, and nobody obeys it any more
            elif now_ns >= waiting.until_ns:
                del self._waiting[event_id]
                self._note(waiting.command, _NO_ANSWER)
            elif waiting.again_ns is not None and now_ns >= waiting.again_ns:
                waiting.again_ns = None
                self._again(waiting.command, waiting.body)

    def _send(self, command: Command) -> bytes:
        assert self._key.key is not None
        now_ns = self._now_ns()
        self._version = max(self._version + 1, now_ns)
        body = seal(command, self._key.key, version=self._version, issued_at_ns=now_ns)
        self._outlet.send(topics.command(command.device), body)
        return body

    def _again(self, command: Command, body: bytes) -> None:
        if self._now_ns() < command.expires_at_ns:
            self._outlet.send(topics.command(command.device), body)

    def _wait(self, command: Command, body: bytes, answer: asyncio.Future[CommandReply] | None) -> None:
        now_ns = self._monotonic_ns()
        if _sounds(command) and command.device in self.watched:
            self._latest[command.device, command.command] = command.id
        again_ns = now_ns + int(AGAIN_S * 1e9) if answer is None else None
        self._waiting[command.id] = _Waiting(command, body, again_ns, now_ns + int(ANSWER_S * 1e9), answer)
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)

    def _note(self, command: Command, wrong: str | None) -> None:
        device = command.device
        if self._latest.get((device, command.command)) != command.id:
            return
        if wrong is None:
            self._wrong.pop(device, None)
        elif self._wrong.get(device) != (wrong, command.command):
            self._wrong[device] = (wrong, command.command)
            _log.error("a command to %s: %s", device, wrong)


def _sounds(command: Command) -> bool:
    return command.command in ("siren", "beacon")
