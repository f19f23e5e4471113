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

    Raises:
        DeployError: What is needed for that is not on this machine.
    """
    if machine.name == "bad-clock":
        found = glob.glob(_FAKETIME)
        if not found:
            raise DeployError("libfaketime is missing: apt-get install faketime")
        shutil.copy(found[0], machine.root / "usr/lib/libfaketime.so.1")
        (machine.root / "etc/faketimerc").write_text("-400d\n")
        (machine.root / "etc/ld.so.preload").write_text("/usr/lib/libfaketime.so.1\n")
    if machine.name == "bad-older":
        release = machine.root / "opt/siaga/releases/9.0.0-00000000"
        release.mkdir(parents=True)
        (machine.root / "opt/siaga/current").symlink_to("releases/9.0.0-00000000")
