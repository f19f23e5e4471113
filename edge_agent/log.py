"""The log on stderr: for people, or one JSON object a line. No log, however slow or full, ever holds up the agent.

Rules:
- Lines are written by a thread of their own. At most 1,000 wait for it; what is beyond, and what stderr refuses, as a
  full disk does, is counted and gone.
- What waits at the end has half a second.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, Literal

LogFormat = Literal["text", "json"]
FORMATS: Final = ("text", "json")
MOST_LINES: Final = 1_000
_END_S: Final = 0.5
_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_STDERR: Final = 2


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time (UTC), level, logger, message, and the traceback as `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        value = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            value["exception"] = self.formatException(record.exc_info)
        return json.dumps(value, ensure_ascii=False)


class LogWriter(logging.Handler):
    """Writes records to a file descriptor, and waits for nobody.

    `lost` counts the lines that were not written.

    Args:
        form: How a line looks.
        descriptor: Where to.
    """

    def __init__(self, form: LogFormat, descriptor: int = _STDERR) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes | None] = queue.Queue(MOST_LINES)
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()
        self.lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        try:
            self._lines.put_nowait(self.format(record).encode(errors="backslashreplace") + b"\n")
        except queue.Full:
            self.lost += 1
        except Exception:  # noqa: BLE001 - a record that cannot be worded must not end who told it
            self.lost += 1

    def close(self) -> None:
        """Write what waits, for half a second at most."""
        until_s = time.monotonic() + _END_S
        with suppress(queue.Full):
            self._lines.put(None, timeout=_END_S)
        self._thread.join(max(0.0, until_s - time.monotonic()))
        super().close()

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                self.lost += 1


def log_to_stderr(level: str, form: LogFormat) -> LogWriter:
    """Send the log to stderr; return its writer, which is closed when the process ends.

    Args:
        level: The least level that is told, such as `info`.
        form: Its form.
    """
    writer = LogWriter(form)
    logging.basicConfig(level=level.upper(), handlers=[writer])
    return writer
