"""Boxes with something wrong: what is done to a machine's disk before it boots, and how it boots."""

from __future__ import annotations

import glob
import shutil
from typing import Final

from tests.deploy.errors import DeployError
from tests.deploy.machine import Machine

OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "bad-space": ("--tmpfs=/opt:size=50M",),
    "bad-arch": ("--personality=x86",),
}
"""More of systemd-nspawn's options, by machine."""
_FAKETIME: Final = "/usr/lib/*-linux-gnu/faketime/libfaketime.so.1"


def spoil_machine(machine: Machine) -> None:
    """Spoil a machine that is off, as its name says.

    The kernel has one clock for all machines, so a wrong one is what is seen by whoever comes in by ssh.

    Raises:
        DeployError: What is needed for that is not on this machine.
    """
    if machine.name == "bad-clock":
        found = glob.glob(_FAKETIME)
        if not found:
            raise DeployError("libfaketime is missing: apt-get install faketime")
        shutil.copy(found[0], machine.root / "usr/lib/libfaketime.so.1")
        settings = machine.root / "etc/ssh/sshd_config.d/clock.conf"
        settings.write_text("SetEnv LD_PRELOAD=/usr/lib/libfaketime.so.1 FAKETIME=-400d DONT_FAKE_MONOTONIC=1\n")
    if machine.name == "bad-older":
        release = machine.root / "opt/siaga/releases/9.0.0-00000000"
        release.mkdir(parents=True)
        (machine.root / "opt/siaga/current").symlink_to("releases/9.0.0-00000000")
