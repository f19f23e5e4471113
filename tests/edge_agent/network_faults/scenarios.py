"""What the quick tests and `full_scale` play, the one quicker than the other."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import datetime
from typing import Literal

from contract import topics
from contract.topics import Lane
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process
from tests.duty_desk.conftest import Desk
from tests.edge_agent.network_faults.packets import PUBLISH
from tests.edge_agent.network_faults.street import BOX, EDGE, LANES, PATIENCE_S, Street, street
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
    """Fault 12: return after how many seconds the desk said again what a lost message had said, by the desk's clock.

    The lamp showed it then.
    """
    async with street(brokers, end_tls=True) as box:
        await box.start()
        box.press()
        await box.comes(lambda: desk.incidents(), "the desk has the press")
        await box.says(lambda agent: agent["report"]["presses"]["waiting"] == 0, "the box knows it")
        lost = [proxy.drop("down", PUBLISH, holds=b'"accepted"') for proxy in box.proxies.values()]
        (incident,) = desk.incidents()
        desk.post(f"/api/incidents/{incident['id']}/accept", {})
        for each in lost:
            async with asyncio.timeout(PATIENCE_S):
                await each.wait()
        await box.comes(lambda: _is_solid(box), "the lamp says that an officer comes", 40)
        await box.ears.until(lambda: any(len(_accepted(box, lane)) > 1 for lane in LANES), "it was said again")
        said_ns = [_accepted(box, lane)[:2] for lane in LANES]
        return min(each[1] - each[0] for each in said_ns if len(each) == 2) / 1e9


def _accepted(box: Street, lane: Lane) -> list[int]:
    """Return when the desk told the box that an officer comes, in ns of the desk's clock."""
    told = [heard.body for heard in box.ears.on(topics.lamp(BOX), lane)]
    return [body["centre_time_ns"] for body in told if body["lamps"]["sos"] == "accepted"]


def _is_solid(box: Street) -> bool:
    on, changes = box.board.lamp("sos")
    return on and time.monotonic_ns() - changes[-1][0] > 300_000_000


async def shown(brokers: dict[Lane, Mosquitto], desk: Desk, within_s: float, command: list[str] | None = None) -> float:
    """Fault 13: return after how many seconds box and desk knew that the alarm broker stands still, by their own logs.

    Both show it then. Meanwhile the box stays reachable to the desk, and a press goes by the other broker.
    """
    async with street(brokers, command=command or EDGE) as box:
        await box.start()
        await box.comes(lambda: desk.get("/api/state")["links"]["alarm"], "the desk is connected")
        frozen_s = time.time()
        brokers["alarm"].freeze()
        try:
            await asyncio.gather(
                box.says(lambda agent: not agent["sessions"]["alarm"]["connected"], "the box shows it", within_s),
                box.comes(lambda: not desk.get("/api/state")["links"]["alarm"], "the desk shows it", within_s),
            )
            unreachable = {place["device"] for place in desk.get("/api/state")["reach"]["unreachable"]}
            assert BOX not in unreachable
            pressed_s = box.press()
            await box.ears.until(lambda: box.ears.presses("telemetry"), "the press goes by the other lane")
            assert box.ears.presses("telemetry")[0].at_s - pressed_s < 5.0
        finally:
            brokers["alarm"].thaw()
        await box.stands("alarm")
        await box.comes(lambda: len(desk.incidents()) == 1, "one incident")
        assert desk.incidents()[0]["presses"] == 1
        ports = {box.agent: box.proxies["alarm"].port, desk.process: brokers["alarm"].centre_port}
        return max(_lost_s(process, port, frozen_s) for process, port in ports.items()) - frozen_s


def _lost_s(process: Process, port: int, since_s: float) -> float:
    """Return when a process first told, since a moment, that it lost its connection to a port, in s since 1970."""
    told = [line for line in process.output().splitlines() if f":{port}: " in line and "next attempt in" in line]
    moments = [datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp() for line in told]
    return min(moment for moment in moments if moment >= since_s)


def quicker(desk: Desk, patch: str) -> Process:
    """Return the desk's process with constants of its code changed."""
    code = f"{patch}\nfrom duty_desk.cli import app; app()"
    argv = [sys.executable, "-c", code, "run", "--config", str(desk.config)]
    return WarmProcess(argv, name="desk", folder=desk.folder)
