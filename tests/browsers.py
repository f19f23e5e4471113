"""How Debian's Chromium is started for a test, and how long a test waits for a page."""

from __future__ import annotations

import shutil
from typing import Final

from playwright.async_api import expect

WHOLE: Final = "/usr/bin/chromium"
"""As people have it, with windows, notifications and push."""
SHELL: Final = shutil.which("chromium-headless-shell") or WHOLE
"""Of the same source and version, without what is around a page: a page costs 0.1 s of a processor, not 0.9 s."""
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
