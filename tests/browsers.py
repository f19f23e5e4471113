"""How Debian's Chromium is started for a test, and how long a test waits for a page."""

from __future__ import annotations

from typing import Final

from playwright.async_api import expect

CHROMIUM: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# A machine that draws maps in software and runs the whole suite has other work, too.
expect.set_options(timeout=15_000)
