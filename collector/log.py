"""The log on stderr: for people, or one JSON object a line for whoever gathers logs."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]
_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"


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


def log_to_stderr(level: int, form: LogFormat) -> None:
    """Send the log to stderr.

    Args:
        level: The least level that is told, such as `logging.INFO`.
        form: Its form.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=level, handlers=[handler])
