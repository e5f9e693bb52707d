"""Photograph the top of a report, for the README.

    recurra demo
    python docs/make_report_image.py demo/report.html docs/images/report.png

Needs chromium; RECURRA_CHROMIUM names it where it isn't /usr/bin/chromium.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH = 1000
LAST = "section:has(#ahead)"  # what the picture ends with


def photograph(report: Path, picture: Path) -> None:
    """Save what a browser shows of the report, from its top to the forecast."""
    with sync_playwright() as playwright:
        chromium = os.environ.get("RECURRA_CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 800}, color_scheme="light", offline=True)
        page.goto(report.resolve().as_uri())
        box = page.locator(LAST).bounding_box()
        assert box is not None, f"{report} has no section {LAST}"
        height = box["y"] + box["height"] + 24
        page.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
        browser.close()


if __name__ == "__main__":
    photograph(Path(sys.argv[1]), Path(sys.argv[2]))
