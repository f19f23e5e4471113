"""The texts of a broker's files. No I/O: a model in, text out.

What Mosquitto 2.0.11 does, each tried:
- a reload (SIGHUP) takes over both ACL files, the password file and the broker's own certificate and key, and keeps
  every session that is still allowed; it does *not* take over `cafile`: a new root needs a restart;
- `user NAME` with `topic deny #` beats the patterns, for writing and for delivery, wherever it stands in the file;
- an ACL file that cannot be read or parsed stops a *start* (status 13), but on a reload it allows everything to
  everyone: so these files are replaced by a rename only, with the owner and mode of the one before (`apply.py`);
- every SUBSCRIBE is granted (the SUBACK says 1), and what is not allowed is left out at delivery, retained messages
  and a kept session's queue included; a PUBLISH that is not allowed gets PUBACK 0x87, a will is dropped in silence;
- patterns are not applied to a name with `+` or `#`, but they are to one with `/`: the authority must refuse those.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

from contract.identity import NAME_PATTERN
from contract.topics import Lane
from provisioning.brokers.model import DEVICE_PATTERNS, Account, Broker

CONFIG: Final = "mosquitto.conf"
DEVICE_ACL: Final = "device.acl"
CENTRE_ACL: Final = "centre.acl"
PASSWORDS: Final = "centre.passwd"
TRUST: Final = "trust.pem"
CERTIFICATE: Final = "broker.pem"
KEY: Final = "broker.key"
PID_FILE: Final = "mosquitto.pid"

ITERATIONS: Final = 101
"""Mosquitto's own number. The passwords are 256 random bits, which no number of iterations makes harder to guess; each
log-in holds up the broker, which has one thread."""

SALT_BYTES: Final = 12

_CIPHERS_1_2: Final = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"
_CIPHERS_1_3: Final = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"

_GENERAL: Final = """\
# Written by `siaga provision broker render`, which writes it again; what you change goes into broker.toml beside it.
per_listener_settings true
user {user}
pid_file {pid_file}

# The ends keep what has no receipt, and each owner publishes its retained state again: the broker keeps nothing.
persistence false
persistent_client_expiration {session_hours}h

set_tcp_nodelay true
max_inflight_messages {inflight_messages}
max_queued_messages {queued_messages}
max_queued_bytes {queued_bytes}
max_packet_size {packet_bytes}
max_keepalive {keep_alive_s}
memory_limit {memory_bytes}

log_dest {log}
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%S
"""

_LISTENER: Final = """\

# {comment}
listener {port}{bind}
max_connections {connections}
allow_anonymous false
allow_zero_length_clientid false
tls_version tlsv1.2
ciphers {ciphers_1_2}
ciphers_tls1.3 {ciphers_1_3}
certfile {certificate}
keyfile {key}
acl_file {acl}
use_username_as_clientid true
"""

_DEVICES: Final = """\
cafile {trust}
require_certificate true
use_identity_as_username true
"""


def render_config(broker: Broker, folder: PurePath) -> str:
    """Return the text of `mosquitto.conf`.

    Args:
        broker: What the broker is.
        folder: Where its files lie on its host, absolute.
    """
    limits = broker.limits.model_dump()
    log = f"file {broker.log_file}" if broker.log_file else "stderr"
    text = _GENERAL.format(user=broker.user, pid_file=folder / PID_FILE, log=log, **limits)
    common = {
        "ciphers_1_2": _CIPHERS_1_2,
        "ciphers_1_3": _CIPHERS_1_3,
        "certificate": folder / CERTIFICATE,
        "key": folder / KEY,
    }
    text += _LISTENER.format(
        comment="Devices: the name in the certificate is user name and client id.",
        port=broker.device_port,
        bind=_address(broker.device_bind),
        connections=broker.limits.device_connections,
        acl=folder / DEVICE_ACL,
        **common,
    )
    text += _DEVICES.format(trust=folder / TRUST)
    text += _LISTENER.format(
        comment="The centre's services: one account a process.",
        port=broker.centre_port,
        bind=_address(broker.centre_bind),
        connections=broker.limits.centre_connections,
        acl=folder / CENTRE_ACL,
        **common,
    )
    return text + f"password_file {folder / PASSWORDS}\n"


def render_device_acl(revoked: Iterable[str]) -> str:
    """Return the text of `device.acl`: two lines for the fleet, and a block for each revoked device.

    Raises:
        ValueError: A name is none a device can have.
    """
    lines = ["# Written by `siaga provision`. %u is the name in the device's certificate."]
    lines += [f"pattern {direction} {topic}" for direction, topic in DEVICE_PATTERNS]
    for name in sorted(set(revoked)):
        if not _is_name(name):
            raise ValueError(f"{name!r} is no device's name")
        lines += ["", f"user {name}", "topic deny #"]
    return "\n".join(lines) + "\n"


def render_centre_acl(lane: Lane, accounts: Iterable[Account]) -> str:
    """Return the text of `centre.acl`: each account with just its topics."""
    lines = ["# Written by `siaga provision`."]
    for account in sorted(accounts, key=lambda one: one.name):
        if account.grants(lane):
            lines += ["", f"user {account.username}"]
            lines += [f"topic {grant.direction} {grant.topic}" for grant in account.grants(lane)]
    return "\n".join(lines) + "\n"


def render_password(username: str, password: str, salt: bytes) -> str:
    """Return an account's line of `centre.passwd`: PBKDF2-HMAC-SHA512, as mosquitto_passwd(1) of 2.0 writes it.

    Args:
        username: The user name.
        password: The password.
        salt: 12 random bytes.
    """
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"{username}:$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


def password_fits(line: str, username: str, password: str) -> bool:
    """Return whether a line of `centre.passwd` is this account's with this password; False for any other text."""
    try:
        name, hashed = line.rstrip("\n").split(":")
        _, kind, iterations, salt, digest = hashed.split("$")
        if name != username or kind != "7" or int(iterations) != ITERATIONS:
            return False
        made = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), ITERATIONS)
        return hmac.compare_digest(made, base64.b64decode(digest))
    except ValueError:
        return False


def _address(bind: str) -> str:
    return f" {bind}" if bind else ""


def _is_name(name: str) -> bool:
    return re.match(NAME_PATTERN.removesuffix("$") + r"\Z", name) is not None
