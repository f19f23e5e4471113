"""The operator of a running stack, and a city that does not wait: its buttons are pressed meanwhile.

Nothing pushes files to a box yet, so "the box got its new files" is a restart of its agent: it reads what the
authority's folder holds by then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from typer.testing import CliRunner

from provisioning.cli import app as provision_app
from siaga.demo.stack import DemoStack
from siaga.stack.mosquitto import Mosquitto
from tests.end_to_end.oracle import eventually, press, pressed, recorded

PRESS_S: Final = 0.5
LEAST_S: Final = 0.2
"""Between two presses that come late: so quick a thumb would be taken for one that bounces."""
REFUSALS: Final = ("refuses our certificate", "refuse the broker's certificate", "Not authorized", "refused the log-in")


def provision(stack: DemoStack, *command: str) -> str:
    """Run `siaga provision …` on the stack's authority, and return what it prints."""
    done = CliRunner().invoke(provision_app, [*command, "--folder", str(stack.trust.folder)])
    assert done.exit_code == 0, done.output
    return done.output


def refusals(log: str) -> list[str]:
    """Return the lines of a part's log that tell of a refusal, by either side."""
    return [line for line in log.splitlines() if any(word in line for word in REFUSALS)]


class Presser:
    """Presses a button each half second, of one box after the other, until its block ends; `untouched` spares a box."""

    def __init__(self, stack: DemoStack) -> None:
        self._stack = stack
        self._spared: set[str] = set()
        self._pressing = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presser")
        self._number = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join(10)

    def go_on(self) -> None:
        """Return once each button was pressed that may be, and at least two."""
        until = self._number + max(2, len(self._stack.boxes))
        eventually(lambda: self._number >= until, "buttons are pressed")

    @contextmanager
    def untouched(self, box: str) -> Iterator[None]:
        """Leave a box's button alone, once its presses are recorded: while no agent runs on a box, nobody sees a press
        that is let go meanwhile, and one that was just let go its agent may not have seen yet.
        """
        with self._pressing:
            self._spared.add(box)
        eventually(lambda: recorded(self._stack, box) >= pressed(self._stack, box), f"{box}'s presses are recorded")
        yield
        with self._pressing:
            self._spared.remove(box)

    def _run(self) -> None:
        began = time.monotonic()
        while not self._end.wait(max(LEAST_S, began + self._number * PRESS_S - time.monotonic())):
            with self._pressing:
                boxes = [box for box in self._stack.boxes if box not in self._spared]
                press(self._stack, boxes[self._number % len(boxes)])
            self._number += 1


def restart_box(stack: DemoStack, presser: Presser, box: str) -> None:
    """Restart an agent, so that it reads its certificate, key and roots; the other boxes are pressed meanwhile."""
    agent = stack.agents[box]
    with presser.untouched(box):
        agent.stop()
        stack.restart(agent)


def give_roots_to_all(stack: DemoStack, presser: Presser) -> None:
    """Restart each part, one after the other, so that it reads trust.pem."""
    for broker in (stack.alarm_broker, stack.telemetry_broker):
        broker.stop()
        broker.start()
        eventually(lambda broker=broker: stands(stack, broker), "all are back on the broker")  # type: ignore[misc]
    for service in (stack.desk, stack.collector):
        service.stop()
        stack.restart(service)
    for box in stack.boxes:
        restart_box(stack, presser, box)


def stands(stack: DemoStack, broker: Mosquitto) -> bool:
    """Whether the desk and all boxes are connected to a broker; the other one may be restarted then."""
    log = broker.output()
    return all(f" as {name} " in log for name in ("centre.desk", *stack.boxes))
