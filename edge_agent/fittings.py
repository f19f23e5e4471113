"""What hangs on a box beside its sensors: buttons, lamps, siren and beacon, on its own pins or on boards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from edge_agent.alarm_lane import KeptPress
from edge_agent.config import BoxSettings, ButtonSettings, OutputSettings
from edge_agent.inputs import ButtonState, watch
from edge_agent.kept_lines import KeptLines
from edge_agent.lamp import LampPanel
from edge_agent.lamp_output import drive
from edge_agent.outbox.alarms import HeldButton
from edge_agent.raiser import Raiser
from edge_agent.uplink import Uplink
from pins.output import Output, Sounding

if TYPE_CHECKING:
    from edge_agent.boards import Board
    from edge_agent.drivers.board import Raised as BoardRaised

Start = Callable[[str, Callable[[], Awaitable[None]]], None]
"""Starts a part of the agent, by its name, and again when it fails."""


class Fittings:
    """The fittings of one box.

    Args:
        settings: The box's.
        boot: This boot of the machine.
        panel: What each lamp is to show.
        raiser: Told what a button does.
        faults: Counts what fails.
        ready: Called once, when every button's level was read.
        kept: Lets the buttons' lines outlive this process; None: nothing does.
    """

    def __init__(
        self,
        settings: BoxSettings,
        boot: str,
        *,
        panel: LampPanel,
        raiser: Raiser,
        faults: Counter[str],
        ready: Callable[[], None],
        kept: KeptLines | None = None,
    ) -> None:
        self.states: dict[str, ButtonState] = {}
        """How each button is, once it is watched."""
        self._settings = settings
        self._boot = boot
        self._panel = panel
        self._raiser = raiser
        self._faults = faults
        self._ready = ready
        self._kept = kept
        self._unopened = {button.id for button in settings.buttons}
        self._boards = self._make_boards()
        self.outputs = {name: self._make_output(name, output) for name, output in settings.outputs().items()}
        """The siren and the beacon, those there are."""

    @property
    def parts(self) -> dict[str, object]:
        """Return what may be wrong with itself (`wrong`), by name."""
        return {**self.outputs, **{board.name: board for board in self._boards.values()}}

    def attach(self, uplink: Uplink) -> None:
        """Let them tell an uplink; before `start`."""
        self._uplink = uplink
        uplink.alarms.stored = self._press_stored

    def start(self, start: Start, held: Mapping[str, HeldButton], board_presses: Mapping[str, list[int]]) -> None:
        """Start all of them.

        Args:
            start: Starts one.
            held: The buttons that were held down when the last run ended.
            board_presses: The numbers of the presses on the card that a board may tell again, by its port.
        """
        for button in self._settings.buttons:
            state = self.states[button.id] = ButtonState(self._boot, held.get(button.id))
            if button.board_part() is None:
                start(f"button {button.id}", partial(self._watch, button, state))
            if button.lamp is not None:
                start(f"lamp {button.id}", self._lamp(button, button.lamp))
        for board in self._boards.values():
            mine = {name: self.states[name] for name in board.inputs}
            board.restored(held, board_presses.get(board.port, []), mine)
            start(board.name, partial(self._hear_board, board))
        for name, output in self.outputs.items():
            start(name, output.run)

    def _opened(self, *buttons: str) -> None:
        if self._unopened:
            self._unopened.difference_update(buttons)
            if not self._unopened:
                self._ready()

    async def _watch(self, button: ButtonSettings, state: ButtonState) -> None:
        await watch(
            button,
            state,
            self._faults,
            partial(self._raiser.pressed, button.id),
            lambda: self._uplink.released(button.id),
            partial(self._opened, button.id),
            partial(self._raiser.stuck, button.id),
            self._kept,
        )

    def _make_boards(self) -> dict[str, Board]:
        settings = self._settings
        ports = settings.board_ports()
        if not ports:
            return {}
        from edge_agent.boards import Board  # with the link: a box without boards does not pay for it

        parts = {button.id: part for button in settings.buttons if (part := button.board_part()) is not None}
        return {
            port: Board(
                port, {name: part for name, part in parts.items() if part.port == port}, self._boot, self._faults
            )
            for port in ports
        }

    def _make_output(self, name: str, output: OutputSettings) -> Sounding:
        part = output.board_part()
        if part is None:
            return Output(name, output.uri, output.most_s, self._faults)
        from edge_agent.board_siren import BoardSiren  # as in _make_boards

        return BoardSiren(name, self._boards[part.port], part, output.uri, output.most_s)

    def _lamp(self, button: ButtonSettings, uri: str) -> Callable[[], Awaitable[None]]:
        lamp, changed, part = self._panel[button.id], self._uplink.lamps_changed, button.board_lamp()
        if part is None:
            return partial(drive, uri, lamp, changed, self._faults)
        return partial(self._boards[part.port].show, part.index, lamp, changed)

    async def _hear_board(self, board: Board) -> None:
        def raised(told: BoardRaised) -> None:
            if not self._raiser.told_by_board(told, board.port) and told.number is not None:
                board.press_stored(told.number)

        await board.run(
            raised,
            self._uplink.released,
            forgot=partial(self._uplink.alarms.board_forgot, board.port),
            opened=partial(self._opened, *board.inputs),
        )

    def _press_stored(self, kept: KeptPress) -> None:
        if kept.board is not None and (board := self._boards.get(kept.board[0])) is not None:
            board.press_stored(kept.board[1])
