"""What tests of the page say to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
from playwright.sync_api import Page, expect

HORIZON = 7
Visit = Callable[..., Page]


def table(rows: int, *, shift: float = 0.0) -> str:
    """Daily units with a weekly season, as a CSV."""
    draw = np.random.default_rng(0)
    values = 20 + shift + 5 * np.sin(2 * np.pi * np.arange(rows) / 7) + 0.5 * draw.normal(size=rows)
    days = (date(2024, 1, 1) + timedelta(days=i) for i in range(rows))
    lines = (f"{day},{value:.2f},{i % 5}" for i, (day, value) in enumerate(zip(days, values, strict=True)))
    return "\n".join(["date,units,price", *lines]) + "\n"


def shops(rows: int) -> str:
    """Two shops with two targets each, as a CSV."""
    lines = ["shop,date,units,visits"]
    for shop, level in (("north", 20), ("south, by the sea", 60)):
        for line in table(rows, shift=level - 20).splitlines()[1:]:
            day, units, _ = line.split(",")
            lines.append(f'"{shop}",{day},{units},{10 * float(units):.1f}')
    return "\n".join(lines) + "\n"


def give(page: Page, text: str, *, wait: bool = True) -> None:
    """Paste a series; wait for its forecast."""
    page.get_by_label("Numbers, or a table with a header").fill(text)
    page.get_by_role("button", name="Show the forecast").click()
    if wait:
        expect(page.locator(".says").first).to_contain_text("Next, ")


def push(page: Page, value: str) -> None:
    """Type a value and press Enter."""
    page.get_by_label("Next value", exact=True).fill(value)
    steps = page.locator(".facts dd").first.inner_text()
    page.keyboard.press("Enter")
    expect(page.locator(".facts dd").first).not_to_have_text(steps)


def choose(page: Page, label: str, value: str) -> None:
    """Pick from a list by its value."""
    page.locator("label:has(select)", has_text=label).locator("select").select_option(value)
