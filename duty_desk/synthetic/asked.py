"""Test presses by hand: asked for on the desk's machine, done by the running desk.

A test takes 10 s, in which others may have something to ask: it is begun by one request, and its end asked for by more.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from itertools import count
from typing import Any, Final

from duty_desk.command_key import MAKE_ONE
from duty_desk.desk import DutyDesk
from duty_desk.synthetic.trial import Result

MOST: Final = 8
"""Tests that wait for one another, or whose end was not asked for."""


class Asked:
    """The tests that were asked for by hand.

    Args:
        desk: The desk.
    """

    def __init__(self, desk: DutyDesk) -> None:
        self._desk = desk
        self._tests: OrderedDict[int, asyncio.Task[Result]] = OrderedDict()
        self._numbers = count(1)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer `{"synthetic_press":{"box":…,"button":… or null}}` with `begun`, a number; and
        `{"synthetic_result":number}` with `waiting`, or `outcome`, `button`, `missing`, `ms` and `detail`.

        Or `error`: `not understood`, `no such box`, `no such button`, `in use` while that box has an incident, whose
        lamp a test would change, `no key`, or `busy`.
        """
        match request:
            case {"synthetic_press": {"box": str(box), "button": str() | None as button}}:
                return self._begin(box, button)
            case {"synthetic_result": int(number)} if number in self._tests:
                return self._result(number)
        return {"error": "not understood"}

    def _begin(self, box: str, button: str | None) -> dict[str, Any]:
        desk, buttons = self._desk, list(self._desk.places.buttons(box))
        if not buttons:
            return {"error": "no such box"}
        if button is not None and button not in buttons:
            return {"error": "no such button", "detail": ", ".join(buttons)}
        if desk.board.of_device(box):
            return {"error": "in use"}
        if not desk.commander.able:
            return {"error": "no key", "detail": MAKE_ONE}
        for number in [number for number, test in self._tests.items() if test.done()][: len(self._tests) - MOST + 1]:
            del self._tests[number]
        if len(self._tests) >= MOST:
            return {"error": "busy"}
        begun = next(self._numbers)
        test = desk.synthetic.test((box, button or buttons[0]), "person")
        self._tests[begun] = asyncio.create_task(test, name="desk-synthetic-asked")
        return {"begun": begun}

    def _result(self, number: int) -> dict[str, Any]:
        test = self._tests[number]
        if not test.done():
            return {"waiting": True}
        del self._tests[number]
        result = test.result()
        return {
            "outcome": result.outcome,
            "button": result.button,
            "missing": list(result.missing),
            "ms": dict(result.ms),
            "detail": result.detail,
        }
