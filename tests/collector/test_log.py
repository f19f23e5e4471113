"""The log for people and for programs."""

from __future__ import annotations

import json
import logging

from collector.log import JsonFormatter


def _record(message: str, *args: object, **kwargs: object) -> logging.LogRecord:
    return logging.getLogger("siaga.collector").makeRecord(
        "siaga.collector",
        logging.WARNING,
        __file__,
        1,
        message,
        args,
        kwargs.get("exc_info"),  # type: ignore[arg-type]
    )


def test_a_record_is_one_json_object_a_line() -> None:
    line = JsonFormatter().format(_record("a\nb %s", "\x1b[31mé"))
    assert "\n" not in line
    value = json.loads(line)
    assert (value["level"], value["logger"], value["message"]) == ("warning", "siaga.collector", "a\nb \x1b[31mé")
    assert value["time"].endswith("+00:00")
    assert "exception" not in value


def test_a_traceback_comes_along() -> None:
    try:
        raise RuntimeError("ours")
    except RuntimeError as error:
        record = _record("oh", exc_info=(type(error), error, error.__traceback__))
    value = json.loads(JsonFormatter().format(record))
    assert value["exception"].endswith("RuntimeError: ours")
