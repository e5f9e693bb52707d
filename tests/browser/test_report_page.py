"""The report as people see it: in a browser, from a file, without a connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from evaluate.report_case import make_report
from recurra.evaluate import render_report

pytestmark = pytest.mark.browser

SECTIONS = [
    "ahead",
    "data",
    "choices",
    "training",
    "baselines",
    "past",
    "horizon",
    "coverage",
    "worst",
    "series",
    "terms",
]


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    report = make_report(series=("北京 " * 12, "b" * 90, "c"), targets=("PM2.5 浓度", "temperature"))
    path.write_text(render_report(report), encoding="utf-8")
    return path


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (360, "light")], ids=["wide", "dark", "phone"])
def page(request, browser: Browser, report: Path) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(request.url))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.wait_for_load_state("networkidle")
    yield page
    assert said == []
    assert asked == [report.as_uri()]
    context.close()


def test_everything_can_be_seen(page: Page):
    assert page.locator("h1").inner_text() == "Forecast of PM2.5 浓度, temperature"
    assert page.locator(".verdict").is_visible()
    for section in SECTIONS:
        assert page.locator(f"section[aria-labelledby={section}]").is_visible(), section
        assert page.locator(f"section[aria-labelledby={section}]").bounding_box()["height"] > 60, section  # pyright: ignore[reportOptionalSubscript]
    pictures = page.locator("svg:visible")
    assert pictures.count() >= 12
    for box in (picture.bounding_box() for picture in pictures.all()):
        assert box is not None and box["width"] > 250 and box["height"] > 80


def test_the_page_does_not_scroll_sideways(page: Page):
    assert page.evaluate("document.documentElement.scrollWidth") == page.evaluate("window.innerWidth")
    clipped = page.evaluate(
        """() => [...document.querySelectorAll("h1, h2, p, li, dt, dd, figcaption, .verdict, nav a")]
            .filter(e => e.offsetParent && getComputedStyle(e).display != "inline")
            .filter(e => e.scrollWidth > e.clientWidth + 1)
            .map(e => e.textContent.slice(0, 60))"""
    )
    assert clipped == []


def test_text_in_pictures_does_not_overlap(page: Page):
    overlaps = page.evaluate(
        """() => [...document.querySelectorAll("svg")].filter(s => s.checkVisibility()).flatMap(svg => {
            const texts = [...svg.querySelectorAll("text")].map(t => [t.textContent, t.getBoundingClientRect()]);
            const found = [];
            texts.forEach(([a, p], i) => texts.slice(i + 1).forEach(([b, q]) => {
                const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
                const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
                if (wide > 1 && high > 3) found.push([svg.getAttribute("aria-label").slice(0, 40), a, b, wide, high]);
            }));
            return found;
        })"""
    )
    assert overlaps == []


def test_text_stands_out_from_its_ground(page: Page):
    """Contrast of at least 4.5 to 1, as WCAG asks for text, wherever text and card colours meet."""
    poor = page.evaluate(
        """() => {
            const light = c => {
                const [r, g, b] = c.match(/[0-9.]+/g).slice(0, 3).map(v => v / 255)
                    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                return .2126 * r + .7152 * g + .0722 * b;
            };
            const ground = e => {
                for (; e; e = e.parentElement) {
                    const c = getComputedStyle(e).backgroundColor;
                    if (c != "rgba(0, 0, 0, 0)") return c;
                }
            };
            const words = "h1, h2, p, strong, li, a, dt, dd, small, th, td, caption, figcaption *, svg text";
            const said = e => e.checkVisibility() && e.textContent.trim();
            return [...document.querySelectorAll(words)].filter(said).map(e => {
                const ink = e.tagName == "text" ? getComputedStyle(e).fill : getComputedStyle(e).color;
                const [a, b] = [light(ink), light(ground(e))];
                return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.tagName, e.textContent.slice(0, 30), ink];
            }).filter(([ratio]) => ratio < 4.5);
        }"""
    )
    assert poor == []


def test_links_lead_to_sections_by_keyboard(page: Page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.hash") == "#ahead"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#ahead"
    wide_tables = page.locator(".scroll")
    assert all(table.get_attribute("tabindex") == "0" for table in wide_tables.all())
