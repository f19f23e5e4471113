"""A Mosquitto broker on 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Final

from siaga.stack.process import Process, free_port

_POLL_S: Final = 0.005
_START_TIMEOUT_S: Final = 10.0

_CONFIG: Final = """\
# Written by Siaga at each start.
listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages 10000
max_queued_bytes 67108864
max_packet_size 1048576
log_dest stderr
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%S
"""

# Mosquitto run as root changes to a user of its own, which makes the kernel forget the parent-death signal.
_AS_ROOT: Final = "user root\n"


class Mosquitto(Process):
    """A broker: no persistence, because the ends keep what has no receipt.

    Args:
        folder: Where its configuration and log go.
        name: Its name, and that of both files.
        port: The port on 127.0.0.1; None takes a free one. A restart uses it again.
    """

    def __init__(self, folder: Path, name: str, port: int | None = None) -> None:
        self.port = port if port is not None else free_port()
        self._config = folder / f"{name}.conf"
        super().__init__(["mosquitto", "-c", str(self._config)], name=name, folder=folder)

    def launch(self) -> None:
        """Start it without waiting.

        Raises:
            ProcessError: It runs already or is not installed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text(_CONFIG.format(port=self.port) + (_AS_ROOT if os.geteuid() == 0 else ""))
        super().start()

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            ProcessError: It is not installed, ended, or accepts none within 10 s.
        """
        self.launch()
        self.wait_ready()

    def wait_ready(self, timeout_s: float = _START_TIMEOUT_S) -> None:
        """Wait until it accepts connections.

        Raises:
            ProcessError: It ended, or `timeout_s` seconds passed.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            running = self.running
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
                # Another program may listen on the port while ours ends for that reason.
                if running and self.running:
                    return
            self.check_waiting(deadline, timeout_s, running=running)
            time.sleep(_POLL_S)
