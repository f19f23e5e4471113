"""Draws the console's icons from their SVGs, as phones take no SVG for an app or a notification.

    .venv/bin/python scripts/icons.py

Needs what `make test` needs: Debian's Chromium and Playwright.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

FOLDER: Final = Path(__file__).parents[1] / "duty_desk" / "console" / "icons"
DRAWN: Final = (("app", 192), ("app", 512), ("badge", 96))


def main() -> None:
    """Draw them all."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--headless", "--no-sandbox"])
        for name, size in DRAWN:
            page = browser.new_page(viewport={"width": size, "height": size})
            svg = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
            page.set_content(f"<style>*{{margin:0}}svg{{display:block;width:{size}px;height:{size}px}}</style>{svg}")
            page.screenshot(path=FOLDER / f"{name}-{size}.png", omit_background=True)
        browser.close()


if __name__ == "__main__":
    main()
