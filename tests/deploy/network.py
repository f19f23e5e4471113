"""The machines' network: a namespace with a bridge, and one for each machine, joined by veths. Nothing leads out of it.

The playbooks run inside the bridge's namespace, so a role that wants the internet fails here as on a roadside.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from tests.deploy.errors import DeployError

HUB: Final = "siaga-deploy"
HUB_ADDRESS: Final = "10.83.0.1"
_PREFIX: Final = "10.83.0."
_CLONE_NEWNET: Final = 0x40000000

_Result = TypeVar("_Result")


def run(*command: str, check: bool = True) -> str:
    """Run a command on this machine; return what it printed.

    Raises:
        DeployError: It failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise DeployError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


class Network:
    """The network; `open` and `close` make and remove it, with what an earlier run left."""

    def __init__(self) -> None:
        self._hosts: set[str] = set()

    def open(self) -> None:
        """Make the bridge in a namespace of its own.

        Raises:
            DeployError: This process may not.
        """
        self.close()
        run("ip", "netns", "add", HUB)
        self._hub("ip", "link", "add", "bridge", "type", "bridge")
        self._hub("ip", "address", "add", f"{HUB_ADDRESS}/24", "dev", "bridge")
        for device in ("lo", "bridge"):
            self._hub("ip", "link", "set", device, "up")

    def close(self) -> None:
        """Remove every namespace of ours."""
        for line in run("ip", "netns", "list", check=False).splitlines():
            name = line.split()[0]
            if name == HUB or name.startswith(f"{HUB}-"):
                run("ip", "netns", "delete", name, check=False)

    def join(self, name: str, address: str) -> str:
        """Give a machine a namespace with one interface, `host0`; return the namespace's path."""
        space, outside = f"{HUB}-{name}", f"v-{name}"
        run("ip", "netns", "add", space)
        self._hub("ip", "link", "add", outside, "type", "veth", "peer", "name", "host0", "netns", space)
        self._hub("ip", "link", "set", outside, "master", "bridge", "up")
        inside = ("ip", "netns", "exec", space)
        run(*inside, "ip", "address", "add", f"{address}/24", "dev", "host0")
        for device in ("lo", "host0"):
            run(*inside, "ip", "link", "set", device, "up")
        return f"/run/netns/{space}"

    def plug(self, name: str, *, plugged: bool) -> None:
        """Plug a machine's cable in, or pull it."""
        self._hub("ip", "link", "set", f"v-{name}", "up" if plugged else "down")

    def exec(self, *command: str) -> list[str]:
        """Return a command as it runs inside the network."""
        return ["ip", "netns", "exec", HUB, *command]

    def _hub(self, *command: str) -> None:
        run(*self.exec(*command))


def inside(act: Callable[[], _Result]) -> _Result:
    """Call something inside the network, in a thread of its own: a socket it opens stays there.

    Raises:
        DeployError: The network is not open.
    """
    results: list[_Result] = []
    errors: list[Exception] = []

    def enter() -> None:
        try:
            space = os.open(Path("/run/netns") / HUB, os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(space, _CLONE_NEWNET):
                    raise DeployError(f"setns: {os.strerror(ctypes.get_errno())}")
            finally:
                os.close(space)
            results.append(act())
        except Exception as error:  # noqa: BLE001  handed to the caller's thread
            errors.append(error)

    thread = threading.Thread(target=enter, name="inside the network")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def address(number: int) -> str:
    """Return an address of the network, 2 to 254."""
    return f"{_PREFIX}{number}"
