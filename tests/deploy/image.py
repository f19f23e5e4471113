"""The bare Debian 12 that the machines are copies of: made once by debootstrap, kept in the cache.

It has what Debian's installer leaves on a machine (systemd, ssh, Python) and nothing of ours.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.deploy.errors import DeployError
from tests.deploy.network import HUB_ADDRESS

APT_PORT: Final = 3142
_PACKAGES: Final = ",".join(
    (
        *("systemd", "systemd-sysv", "libpam-systemd", "udev", "dbus", "openssh-server", "python3", "python3-apt"),
        *("iproute2", "procps", "ca-certificates", "sudo", "tzdata"),
    )
)
_SOURCES: Final = """\
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
"""


def cache() -> Path:
    """Return the folder that is kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "siaga-deploy"


def image() -> Path:
    """Return the image's folder, made when it is not there (a minute).

    Raises:
        DeployError: debootstrap is missing or failed.
    """
    digest = hashlib.sha256(f"{_PACKAGES}{_SOURCES}".encode()).hexdigest()[:8]
    made = cache() / f"bookworm-{digest}"
    if made.exists():
        return made
    if shutil.which("debootstrap") is None or shutil.which("systemd-nspawn") is None:
        raise DeployError("debootstrap or systemd-nspawn is missing: apt-get install debootstrap systemd-container")
    half = made.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    half.parent.mkdir(parents=True, exist_ok=True)
    log = cache() / "debootstrap.log"
    with log.open("w") as told:
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(half)],
            stdout=told,
            stderr=told,
        )
    if done.returncode:
        raise DeployError(f"debootstrap failed: {log.read_text()[-1000:]}\nthe whole of it: {log}")
    _settle(half)
    half.rename(made)
    return made


def _settle(root: Path) -> None:
    """Leave the image as a freshly installed machine is: no identity yet, packages by the city's cache."""
    (root / "etc/apt/sources.list").write_text(_SOURCES)
    (root / "etc/apt/apt.conf.d/00city").write_text(f'Acquire::http::Proxy "http://{HUB_ADDRESS}:{APT_PORT}";\n')
    (root / "etc/machine-id").write_text("")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for package in (root / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()
