"""The city that is deployed: its folder with inventory, hardware, authority and secrets, as docs/deploy.md has it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from siaga.demo.files import WALL_TOML
from siaga.demo.places import spots
from tests.deploy.network import address, run
from tests.deploy.presses import LINES, SOCKET

CENTRE: Final = "centre-1"
BOXES: Final = ("box-1", "box-2")
SCREEN: Final = "screen-1"
BELL: Final = "bell-1"
CLOCKED: Final = BOXES[1]
"""The machine with chrony."""
ADDRESSES: Final = {
    CENTRE: address(10),
    BOXES[0]: address(21),
    BOXES[1]: address(22),
    SCREEN: address(31),
    BELL: address(32),
}
SCREEN_NUMBER: Final = 1
UNFIT: Final = ("bad-space", "bad-clock", "bad-arch", "bad-older", "bad-secret")
"""Boxes that are not fit, by what is wrong with each."""
UNFIT_ADDRESSES: Final = {name: address(41 + number) for number, name in enumerate(UNFIT)}
NAMES: Final = ("centre.kota.example", "alarm.kota.example", "telemetry.kota.example")
_LANES: Final = ("alarm", "telemetry")


class City:
    """The city's folder on the control machine.

    Args:
        folder: The folder; what is in it is made anew.
        repository: The checkout that is deployed.
    """

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder = folder
        self.repository = repository
        self.authority = folder / "authority"
        self.key = folder / "ssh" / "id_ed25519"
        self.front = folder / "tls" / "centre.pem"
        self.machines = folder / "siaga.toml"
        self.unfit = folder / "unfit.toml"

    @property
    def public_key(self) -> str:
        """The line by which a machine lets the control machine in."""
        return self.key.with_suffix(".pub").read_text()

    def make(self) -> None:
        """Make it.

        Raises:
            DeployError: A command failed.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("ssh", "tls", "boxes"):
            (self.folder / name).mkdir(parents=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "control", "-f", str(self.key))
        self._make_front()
        self._make_authority()
        for box in (*BOXES, *UNFIT):
            (self.folder / "boxes" / f"{box}.toml").write_text(hardware_toml())
        (self.folder / "inventory.toml").write_text(places_toml())
        (self.folder / "wall.toml").write_text(WALL_TOML)
        self.machines.write_text(machines_toml(BOXES))
        self.unfit.write_text(machines_toml((BOXES[0], *UNFIT)))

    def _make_front(self) -> None:
        names = ",".join([f"IP:{ADDRESSES[CENTRE]}", *(f"DNS:{name}" for name in NAMES)])
        run(
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "30",
            ),
            *("-subj", f"/CN={NAMES[0]}", "-addext", f"subjectAltName={names}"),
            *("-keyout", str(self.front.with_suffix(".key")), "-out", str(self.front)),
        )

    def _make_authority(self) -> None:
        self._provision("ca", "init")
        for lane in _LANES:
            # The centre's own services come in on loopback.
            hosts = (ADDRESSES[CENTRE], f"{lane}.kota.example", "127.0.0.1")
            self._provision("ca", "issue", "broker", lane, *(word for host in hosts for word in ("--host", host)))
            settings = self.authority / "brokers" / lane / "broker.toml"
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text(f'at = "/etc/siaga/brokers/{lane}"\nuser = "mosquitto"\ncentre_bind = ""\n')
        self._provision("ca", "issue", "device", *BOXES, *(name for name in UNFIT if name != "bad-secret"))
        self._provision("broker", "render")

    def _provision(self, *words: str) -> None:
        run(sys.executable, "-m", "siaga.main", "provision", *words, "--folder", str(self.authority))


def hardware_toml() -> str:
    """Return what hangs on a box, as its technician writes it."""
    tables = [
        f'[[buttons]]\nid = "{line}"\nuri = "sim://{SOCKET}?line={line}"\nlamp = "sim://{SOCKET}?line={line}"'
        for line in LINES
    ]
    return "\n\n".join(tables) + "\n"


def places_toml() -> str:
    """Return where the buttons are, as an officer sees it."""
    tables = ["version = 1"]
    for box, spot in zip(BOXES, spots(len(BOXES)), strict=True):
        place = f"address = {_text(spot.address)}\nlatitude = {spot.latitude}\nlongitude = {spot.longitude}"
        tables += [
            f"[[sites]]\nid = {_text(spot.site)}\n{place}",
            f"[[devices]]\nname = {_text(box)}\nlabel = {_text(spot.label)}\nsite = {_text(spot.site)}",
        ]
        tables += [f"[[buttons]]\ndevice = {_text(box)}\nid = {_text(line)}\n{place}" for line in LINES]
    return "\n\n".join(tables) + "\n"


def machines_toml(boxes: Iterable[str]) -> str:
    """Return the city's machines, with these boxes; the first one is the canary."""
    addresses = ADDRESSES | UNFIT_ADDRESSES
    tables = [
        'city = "kota"',
        f'[centre]\nname = "{CENTRE}"\naddress = "{addresses[CENTRE]}"\nvars = {{ duty_desk_bells = ["bell"] }}',
        f'[[screens]]\nname = "{SCREEN}"\naddress = "{addresses[SCREEN]}"\narch = "x86_64"\nnumber = {SCREEN_NUMBER}',
        f'[[bells]]\nname = "{BELL}"\naddress = "{addresses[BELL]}"\narch = "x86_64"\n'
        f'vars = {{ bell_siren = "sim://{SOCKET}?line={LINES[0]}" }}',
    ]
    for number, box in enumerate(boxes):
        clocked = f'\nvars = {{ base_clock = true, base_ntp_servers = ["{addresses[CENTRE]}"] }}' * (box == CLOCKED)
        canary = "\ncanary = true" if number == 0 else ""
        tables.append(f'[[boxes]]\nname = "{box}"\naddress = "{addresses[box]}"\narch = "x86_64"{canary}{clocked}')
    return "\n\n".join(tables) + "\n"


def _text(value: str) -> str:
    # A JSON string without control characters is a TOML basic string.
    return json.dumps(value, ensure_ascii=False)
