"""The boards of a box: one link for all the buttons, lines, lamps and sirens of each.

Rules:
- A press is an event of the box at once; the board keeps it, and tells it again, until the outbox has committed it (or
  the desk has it). Which numbers are stored stands in the outbox beside the presses, in the same commit: a press is
  told once over restarts of the box, of the board, and of both.
- What is wrong with the board is one fault, of the board; its buttons have only their own.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Final

from edge_agent.board_outputs import BoardOutputs, Output
from edge_agent.drivers.board import BoardPart, NotMinded, Raised, Released
from edge_agent.drivers.board_button.driver import BoardButtons
from edge_agent.drivers.board_line.driver import BoardLines
from edge_agent.faults import reason
from edge_agent.inputs import SAME_PRESS_NS, ButtonState
from edge_agent.lamp import Lamp
from edge_agent.lamp import Pattern as LampPattern
from edge_agent.outbox.alarms import HeldButton
from edge_agent.waiting import Signal, wait_until
from firmware_bridge.commands import Answer
from firmware_bridge.errors import CommandError
from firmware_bridge.link import BoardLink
from firmware_bridge.messages import Beat, CommandKind, Hello, Pattern
from firmware_bridge.numbers import NumberLog, Stored
from firmware_bridge.session import Session, Told
from pins.errors import LineError

_log = logging.getLogger("siaga.edge.boards")

ANSWER_S: Final = 2.0
_SHOWN: Final[Mapping[LampPattern, Pattern]] = {
    "off": Pattern.OFF,
    "kept": Pattern.SLOW,
    "not_delivered": Pattern.FLASHES,
    "received": Pattern.FAST,
    "accepted": Pattern.SOLID,
}


def stored_of(numbers: list[int]) -> Stored:
    """Return what the outbox knows of a board's presses, as the link takes it."""
    log = NumberLog()
    for number in sorted(numbers):
        log.store(number)
    return log.stored


class Board:
    """One board.

    Args:
        port: Its port.
        inputs: Its buttons and lines, by the button's name in `box.toml`.
        boot: The kernel's boot id.
        faults: Counts each fault when it begins.
    """

    def __init__(self, port: str, inputs: Mapping[str, BoardPart], boot: str, faults: Counter[str]) -> None:
        self.port = port
        self.name = f"board {Path(port).name[:40]}"
        self.wrong: str | None = None
        """What is wrong with the board now, in words that say what to do."""
        self.inputs = inputs
        self._boot = boot
        self._faults = faults
        self._outputs = BoardOutputs()
        self._answered = Signal()
        self._link: BoardLink | None = None
        self._stored = Stored()
        self._states: Mapping[str, ButtonState] = {}
        self._anew = 0
        self._lines = BoardLines({}, {})
        self._buttons = BoardButtons(
            {part.index: name for name, part in inputs.items() if part.part == "button"},
        )

    def restored(self, held: Mapping[str, HeldButton], numbers: list[int], states: Mapping[str, ButtonState]) -> None:
        """Take what the outbox knows of earlier runs, and where each input shows how it is; before `run`."""
        self._stored = stored_of(numbers)
        self._states = states
        self._lines = BoardLines(
            {part.index: (name, part.tamper) for name, part in self.inputs.items() if part.part == "line"},
            {name: each.monotonic_ns + SAME_PRESS_NS for name, each in held.items() if each.boot == self._boot},
        )

    def press_stored(self, number: int) -> None:
        """Take that a press is where no power failure takes it: the board may forget it."""
        if self._link is not None:
            self._link.say(lambda session: session.press_stored(number))

    def use(self, output: Output) -> None:
        """Take that a lamp or siren is used: it is off until something else is wanted."""
        self._outputs.add(output)

    async def show(self, index: int, lamp: Lamp, changed: Signal) -> None:
        """Let a lamp of the board show what a button's lamp is to show, until cancelled."""
        output = Output(CommandKind.LAMP, index)
        self.use(output)
        while True:
            woken = changed.current
            now_ns = time.monotonic_ns()
            pattern, left_ns = lamp.pattern(now_ns)
            self._want(output, _SHOWN[pattern])
            lamp.wrong = self._outputs.wrong(output)
            await wait_until(woken, now_ns + (10**9 if left_ns is None else min(10**9, left_ns)))

    async def sound(self, index: int, uri: str, until_ns: int | None) -> None:
        """Let a siren go until a moment of the monotonic clock, or be silent; return once the board confirmed it.

        Raises:
            LineError: It does not, or nobody knows; then it is to be silent.
        """
        output = Output(CommandKind.SIREN, index)
        self._want(output, Pattern.OFF if until_ns is None else Pattern.SOLID, until_ns)
        give_up_ns = time.monotonic_ns() + round(ANSWER_S * 1e9)
        while not self._outputs.is_done(output):
            woken, refused = self._answered.current, self._outputs.wrong(output)
            if refused is not None or time.monotonic_ns() >= give_up_ns:
                self._want(output, Pattern.OFF)
                raise LineError(uri, refused or self.wrong or f"the board did not answer within {ANSWER_S:g} s")
            await wait_until(woken, give_up_ns)

    async def run(
        self,
        raised: Callable[[Raised], None],
        released: Callable[[str], None],
        *,
        forgot: Callable[[], None],
        opened: Callable[[], None],
    ) -> None:
        """Hear the board until cancelled.

        Args:
            raised: Called with each alarm; `press_stored` is to follow for one that has a number.
            released: Called with the name of a button or line that was let go.
            forgot: Called when the board's memory was erased: its numbers begin anew.
            opened: Called when its levels were read, or it is known what is wrong.
        """
        # A session that failed unforeseen is not used again; what was not stored is told again.
        session = Session(session=secrets.randbelow(2**32 - 1) + 1, stored=self._stored)
        self._anew = 0
        self._outputs.started()
        self._link = link = BoardLink(self.port, session)
        with ExitStack() as serving:
            served = False
            try:
                async with aclosing(link.told()) as all_told:
                    async for told in all_told:
                        now_ns = time.monotonic_ns()
                        self._note(link.wrong)
                        if session.counters["presses counted anew"] > self._anew:
                            self._anew += 1
                            forgot()
                        for each in told:
                            for news in self._take(each, session, now_ns):
                                if isinstance(news, Raised):
                                    raised(news)
                                else:
                                    released(news.button)
                        self._ask(session, now_ns)
                        ready = session.state == "ready" and self.wrong is None
                        if ready and not served:
                            for state in self._states.values():
                                serving.enter_context(state.trial.served(lambda: None))
                        elif served and not ready:
                            serving.close()
                        served = ready
                        if ready or self.wrong is not None:
                            opened()
            finally:
                self._stored, self._link = session.stored, None

    def _take(self, told: Told, session: Session, now_ns: int) -> list[Raised | Released]:
        if isinstance(told, Hello):
            self._outputs.started()
            self._check_parts(told)
        elif isinstance(told, Answer):
            self._outputs.answered(told, now_ns)
            self._answered.wake()
        elif isinstance(told, Beat):
            # A test press comes where a level comes from: the board was heard just now.
            for state in self._states.values():
                if state.trial.take():
                    state.trial.came(now_ns)
        found: list[Raised | Released] = []
        for news in (*self._buttons.take(told, now_ns), *self._lines.take(told, now_ns)):
            if isinstance(news, NotMinded):
                self._faults[f"{self.name}: button {news.index} is in no table"] += 1
                _log.error("%s: button %d was pressed, and box.toml has no table for it", self.name, news.index)
                session.press_stored(news.number)
            else:
                found.append(news)
        for name, state in self._states.items():
            state.pressed = self._buttons.pressed(name) or self._lines.pressed(name)
            self._tell(name, state, self._buttons.wrong(name) or self._lines.wrong(name))
        return found

    def _tell(self, name: str, state: ButtonState, wrong: str | None) -> None:
        if state.wrong is not None and "is not there: " in state.wrong:
            return
        if wrong is not None and wrong != state.wrong:
            self._faults[f"button {name}: {reason(wrong)}"] += 1
            _log.error("button %s: %s", name, wrong)
        state.wrong = wrong

    def _check_parts(self, hello: Hello) -> None:
        for name, part in self.inputs.items():
            there = hello.buttons if part.part == "button" else hello.lines
            self._states[name].wrong = None
            if part.index >= there:
                wrong = (
                    f"is not there: the board has {there} {part.part}s, and its uri says {part.index}; the first is 0"
                )
                self._faults[f"button {name}: is not there"] += 1
                self._states[name].wrong = wrong

    def _note(self, wrong: str | None) -> None:
        if wrong is not None and (self.wrong is None or reason(self.wrong) != reason(wrong)):
            self._faults[f"{self.name}: {reason(wrong)}"] += 1
            _log.error("%s: %s", self.name, wrong)
        elif wrong is None and self.wrong is not None:
            _log.info("%s: well again", self.name)
        self.wrong = wrong

    def _want(self, output: Output, pattern: Pattern, until_ns: int | None = None) -> None:
        self._outputs.want(output, pattern, until_ns)
        if self._link is not None:
            self._link.say(lambda session: self._ask(session, time.monotonic_ns()))

    def _ask(self, session: Session, now_ns: int) -> None:
        if session.state != "ready" or session.hello is None:
            return
        for output, value in self._outputs.due(session.hello, now_ns):
            try:
                command = session.command(output.kind, output.index, value, now_ns)
            except CommandError:
                return  # too many wait: it is asked again with the next word of the board
            self._outputs.asked(output, command)
