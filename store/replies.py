"""What a reply of InfluxDB means for whoever wrote to it. Pure.

| Reply | Meaning |
|---|---|
| 204 | accepted |
| 400, 422 | points refused; with `partial write` the good ones are stored |
| 413 | too large, write it in parts |
| 429, 503 with Retry-After | slow down |
| 5xx, 408 | retry |
| 401, 403 | our account is not let in, or may not do that |
| anything else: 404, redirects, 200 with a page of a proxy | misconfigured |

The status alone decides; a body that is cut short, is HTML or is missing only makes the words poorer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from store.account import Account
from store.errors import (
    StoreDeniedError,
    StoreError,
    StoreMisconfiguredError,
    StorePartialError,
    StoreRefusedError,
    StoreRetryError,
    StoreSlowDownError,
    StoreTooLargeError,
)

MAX_REASON = 500
"""Characters of a store's reason that are kept."""
MAX_RETRY_AFTER_S = 300.0
_DEFAULT_RETRY_AFTER_S = 5.0
_DROPPED = re.compile(r"\bdropped=(\d+)\s*\Z")


def write_fault(
    status: int, headers: Mapping[str, str], body: bytes, account: Account | None = None
) -> StoreError | None:
    """Return the error that a reply to a write stands for, or None when every point was accepted.

    Args:
        status: The HTTP status.
        headers: The reply's headers, with names in any case.
        body: The reply's body, possibly cut short.
        account: Who asked.
    """
    if status == 204:
        return None
    reason = reason_of(headers, body)
    if status in (400, 422):
        return _refused(reason or f"HTTP {status}")
    if status == 413:
        return StoreTooLargeError(reason or "HTTP 413")
    return trouble(status, headers, reason, account)


def trouble(status: int, headers: Mapping[str, str], reason: str, account: Account | None) -> StoreError:
    """Return the error for a reply that says nothing about the points or the query themselves."""
    if status in (401, 403):
        return _denied(f"{status}: {reason}" if reason else f"{status}", status, account)
    words = f"the store answered {status}" + (f": {reason}" if reason else "")
    retry_after = _header(headers, "retry-after")
    if status == 429 or (status == 503 and retry_after):
        return StoreSlowDownError(words, _seconds(retry_after))
    if status >= 500 or status == 408:
        return StoreRetryError(words)
    return StoreMisconfiguredError(words)


def reason_of(headers: Mapping[str, str], body: bytes) -> str:
    """Return the store's own words: the JSON key `error` or `message`, the header X-Influxdb-Error, or the start."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        for key in ("error", "message"):
            if isinstance(value.get(key), str):
                return str(value[key])[:MAX_REASON]
    named = _header(headers, "x-influxdb-error")
    return (named or " ".join(text.split()))[:MAX_REASON]


def _denied(why: str, status: int, account: Account | None) -> StoreDeniedError:
    if account is None:
        return StoreDeniedError(f"the store lets nobody in without an account ({why}); give username and password_file")
    who = f"user {account.username}"
    if status == 401:
        hint = f'put its password there, or as an admin: SET PASSWORD FOR "{account.username}" = …'
        return StoreDeniedError(f"the store refuses {who} with the password in {account.password_file} ({why}); {hint}")
    return StoreDeniedError(f"{who} may not do that in the store ({why}); an admin may grant it, or take another user")


def _refused(reason: str) -> StoreRefusedError:
    if not reason.startswith("partial write"):
        return StoreRefusedError(reason)
    found = _DROPPED.search(reason)
    dropped = int(found.group(1)) if found else 0
    return StorePartialError(reason, dropped or None)


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _seconds(retry_after: str) -> float:
    """Return Retry-After in seconds, within 0 and MAX_RETRY_AFTER_S; a date or nonsense counts as the default."""
    digits = retry_after.strip()
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        return _DEFAULT_RETRY_AFTER_S
    return min(float(digits), MAX_RETRY_AFTER_S)
