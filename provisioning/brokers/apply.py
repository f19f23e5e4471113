"""A broker's files: rendered into its folder, and taken over by the broker that runs.

The broker's folder is all that its host needs. Revoking and restoring change `device.acl`, and a reload makes it count;
new roots need a restart, of one broker after the other, as the boxes have the second path meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.settings import load_toml
from contract.topics import Lane
from provisioning.authority_layout import Layout
from provisioning.brokers import render
from provisioning.brokers.accounts import (
    ensure_password,
    ensure_share_group,
    known_accounts,
    password_file,
    password_lines,
)
from provisioning.brokers.model import LANES, MODELS, Account, Broker
from provisioning.brokers.placing import hand_over, place, read_text
from provisioning.brokers.running import reload
from provisioning.errors import UnusableError
from provisioning.files import locked, make_folder, read_file

SETTINGS: Final = "broker.toml"

EXAMPLES: Final = {
    "device_port": "device_port = 8883",
    "centre_port": "centre_port = 8893",
    "device_bind": 'device_bind = "203.0.113.7"',
    "centre_bind": 'centre_bind = "10.0.0.7"',
    "at": 'at = "/etc/siaga/alarm-broker"',
    "user": 'user = "mosquitto"',
    "log_file": 'log_file = "/var/log/mosquitto/alarm.log"',
    "limits": "[limits]\npacket_bytes = 1048576",
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A broker's files.

    Attributes:
        broker: What they say.
        folder: Where they are.
        passwords: Each service's password file, by name.
        revoked: The devices that are shut out.
        changed: The names of the files whose text is new.
    """

    broker: Broker
    folder: Path
    passwords: Mapping[str, Path]
    revoked: frozenset[str]
    changed: frozenset[str] = frozenset()

    @property
    def config(self) -> Path:
        """What `mosquitto -c` takes."""
        return self.folder / render.CONFIG

    @property
    def trust(self) -> Path:
        """The roots that a client trusts, and that the broker trusts a device by."""
        return self.folder / render.TRUST


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did for one lane's broker.

    Attributes:
        lane: Which.
        changed: The names of the files whose text is new.
        reloaded: The process that was told to reload; None when none runs here.
        restart: Whether the broker must be restarted, one after the other, because the roots it trusts are others.
    """

    lane: Lane
    changed: frozenset[str]
    reloaded: int | None
    restart: bool


def load_broker(folder: Path, lane: Lane) -> Broker:
    """Return what a lane's broker is by `brokers/LANE/broker.toml`; without that file it has the defaults.

    Raises:
        ConfigError: The file is wrong.
        UnusableError: It cannot be read.
    """
    path = Layout(folder).broker_folder(lane) / SETTINGS
    text = read_file(path).decode("utf-8", "replace") if path.exists() else ""
    return load_toml(text, MODELS[lane], source=str(path), examples=EXAMPLES)


def render_broker(
    folder: Path,
    lane: Lane,
    *,
    revoked: Iterable[str],
    broker: Broker | None = None,
    accounts: Iterable[Account] | None = None,
) -> Rendered:
    """Write the files of one lane's broker into `brokers/LANE` of an authority's folder.

    A file that has its text already stays. With the broker's certificate and key, which are there before, that folder
    is all that the broker's host needs: copy it as a whole.

    Args:
        folder: The authority's folder.
        lane: Which broker.
        revoked: The devices that are shut out.
        broker: What it is; None takes `broker.toml`.
        accounts: Its accounts; None takes the default ones and those that have a password.

    Raises:
        ConfigError: `broker.toml` is wrong.
        UnusableError: Its certificate, key or roots are missing, or a file cannot be read or written.
        AccountError: A password file is named after no known service.
    """
    layout = Layout(folder)
    home = layout.broker_folder(lane)
    for needed in (layout.broker_certificate(lane), layout.broker_key(lane), layout.trust):
        if not needed.exists():
            raise UnusableError(f"{needed}: no such file", f"first: siaga provision ca issue broker {lane}")
    make_folder(home)
    shut_out = frozenset(revoked)
    broker = broker if broker is not None else load_broker(folder, lane)
    chosen = [one for one in (accounts if accounts is not None else known_accounts(folder)) if one.grants(lane)]
    if lane == "telemetry":
        ensure_share_group(folder)
    passwords = {one.name: ensure_password(folder, one.name) for one in chosen}
    with locked(home):
        texts = {
            render.DEVICE_ACL: render.render_device_acl(shut_out),
            render.CENTRE_ACL: render.render_centre_acl(lane, chosen),
            render.PASSWORDS: password_lines(lane, chosen, passwords, read_text(home / render.PASSWORDS)),
            render.TRUST: read_file(layout.trust).decode(),
            render.CONFIG: render.render_config(broker, Path(broker.at) if broker.at else home.resolve()),
        }
        changed = place(home, texts, broker.user)
        hand_over(home, broker.user)
    return Rendered(broker, home, {name: password_file(folder, name) for name in passwords}, shut_out, changed)


def apply(folder: Path, revoked: Iterable[str]) -> list[Applied]:
    """Bring each broker that was rendered in step with who is revoked and which roots are trusted, and tell it.

    A broker that runs on this host out of its folder reloads at once: the live session of a revoked device is silent
    from then on. Another one has to be given the files first.

    Raises:
        UnusableError: A file cannot be read or written; what was there stays, and no broker was told about it.
        ProvisioningError: A broker runs but may not be told by this user.
    """
    layout = Layout(folder)
    text = render.render_device_acl(revoked)
    done = []
    for lane in LANES:
        home = layout.broker_folder(lane)
        if not (home / render.CONFIG).exists():
            continue
        with locked(home):
            broker = load_broker(folder, lane)
            texts = {render.DEVICE_ACL: text, render.TRUST: read_file(layout.trust).decode()}
            changed = place(home, texts, broker.user)
            hand_over(home, broker.user)
            done.append(Applied(lane, changed, reload(home), restart=render.TRUST in changed))
    return done
