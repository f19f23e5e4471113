"""Does what the desk commands: takes commands from both brokers, has them judged (`commands.py`), and answers.

Rules:
- The keys are read on a thread of their own, and again each minute: the card may stand still, and keys change. What
  cannot be read leaves those in force.
- What verifies signatures costs 7 MB, once, on a box that has `command_keys`; without them nothing is asked for.
- An answer goes out on both lanes; one that was asked for a second time, on the lane that asked.
- At most `MOST_AT_WORK` commands are under way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from contract.errors import ConfigError
from contract.messages import Command, CommandOutcome, encode
from contract.topics import Lane
from edge_agent.aside import aside
from edge_agent.clock import Clock
from edge_agent.errors import LineError
from edge_agent.inputs import ButtonState
from edge_agent.key_files import load_public_keys
from edge_agent.raiser import NotNowError, Raiser
from pins.output import Sounding

if TYPE_CHECKING:
    from edge_agent.commands import Judge

_log = logging.getLogger("siaga.edge.commands")

KEYS_AGAIN_S: Final = 60.0
MOST_AT_WORK: Final = 16
TRIAL_S: Final = 2.0
"""How long a driver may take for a press that is a test."""
_NOT_READY: Final = "commands: keys are not read yet"

Send = Callable[[tuple[Lane, ...], bytes], Coroutine[Any, Any, None]]


class LampTest(Protocol):
    """Starts a lamp test."""

    def __call__(self, button: str, monotonic_ns: int) -> str | None:
        """Start it; return why not."""
        ...


class CommandRunner:
    """The agent's part that obeys commands.

    Args:
        device: The box's name.
        clock: Its clock.
        keys: The file with the public keys of who may command it.
        outputs: Its siren and its beacon, by name.
        states: Its buttons.
        raiser: Makes test presses.
        lamp_test: Starts a lamp test.
        send: Sends an answer on lanes; returns when it went out or was lost.
        faults: Counts commands that were not obeyed, by reason.
        spawn: Starts a piece of work.
    """

    def __init__(
        self,
        device: str,
        clock: Clock,
        keys: Path,
        *,
        outputs: Mapping[str, Sounding],
        states: Mapping[str, ButtonState],
        raiser: Raiser,
        lamp_test: LampTest,
        send: Send,
        faults: Counter[str],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
    ) -> None:
        self._device = device
        self._clock = clock
        self._keys = keys
        self._outputs = outputs
        self._states = states
        self._raiser = raiser
        self._lamp_test = lamp_test
        self._send = send
        self._faults = faults
        self._spawn = spawn
        self._judge: Judge | None = None
        self._at_work = 0
        self.wrong: str | None = None
        """Why no command is obeyed, or the keys in force are not those of the file; None when all is well."""

    async def run(self) -> None:
        """Keep the keys up until cancelled."""
        while True:
            await aside(self._read_keys, "command-keys")
            await asyncio.sleep(KEYS_AGAIN_S)

    def hear(self, lane: Lane, body: bytes, retained: bool) -> None:
        """Take a command that arrived."""
        if retained:
            # Whoever retained it, it is not now.
            self._faults["command: retained"] += 1
            return
        if self._judge is None or not self._judge.keys:
            self._faults["command: no key"] += 1
            _log.error("a command is not obeyed: %s", self.wrong or _NOT_READY)
            return
        verdict = self._judge.judge(body, time.monotonic_ns())
        if verdict.fault is not None:
            self._faults[verdict.fault] += 1
            _log.error("%s%s", verdict.fault, "" if verdict.reply is None else f": {verdict.reply.detail}")
        if verdict.reply is not None:
            lanes: tuple[Lane, ...] = (lane,) if verdict.again else ("alarm", "telemetry")
            self._spawn(self._send(lanes, encode(verdict.reply)), "command-reply")
        if verdict.do is not None:
            self._spawn(self._carry_out(verdict.do), "command")

    async def _carry_out(self, command: Command) -> None:
        assert self._judge is not None
        outcome: CommandOutcome
        if self._at_work >= MOST_AT_WORK:
            detail: str | None
            outcome, detail = "refused", f"{MOST_AT_WORK} commands are under way"
        else:
            self._at_work += 1
            try:
                outcome, detail = await self._obey(command)
            except Exception as error:  # noqa: BLE001 - a supervisor: who commanded is to hear that it failed
                _log.exception("%s failed", command.command)
                self._faults["command: failed"] += 1
                outcome, detail = "refused", f"failed: {error!r}"
            finally:
                self._at_work -= 1
        _log.warning("command %s: %s%s", command.command, outcome, f", {detail}" if detail else "")
        reply = self._judge.done(command, outcome, detail, time.monotonic_ns())
        await self._send(("alarm", "telemetry"), encode(reply))

    async def _obey(self, command: Command) -> tuple[CommandOutcome, str | None]:
        if command.command in ("siren", "beacon"):
            return await self._sound(command)
        assert command.button is not None
        state = self._states.get(command.button)
        if state is None:
            return "unknown", f"no button {command.button!r}; it has: {', '.join(sorted(self._states)) or 'none'}"
        if command.command == "lamp_test":
            refused = self._lamp_test(command.button, time.monotonic_ns())
            if refused is None:
                return "done", None
            return "unknown" if refused == "no lamp" else "refused", refused
        return await self._press(command.button, state)

    async def _sound(self, command: Command) -> tuple[CommandOutcome, str | None]:
        output = self._outputs.get(command.command)
        if output is None:
            return "unknown", f"no {command.command}: box.toml has no table [{command.command}]"
        try:
            seconds = await output.set(command.on, command.seconds)
        except LineError as error:
            return "refused", str(error)
        return "done", f"{seconds:g} s" if command.on else "off"

    async def _press(self, button: str, state: ButtonState) -> tuple[CommandOutcome, str | None]:
        if state.wrong is not None:
            return "refused", f"button {button}: {state.wrong}"
        moment_ns = await state.trial.press(TRIAL_S)
        if moment_ns is None:
            return "refused", f"button {button}: {state.wrong or f'its driver made no press within {TRIAL_S:g} s'}"
        try:
            return "done", self._raiser.test(button, moment_ns)
        except NotNowError as error:
            return "refused", str(error)

    def _read_keys(self) -> None:
        from edge_agent.commands import Judge  # with what verifies signatures: 7 MB

        try:
            keys = load_public_keys("command_keys", self._keys, source="box.toml")
        except ConfigError as error:
            wrong = f"no key: {error.expected}"
            if wrong != self.wrong:
                self._faults["command keys unusable"] += 1
                _log.error("commands: %s", wrong)
            self.wrong = wrong
            return
        if self._judge is None:
            self._judge = Judge(self._device, self._clock)
        self._judge.keys = keys
        self.wrong = None
