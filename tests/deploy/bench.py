"""Everything a step needs: the machines, the city, the playbooks, and a little waiting."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from simulator.control import BoardControl, Pattern
from tests.deploy.apt_cache import AptCache
from tests.deploy.city import ADDRESSES, BELL, BOXES, CENTRE, CLOCKED, NAMES, SCREEN, UNFIT_ADDRESSES, City
from tests.deploy.errors import DeployError
from tests.deploy.image import image
from tests.deploy.machine import Machine
from tests.deploy.network import Network
from tests.deploy.playbook import Playbooks
from tests.deploy.presses import LINES, Made, give_board, settle

_WAIT_S: Final = 20.0

_NO_DISPLAY: Final = """\
# A machine of these tests has no display: the browser draws into memory.
[Service]
Environment=WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1
"""
_NO_CLOCK: Final = """\
# The clock of these machines is their host's: chrony runs, asks its servers, and sets nothing (-x).
[Unit]
ConditionCapability=
[Service]
ExecStart=
ExecStart=!/usr/sbin/chronyd -x -F 1
"""

_Found = TypeVar("_Found")


class Bench:
    """The machines and what is done to them; `open` and `close`.

    Args:
        folder: Where everything of a run is; its logs stay.
        repository: The checkout that is deployed.
    """

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder = folder
        self.repository = repository
        self.network = Network()
        self.packages = AptCache()
        self.city = City(folder / "city", repository)
        self.logs = folder / "logs"
        self.wheelhouse = repository / "build" / "wheelhouse"
        self.playbooks = Playbooks(self.city, self.network, self.logs, self.wheelhouse)
        self.machines = {name: self.machine(name) for name in ADDRESSES}
        self.made = Made()
        self.password = secrets.token_urlsafe(16)

    @property
    def centre(self) -> Machine:
        """The centre."""
        return self.machines[CENTRE]

    @property
    def boxes(self) -> list[Machine]:
        """The boxes."""
        return [self.machines[name] for name in BOXES]

    @property
    def bell(self) -> Machine:
        """The bell, whose siren is the lamp of its board's first line."""
        return self.machines[BELL]

    def machine(self, name: str) -> Machine:
        """Return a machine that is not made yet."""
        return Machine(name, (ADDRESSES | UNFIT_ADDRESSES)[name], self.folder / "machines", self.network)

    def open(self) -> None:
        """Make the network, the city and the machines' disks.

        Raises:
            DeployError: Something needed is missing.
        """
        if not (self.wheelhouse / "x86_64" / "manifest.json").exists():
            raise DeployError("there is no wheelhouse: make wheelhouse ARCH=x86_64")
        self.logs.mkdir(parents=True, exist_ok=True)
        self.network.open()
        self.packages.open()
        self.city.make()
        for machine in self.machines.values():
            self.make(machine)

    def make(self, machine: Machine) -> None:
        """Make a machine's disk anew: a bare Debian, and in a box the hardware."""
        machine.make(image(), self.city.public_key, f"{ADDRESSES[CENTRE]} {' '.join(NAMES)}\n")
        if machine.name in (*BOXES, BELL):
            give_board(machine, self.repository)
        if machine.name == SCREEN:
            _add(machine, "siaga-screen", _NO_DISPLAY)
        if machine.name == CLOCKED:
            _add(machine, "chrony", _NO_CLOCK)

    def close(self) -> None:
        """Stop the machines and remove the network."""
        for machine in self.machines.values():
            machine.stop()
        self.packages.close()
        self.network.close()

    def as_desk(self, *words: str, stdin: str | None = None) -> str:
        """Run a command of the desk on the centre, as its own user.

        Raises:
            DeployError: It failed.
        """
        desk = ("setpriv", "--reuid=siaga-desk", "--regid=siaga-desk", "--init-groups")
        command = ("/opt/siaga/current/bin/siaga", "desk", *words, "--config", "/etc/siaga/desk.toml")
        return self.centre.run(*desk, *command, stdin=stdin)

    def settled(self, since_ns: int = 0) -> int:
        """Wait until each press of the boxes is in the ledger, once; return how many there are.

        Raises:
            DeployError: It names those that are not.
        """
        return settle(self.boxes, self.made, self.centre, since_ns)

    def wait(self, look: Callable[[], _Found | None], otherwise: str, timeout_s: float = _WAIT_S) -> _Found:
        """Return what `look` finds.

        Raises:
            DeployError: It finds nothing in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > deadline:
                raise DeployError(f"{otherwise} after {timeout_s:g} s")
            time.sleep(0.05)

    def lamp(self, hand: BoardControl, wanted: Pattern) -> None:
        """Wait until the lamp of a board's first button shows something.

        Raises:
            DeployError: It shows something else.
        """
        self.wait(
            lambda: hand.lamp(LINES[0]).pattern(time.monotonic_ns())[0] == wanted, f"{hand.path}: no lamp {wanted}"
        )


def _add(machine: Machine, unit: str, text: str) -> None:
    """Add to a unit of a machine that is off what lets it run in a container."""
    file = machine.root / f"etc/systemd/system/{unit}.service.d/container.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
