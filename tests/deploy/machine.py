"""One machine: a copy of the image, booted by systemd-nspawn in its own network namespace and control group."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.deploy.errors import DeployError
from tests.deploy.network import Network, run

_BOOT_TIMEOUT_S: Final = 90.0
_STOP_TIMEOUT_S: Final = 60.0
_GROUPS: Final = ("", "systemd", "unified")
"""Where control groups are, below /sys/fs/cgroup: of version 2, or of version 1 with either of systemd's own trees."""
_PR_SET_PDEATHSIG: Final = 1
"""A machine does not outlive the run that booted it."""


class Machine:
    """A machine.

    Args:
        name: Its host name, at most 13 characters.
        address: Its address in the network.
        folder: Where its disk and its console's log are.
        network: The network it hangs in.
    """

    def __init__(self, name: str, address: str, folder: Path, network: Network) -> None:
        self.name = name
        self.address = address
        self.root = folder / name
        self.console = folder / f"{name}.console"
        self._network = network
        self._space = ""
        self._nspawn: subprocess.Popen[bytes] | None = None

    def make(self, image: Path, key: str, hosts: str) -> None:
        """Make its disk: a copy of the image that lets a key in and knows the city's names."""
        if self.root.exists():
            shutil.rmtree(self.root)
        self.root.parent.mkdir(parents=True, exist_ok=True)
        run("cp", "-a", "--reflink=auto", str(image), str(self.root))
        (self.root / "etc/hostname").write_text(f"{self.name}\n")
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n{hosts}")
        run("ssh-keygen", "-A", "-f", str(self.root))
        keys = self.root / "root/.ssh/authorized_keys"
        keys.parent.mkdir(mode=0o700, exist_ok=True)
        keys.write_text(key)

    def boot(self, *options: str) -> None:
        """Boot it and wait until systemd says that it runs.

        Args:
            options: More of systemd-nspawn's options, for machines with something wrong.

        Raises:
            DeployError: It does not come up.
        """
        self._space = self._space or self._network.join(self.name, self.address)
        self._network.plug(self.name, plugged=True)
        command = [
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--link-journal=no"),
            *("--machine", self.name, "--directory", str(self.root), "--network-namespace-path", self._space),
            *("--resolv-conf=off", "--timezone=off", "--capability=CAP_NET_ADMIN", "--console=pipe", *options),
        ]
        with self.console.open("ab") as told:
            self._nspawn = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, preexec_fn=self._begin
            )
        self.wait_until(
            lambda: self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded")
        )

    def cut_power(self) -> None:
        """Pull the cable and the power: nobody is told, nothing is stopped in order."""
        self._network.plug(self.name, plugged=False)
        if self._nspawn is not None:
            leader = self._leader()
            if leader:
                os.kill(leader, signal.SIGKILL)
            self._nspawn.wait(_STOP_TIMEOUT_S)
            self._nspawn = None

    def stop(self) -> None:
        """Shut it down in order, by force when it takes too long."""
        if self._nspawn is None:
            return
        self._nspawn.terminate()
        try:
            self._nspawn.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn = None

    def run(self, *command: str, check: bool = True, timeout_s: float = 120.0, stdin: str | None = None) -> str:
        """Run a command in the machine as its root, as at its console; return what it printed.

        Raises:
            DeployError: The machine is off, or the command failed or took too long.
        """
        leader = self._leader()
        if not leader:
            if check:
                raise DeployError(f"{self.name} is off; its console: {self.console}")
            return ""
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        try:
            done = subprocess.run(
                ["nsenter", "-t", str(leader), "-a", *command],
                capture_output=True,
                text=True,
                env=environment,
                timeout=timeout_s,
                **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
            )
        except subprocess.TimeoutExpired:
            raise DeployError(f"{self.name}: {' '.join(command)}: no end after {timeout_s:g} s") from None
        if check and done.returncode:
            raise DeployError(f"{self.name}: {' '.join(command)}: {(done.stderr + done.stdout).strip()[-2000:]}")
        return done.stdout

    def inside(self, path: str) -> Path:
        """Return where this machine's own path is for us, while it runs.

        Raises:
            DeployError: It is off.
        """
        leader = self._leader()
        if not leader:
            raise DeployError(f"{self.name} is off; its console: {self.console}")
        return Path(f"/proc/{leader}/root{path}")

    def wait_until(self, look: Callable[[], object], timeout_s: float = _BOOT_TIMEOUT_S) -> None:
        """Wait until something is so.

        Raises:
            DeployError: It is not, in time, or the machine went off.
        """
        deadline = time.monotonic() + timeout_s
        while not look():
            if self._nspawn is not None and self._nspawn.poll() is not None:
                raise DeployError(f"{self.name} went off: {self.console.read_text(errors='replace')[-1000:]}")
            if time.monotonic() > deadline:
                raise DeployError(f"{self.name} is not up after {timeout_s:g} s; its console: {self.console}")
            time.sleep(0.1)

    def _leader(self) -> int:
        """Return the process id of its systemd, 0 while there is none."""
        if self._nspawn is None:
            return 0
        try:
            children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
            started = [int(child) for child in children]
        except OSError:
            return 0
        return next((pid for pid in started if _name(pid) == "systemd"), 0)

    def _begin(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for tree in _GROUPS:
            where = Path("/sys/fs/cgroup") / tree
            if (where / "cgroup.procs").exists():
                group = where / f"siaga-deploy-{self.name}"
                group.mkdir(exist_ok=True)
                (group / "cgroup.procs").write_text(str(os.getpid()))


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
