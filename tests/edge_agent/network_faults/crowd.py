"""Many boxes' sessions in one process, for a broker that loses and meets them all at once.

Reads one JSON object from stdin: `port`, `ca`, `password`, `names`. Prints `ready` when all stand, `all back` when each
stood a second time, and after one more line from stdin the moments (CLOCK_MONOTONIC, seconds) at which they did.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time

from link import Credentials, Endpoint, Outgoing, Session


async def main() -> None:
    """Run the sessions until the second line of stdin."""
    asked = json.loads(sys.stdin.readline())
    credentials = Credentials(ssl.create_default_context(cafile=asked["ca"]), "probe", asked["password"])
    again: dict[str, float] = {}
    stood: set[str] = set()
    all_stand, all_back = asyncio.Event(), asyncio.Event()

    def connected(name: str) -> None:
        if name in stood:
            again.setdefault(name, time.monotonic())
            if len(again) == len(asked["names"]):
                all_back.set()
        stood.add(name)
        if len(stood) == len(asked["names"]):
            all_stand.set()

    def session(name: str) -> Session:
        topic = f"siaga/v1/up/{name}/status/alarm"
        return Session(
            Endpoint("127.0.0.1", asked["port"], credentials),
            name,
            subscriptions=(f"siaga/v1/down/{name}/alarm/receipt", f"siaga/v1/down/{name}/alarm/lamp"),
            on_connect=lambda: connected(name),
            birth=lambda: Outgoing(topic, b"online" * 20, retain=True),
            will=Outgoing(topic, b"offline" * 20, retain=True),
        )

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(session(name).run(), name=name) for name in asked["names"]]
        await all_stand.wait()
        print("ready", flush=True)
        await all_back.wait()
        print("all back", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for task in tasks:
            task.cancel()
    print(json.dumps(again), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
