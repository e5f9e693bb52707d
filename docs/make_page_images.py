"""Photograph the page of a server, walking through what it can do.

    recurra demo
    recurra serve demo shakespeare tweets
    python docs/make_page_images.py http://127.0.0.1:8000 docs/images

`shakespeare` is a language model of characters, `tweets` a classifier fitted with --no-bidirectional. Needs chromium;
RECURRA_CHROMIUM names it where it isn't /usr/bin/chromium.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FloatRect, Page, expect, sync_playwright

from recurra.data import carried_path

WIDTH = 1000
KEPT_BACK = 20


def begin(browser: Browser, address: str, *, width: int = WIDTH, **options: Any) -> Page:
    """The page after the carried sunspots were pasted and some of them played."""
    page = browser.new_page(viewport={"width": width, "height": 800}, **options)
    page.goto(f"{address}/#model=demo")
    page.locator("summary").first.click()
    page.locator("details input[type=number]").first.fill(str(KEPT_BACK))
    page.locator("summary").first.click()
    page.locator("textarea").fill(Path(carried_path("sunspots")).read_text())
    page.locator("form button.main").first.click()
    page.locator(".handle").wait_for()
    steps = page.locator(".facts dd").first
    for _ in range(KEPT_BACK):
        before = steps.inner_text()
        page.locator(".lane .row:not(.state) button").nth(1).click()
        expect(steps).not_to_have_text(before)
    return page


def photograph(page: Page, picture: Path, first: str, last: str) -> None:
    """Save what lies between the tops of two parts, the second one's bottom included."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    top, end = page.locator(first).first.bounding_box(), page.locator(last).first.bounding_box()
    assert top is not None and end is not None
    scrolled = page.evaluate("scrollY")
    low, high = top["y"] + scrolled, end["y"] + scrolled + end["height"]
    y, height = max(0.0, low - 16), high - low + 32
    clip: FloatRect = {"x": 0, "y": y, "width": page.evaluate("innerWidth"), "height": height}
    page.screenshot(path=picture, full_page=True, clip=clip)


def walk(address: str, folder: Path) -> None:
    """One picture for each section of docs/page.md."""
    with sync_playwright() as playwright:
        chromium = os.environ.get("RECURRA_CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = begin(browser, address, locale="en-US")
        photograph(page, folder / "page_live.png", ".top", ".lane")
        page.get_by_role("button", name="Hold", exact=True).click()
        page.get_by_role("button", name="Let go").wait_for()
        photograph(page, folder / "page_inside.png", "section:has(#inside)", "section:has(#inside)")
        page.get_by_role("button", name="Let go").click()
        page.get_by_role("button", name="Fork").click()
        fork = page.locator(".lane").nth(1)
        for value in ("120", "160"):
            fork.locator(".next input").fill(value)
            fork.get_by_role("button", name="Push").click()
            page.wait_for_timeout(500)
        photograph(page, folder / "page_forks.png", ".lanes", ".lanes")
        photograph(page, folder / "page_card.png", "section:has(#about)", "section:has(#about) dl")
        walk_texts(browser, address, folder)
        page = begin(browser, address, width=360, locale="zh-CN", color_scheme="dark")
        photograph(page, folder / "page_phone.png", ".top", ".lane")
        browser.close()


def walk_texts(browser: Browser, address: str, folder: Path) -> None:
    """The pictures of models that read texts."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 800}, locale="en-US")
    page.goto(f"{address}/#model=shakespeare")
    text = page.get_by_label("Type or paste a text")
    text.fill("KING RICHARD:\nWhat news, my lord? The zebra ")
    page.locator(".surprise").wait_for()
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for()
    page.get_by_role("button", name="Generate").wait_for()
    page.locator(".shares").wait_for()
    photograph(page, folder / "page_text.png", ".lane", ".lane")
    page = browser.new_page(viewport={"width": WIDTH, "height": 800}, locale="en-US")
    page.goto(f"{address}/#model=tweets")
    page.get_by_label("Type or paste a text").fill("No answer, two hours on hold. Great crew though, thanks!")
    page.get_by_text("After 14 words").wait_for()
    photograph(page, folder / "page_labels.png", ".lane", "section:has(#inside) .heat")


if __name__ == "__main__":
    walk(sys.argv[1], Path(sys.argv[2]))
