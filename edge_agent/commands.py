"""Which commands a box obeys. Pure: bodies and monotonic time go in, verdicts come out.

Rules:
- Obeyed is what a key in `command_keys` signed for this box as a command, that has not expired, and whose id was not
  obeyed before. An id that was is answered again as before, and nothing is done: both brokers bring each command.
- A box whose clock nobody has told obeys nothing: it cannot know what has expired, and whoever kept an old command
  could sound its siren with it. The centre's time comes with the first lamp state, within a second of the connection,
  and the desk sends its command again meanwhile.
- Of two commands for one output the one that was signed later counts, in whatever order they arrive.
- What nobody we trust signed is told so, a few times a minute: that is how a wrong key is found. It is never
  remembered, or a forger could use up the id of a command to come.
- At most `MOST_KNOWN` ids are remembered, each at least until it has expired.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from pydantic import ValidationError

from contract.command import KIND, MAX_COMMAND_BYTES, MAX_LIFE_NS, claimed_id
from contract.errors import SignedError
from contract.messages import Command, CommandName, CommandOutcome, CommandReply, first_fault
from contract.signed import Document, verify
from edge_agent.clock import Clock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST_KNOWN: Final = 256
REFUSALS: Final = 10
"""Answers to what nobody we trust signed, within `REFUSALS_NS`."""
REFUSALS_NS: Final = 60 * 10**9
_NAMES: Final = get_args(CommandName)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a body.

    `do` is to be done, and `Judge.done` told how it went. `reply` is to be sent at once; `again` says that it was sent
    before. `fault` is counted.
    """

    do: Command | None = None
    reply: CommandReply | None = None
    again: bool = False
    fault: str | None = None


@dataclass(slots=True)
class _Known:
    expires_at_ns: int
    reply: CommandReply | None = None


class Judge:
    """Judges the commands that arrive at a box.

    Args:
        device: The box's name.
        clock: Its clock.
    """

    def __init__(self, device: str, clock: Clock) -> None:
        self.keys: Sequence[Ed25519PublicKey] = ()
        self._device = device
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._latest: dict[str, int] = {}
        self._refused_ns: deque[int] = deque(maxlen=REFUSALS)

    def judge(self, body: bytes, monotonic_ns: int) -> Verdict:
        """Return what to do about a body that arrived; it raises nothing."""
        if len(body) > MAX_COMMAND_BYTES:
            return Verdict(fault="command: oversize")
        try:
            document = verify(body, self.keys, device=self._device, kind=KIND, newer_than=None)
        except SignedError as error:
            return self._refuse_forged(body, error, monotonic_ns)
        event_id = claimed_id(body)
        if event_id is None:
            return Verdict(fault="command: without an id")
        known = self._known.get(event_id)
        if known is not None:
            return Verdict(reply=known.reply, again=True)
        return self._judge_new(event_id, document, monotonic_ns)

    def done(self, command: Command, outcome: CommandOutcome, detail: str | None, monotonic_ns: int) -> CommandReply:
        """Take note of how a command went, and return the reply."""
        reply = self._reply(command.id, outcome, detail, monotonic_ns)
        if (known := self._known.get(command.id)) is not None:
            known.reply = reply
        return reply

    def _judge_new(self, event_id: str, document: Document, monotonic_ns: int) -> Verdict:
        content = document.content
        if not self._clock.trusted:
            words = "clock not trusted: it needs NTP, a GPS fix, or the centre's link; send it again"
            return Verdict(reply=self._reply(event_id, "refused", words, monotonic_ns), fault="command: no clock")
        now_ns = self._clock.time_ns(monotonic_ns)
        try:
            command = Command.model_validate(content)
        except ValidationError as error:
            outcome: CommandOutcome = "refused" if content.get("command") in _NAMES else "unknown"
            return Verdict(reply=self._reply(event_id, outcome, first_fault(error), monotonic_ns))
        if command.device != self._device:
            words = f"other device: for {command.device}, and this is {self._device}"
            return Verdict(reply=self._reply(event_id, "refused", words, monotonic_ns), fault="command: other device")
        if command.expires_at_ns < now_ns:
            late_s = (now_ns - command.expires_at_ns) / 1e9
            words = f"{late_s:.1f} s too late by this box's clock ({self._clock.source}); is the desk's clock right?"
            return Verdict(reply=self._reply(event_id, "expired", words, monotonic_ns), fault="command: expired")
        if command.expires_at_ns > now_ns + MAX_LIFE_NS:
            words = f"expires more than {MAX_LIFE_NS // 10**9} s from now; are the desk's clock and this box's right?"
            return Verdict(reply=self._reply(event_id, "refused", words, monotonic_ns), fault="command: lives too long")
        if not self._has_room(now_ns):
            words = f"more than {MOST_KNOWN} commands at once; wait two minutes"
            return Verdict(reply=self._reply(event_id, "refused", words, monotonic_ns), fault="command: too many")
        self._known[event_id] = _Known(command.expires_at_ns)
        if command.command in ("siren", "beacon"):
            if document.version <= self._latest.get(command.command, -1):
                reply = self.done(command, "refused", "overtaken: a later command for it came before", monotonic_ns)
                return Verdict(reply=reply)
            self._latest[command.command] = document.version
        return Verdict(do=command)

    def _refuse_forged(self, body: bytes, error: SignedError, monotonic_ns: int) -> Verdict:
        fault = f"command: {error.reason}"
        event_id = claimed_id(body)
        often = len(self._refused_ns) == REFUSALS and monotonic_ns - self._refused_ns[0] < REFUSALS_NS
        if event_id is None or often:
            return Verdict(fault=fault)
        self._refused_ns.append(monotonic_ns)
        words = f"{error.reason}: {error.detail}" if error.detail else error.reason
        return Verdict(reply=self._reply(event_id, "refused", words, monotonic_ns), fault=fault)

    def _has_room(self, now_ns: int) -> bool:
        if len(self._known) >= MOST_KNOWN:
            for event_id, known in list(self._known.items()):
                if known.expires_at_ns < now_ns:
                    del self._known[event_id]
        return len(self._known) < MOST_KNOWN

    def _reply(self, event_id: str, outcome: CommandOutcome, detail: str | None, monotonic_ns: int) -> CommandReply:
        return CommandReply(
            device=self._device,
            id=event_id,
            outcome=outcome,
            detail=None if detail is None else detail[:500],
            timestamp_ns=self._clock.time_ns(monotonic_ns),
        )
