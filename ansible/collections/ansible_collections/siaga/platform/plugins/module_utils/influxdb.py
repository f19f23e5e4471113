"""What both modules of accounts share: the InfluxDB of this machine, asked over loopback, and its secrets' files."""

# mypy: ignore-errors

from __future__ import annotations

import time
import urllib.error
import urllib.request
from pathlib import Path

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The database is on this machine: no proxy of the environment stands between."""


class RefusedError(Exception):
    """InfluxDB did not do it; `status` is HTTP's."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status = status


def answer(request, timeout_s=10):
    """Return the bytes of an answer to a request, or to a GET of a URL.

    Raises:
        RefusedError: It answers and refuses.
        OSError: It does not answer.
    """
    try:
        with _OPENER.open(request, timeout=timeout_s) as told:
            return told.read()
    except urllib.error.HTTPError as error:
        raise RefusedError(error.code, error.read(300).decode("utf-8", "replace").strip()) from None


def wait(url, timeout_s):
    """Wait until it answers a GET; raise what it last came to when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            answer(url, 2)
            return
        except (OSError, RefusedError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def secret(module, name, kind):
    """Return an account's secret out of its file; from here on the module's result hides it."""
    found = Path(module.params["folder"], f"store-{name}.{kind}").read_text(encoding="ascii").strip()
    module.no_log_values.add(found)
    return found


def arguments(owner, **more):
    """Return what both modules take; `owner` is whose a file is when nobody says."""
    account = {
        "name": {"type": "str", "required": True},
        "right": {"type": "str", "choices": ["", "READ", "WRITE"], "default": ""},
        "owner": {"type": "str", "default": owner},
    }
    return {
        "accounts": {"type": "list", "elements": "dict", "required": True, "options": account},
        "folder": {"type": "path", "default": "/etc/siaga/credentials"},
        "url": {"type": "str", "default": "http://127.0.0.1:8086"},
        "timeout_s": {"type": "int", "default": 60},
        **more,
    }
