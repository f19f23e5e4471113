"""Runs a playbook from inside the network, and what came of it on each host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.deploy.city import City
from tests.deploy.errors import DeployError
from tests.deploy.network import Network

_RECAP: Final = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
_TIMEOUT_S: Final = 1_500.0


@dataclass(frozen=True, slots=True)
class Recap:
    """What a playbook did to a host, as tasks counted."""

    ok: int
    changed: int
    unreachable: int
    failed: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a playbook did.

    Attributes:
        status: Its exit status.
        seconds: How long it took.
        hosts: What it did to each host.
        text: What it printed.
    """

    status: int
    seconds: float
    hosts: dict[str, Recap]
    text: str = field(repr=False)

    @property
    def changed(self) -> int:
        """How many tasks changed something, on all hosts."""
        return sum(recap.changed for recap in self.hosts.values())

    @property
    def changes(self) -> list[str]:
        """The tasks that changed something, `task: host`."""
        task, found = "", []
        for line in self.text.splitlines():
            if line.startswith(("TASK [", "RUNNING HANDLER [")):
                task = line.partition("[")[2].partition("]")[0]
            elif line.startswith("changed: ["):
                found.append(f"{task}: {line.partition('[')[2].partition(']')[0]}")
        return found


class Playbooks:
    """Runs playbooks; their output goes to a file each.

    Args:
        city: The city's folder.
        network: From where they run.
        logs: Where their output goes.
        wheelhouse: The folder with a wheelhouse an architecture.
    """

    def __init__(self, city: City, network: Network, logs: Path, wheelhouse: Path) -> None:
        self._city = city
        self._network = network
        self._logs = logs
        self.wheelhouse = wheelhouse
        self._number = 0
        # Short, as a socket's path is.
        self._sockets = tempfile.TemporaryDirectory(prefix="siaga-ssh-")

    def forget(self) -> None:
        """Leave the connections that stand: a machine behind one is not there any more."""
        for socket in Path(self._sockets.name).iterdir():
            socket.unlink()

    def run(
        self,
        name: str,
        *options: str,
        fails: bool = False,
        machines: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a playbook of the collection.

        Args:
            name: Such as `site`.
            options: More of ansible-playbook's.
            fails: Whether a host may fail; otherwise that is an error here.
            machines: Another siaga.toml than the city's.
            variables: More variables.

        Raises:
            DeployError: It failed; the log is named.
        """
        ansible = self._city.repository / "ansible"
        told = {"siaga_wheelhouse": str(self.wheelhouse), **(variables or {})}
        command = self._network.exec(
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("--inventory", str(ansible / "inventory"), "--private-key", str(self._city.key)),
            *(part for key, value in told.items() for part in ("--extra-vars", f"{key}={value}")),
            *options,
            str(ansible / f"{name}.yml"),
        )
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ansible / "ansible.cfg"),
            "SIAGA_CITY": str(machines or self._city.machines),
            # A machine that is made anew has another key.
            "ANSIBLE_SSH_EXTRA_ARGS": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            "ANSIBLE_HOME": str(self._logs / "ansible-home"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self._sockets.name,
            "LC_ALL": "C.UTF-8",
        }
        began = time.monotonic()
        self._number += 1
        log = self._logs / f"{self._number:02}-{name}.log"
        with log.open("w") as written:
            status = subprocess.run(
                command,
                cwd=ansible,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                timeout=_TIMEOUT_S,
            ).returncode
        text = log.read_text(errors="replace")
        done = Run(status, time.monotonic() - began, _recaps(text), text)
        if status and not fails:
            raise DeployError(f"{name}.yml: {_first_failure(text)}; {log}")
        return done


def _recaps(text: str) -> dict[str, Recap]:
    return {found[1]: Recap(*(int(found[group]) for group in range(2, 6))) for found in _RECAP.finditer(text)}


def _first_failure(text: str) -> str:
    lines = text.splitlines()
    task = ""
    for number, line in enumerate(lines):
        if line.startswith(("TASK [", "RUNNING HANDLER [")):
            task = line.split(" *")[0]
        if line.startswith(("fatal: ", "failed: ", "ERROR", "[ERROR]")):
            return f"{task} {' '.join(part.strip() for part in lines[number : number + 12])}"[:1_500]
    return text[-1_000:]
