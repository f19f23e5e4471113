"""A rendered broker started on the side: the same files in a folder of its own, on free ports.

What differs from the files that were rendered, and nothing else does: ports and paths; the log; the user, when root
tries it; one more root beside those it trusts, so that a trial can issue certificates without a key of the real
authority; and an account `centre.check` that may do everything, to send what others are not to get.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import mqtt5

from contract.errors import SiagaError
from provisioning.brokers import render
from provisioning.brokers.accounts import read_password
from provisioning.brokers.apply import Rendered
from provisioning.brokers.model import CENTRE, Account
from provisioning.brokers.placing import this_user
from provisioning.brokers.probe import Probe
from provisioning.brokers.throwaway import Pair, Throwaway, client_tls

CHECKER: Final = f"{CENTRE}check"

_START_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.005
_LOG_LINES: Final = 4
_LISTENER: Final = re.compile(r"^listener[ \t]+(\d+).*$", re.MULTILINE)


class TrialError(SiagaError):
    """The broker does not start out of these files; the text says why."""


class Trial:
    """A broker on trial: `with Trial(rendered) as trial`.

    Args:
        rendered: The files to try. They stay as they are.
    """

    def __init__(self, rendered: Rendered) -> None:
        self.rendered = rendered
        self.lane = rendered.broker.lane
        self.device_port = 0
        self.centre_port = 0
        self._password = secrets.token_urlsafe(32)
        self._process: subprocess.Popen[bytes] | None = None
        self._pairs: dict[str, Pair] = {}

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="siaga-broker-check-"))
        try:
            self.ours = Throwaway(self.folder / "ca", "trial")
            self.strangers = Throwaway(self.folder / "ca", "stranger")
            with _kept_port() as self.device_port, _kept_port() as self.centre_port:
                self._copy()
                self._start()
        except BaseException:  # also at Ctrl-C: no broker and no key on trial is left behind
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def device(self, name: str, client_id: str | None = None, **options: object) -> Probe:
        """Return a device's connection, not yet open; the certificate is issued here."""
        if name not in self._pairs:
            self._pairs[name] = self.ours.device(name)
        return self.as_pair(self._pairs[name], name if client_id is None else client_id, **options)

    def as_pair(self, pair: Pair | None, client_id: str, **options: object) -> Probe:
        """Return a connection to the devices' listener with any certificate, or none."""
        tls = client_tls(self.rendered.trust, pair)
        return Probe(self.device_port, tls, client_id, **options)  # type: ignore[arg-type] # passed on as they are

    def service(self, account: Account, client_id: str | None = None, *, password: str | None = None) -> Probe:
        """Return a service's connection, not yet open, with the password that it has on disk or another one."""
        if password is None:
            password = read_password(self.rendered.passwords[account.name])
        return self.login(account.username, password, client_id)

    def login(self, username: str | None, password: str | None, client_id: str | None = None) -> Probe:
        """Return a connection to the centre's listener."""
        tls = client_tls(self.rendered.trust)
        return Probe(self.centre_port, tls, client_id or username or "nobody", username=username, password=password)

    def checker(self) -> Probe:
        """Return the connection of the account that may do everything."""
        return self.login(CHECKER, self._password)

    def set_revoked(self, names: frozenset[str]) -> None:
        """Replace the device ACL, as `apply` does, and tell the broker to reload."""
        new = self.folder / ".new"
        new.write_text(render.render_device_acl(names))
        os.replace(new, self.folder / render.DEVICE_ACL)
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def log(self) -> str:
        """Return what the broker wrote to its log."""
        path = self.folder / "trial.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _copy(self) -> None:
        home, broker = self.rendered.folder, self.rendered.broker
        for name in (render.DEVICE_ACL, render.CENTRE_ACL, render.PASSWORDS, render.CERTIFICATE, render.KEY):
            if (home / name).exists():
                shutil.copyfile(home / name, self.folder / name)
        trust = self.rendered.trust.read_bytes() + self.ours.root.read_bytes()
        (self.folder / render.TRUST).write_bytes(trust)
        with (self.folder / render.CENTRE_ACL).open("a") as file:
            file.write(f"\nuser {CHECKER}\ntopic readwrite #\ntopic read $SYS/#\n")
        with (self.folder / render.PASSWORDS).open("a") as file:
            file.write(render.render_password(CHECKER, self._password, secrets.token_bytes(render.SALT_BYTES)))
        text = (home / render.CONFIG).read_text()
        text = text.replace(broker.at or str(home.resolve()), str(self.folder))
        ports = {str(broker.device_port): self.device_port, str(broker.centre_port): self.centre_port}
        found = _LISTENER.findall(text)
        if sorted(found) != sorted(ports) or re.search(r"^(port|bind_address|include_dir)\b", text, re.MULTILINE):
            raise TrialError(f"{render.CONFIG} has other listeners than {' and '.join(sorted(ports))}; render it again")
        text = _LISTENER.sub(lambda match: f"listener {ports[match.group(1)]} 127.0.0.1", text)
        text = re.sub(r"^log_dest .*$", "log_dest stderr", text, flags=re.MULTILINE)
        if os.geteuid() == 0:
            text = re.sub(r"^user .*$", f"user {this_user()}", text, flags=re.MULTILINE)
        (self.folder / render.CONFIG).write_text(text)

    def _start(self) -> None:
        program = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
        if program is None:
            raise TrialError("mosquitto is not installed")
        with (self.folder / "trial.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(self.folder / render.CONFIG)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        for port in (self.device_port, self.centre_port):
            while not _accepts(port):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    tail = " | ".join(self.log().splitlines()[-_LOG_LINES:])
                    raise TrialError(f"mosquitto does not start: {tail}")
                time.sleep(_POLL_S)

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def forged_will(topic: str, body: bytes) -> mqtt5.Will:
    """Return a will at QoS 1."""
    return mqtt5.Will(topic, payload=body, qos=mqtt5.QoS.AT_LEAST_ONCE)


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True
    return False


@contextlib.contextmanager
def _kept_port() -> Iterator[int]:
    """Yield a free port that the kernel gives to nobody else meanwhile; a broker may listen on it.

    It is bound and not listened on: with SO_REUSEADDR, which Mosquitto sets too, a second bind that names it succeeds.
    """
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        port: int = kept.getsockname()[1]
        yield port
