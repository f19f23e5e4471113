"""What the quick tests and `full_scale` play, the one quicker than the other."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Literal

from contract.topics import Lane
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process
from tests.duty_desk.conftest import Desk
from tests.edge_agent.network_faults.packets import PUBLISH
from tests.edge_agent.network_faults.street import BOX, EDGE, Street, street
from tests.warm import WarmProcess

AlarmFault = Literal["half open", "dead broker", "frozen broker", "refused"]


async def by_the_other_broker(brokers: dict[Lane, Mosquitto], how: AlarmFault) -> float:
    """Fault 47: return after how many seconds a press arrived at the telemetry broker."""
    async with street(brokers) as box:
        await box.start()
        proxy = box.proxies["alarm"]
        if how == "half open":
            proxy.hold()
            proxy.mute = True
        elif how == "dead broker":
            brokers["alarm"].kill()
        elif how == "frozen broker":
            brokers["alarm"].freeze()
        else:
            await proxy.refuse()
            proxy.cut()
        pressed_s = box.press()
        try:
            await box.ears.until(lambda: box.ears.presses("telemetry"), "the press")
        finally:
            brokers["alarm"].thaw()
        return box.ears.presses("telemetry")[0].at_s - pressed_s


async def repaired(brokers: dict[Lane, Mosquitto], desk: Desk) -> float:
    """Fault 12: return after how many seconds the lamp showed what a lost message had said."""
    async with street(brokers, end_tls=True) as box:
        await box.start()
        box.press()
        await box.comes(lambda: desk.incidents(), "the desk has the press")
        await box.says(lambda agent: agent["report"]["presses"]["waiting"] == 0, "the box knows it")
        lost = [proxy.drop("down", PUBLISH, holds=b'"accepted"') for proxy in box.proxies.values()]
        (incident,) = desk.incidents()
        accepted_s = time.monotonic()
        desk.post(f"/api/incidents/{incident['id']}/accept", {})
        for each in lost:
            async with asyncio.timeout(10):
                await each.wait()
        await box.comes(lambda: _is_solid(box), "the lamp says that an officer comes", 40)
        return time.monotonic() - accepted_s


def _is_solid(box: Street) -> bool:
    on, changes = box.board.lamp("sos")
    return on and time.monotonic_ns() - changes[-1][0] > 300_000_000


async def shown(brokers: dict[Lane, Mosquitto], desk: Desk, within_s: float, command: list[str] | None = None) -> float:
    """Fault 13: return after how many seconds box and desk showed that the alarm broker stands still.

    Meanwhile the box stays reachable to the desk, and a press goes by the other broker.
    """
    async with street(brokers, command=command or EDGE) as box:
        await box.start()
        await box.comes(lambda: desk.get("/api/state")["links"]["alarm"], "the desk is connected")
        brokers["alarm"].freeze()
        frozen_s = time.monotonic()
        try:
            await asyncio.gather(
                box.says(lambda agent: not agent["sessions"]["alarm"]["connected"], "the box shows it", within_s),
                box.comes(lambda: not desk.get("/api/state")["links"]["alarm"], "the desk shows it", within_s),
            )
            took_s = time.monotonic() - frozen_s
            unreachable = {place["device"] for place in desk.get("/api/state")["reach"]["unreachable"]}
            assert BOX not in unreachable
            pressed_s = box.press()
            await box.ears.until(lambda: box.ears.presses("telemetry"), "the press goes by the other lane")
            assert time.monotonic() - pressed_s < 5.0
        finally:
            brokers["alarm"].thaw()
        await box.stands("alarm")
        await box.comes(lambda: len(desk.incidents()) == 1, "one incident")
        assert desk.incidents()[0]["presses"] == 1
    return took_s


def quicker(desk: Desk, patch: str) -> Process:
    """Return the desk's process with constants of its code changed."""
    code = f"{patch}\nfrom duty_desk.cli import app; app()"
    argv = [sys.executable, "-c", code, "run", "--config", str(desk.config)]
    return WarmProcess(argv, name="desk", folder=desk.folder)
