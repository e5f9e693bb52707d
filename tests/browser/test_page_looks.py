"""The page for everybody: narrow and wide, light and dark, by keyboard, in two languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from browser.page_case import Visit, give, push, table

pytestmark = pytest.mark.browser

# Contrast of text to the ground it stands on, as WCAG asks: at least 4.5 to 1.
POOR = """() => {
    const parse = c => {
        const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
        context.fillStyle = c;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * x + .7152 * y + .0722 * z;
    };
    const ground = e => {
        for (; e; e = e.parentElement) {
            const found = parse(getComputedStyle(e).backgroundColor);
            if (found[3] === 255) return found;
        }
    };
    const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    return [...document.querySelectorAll("#app *")].filter(e => own(e) && e.checkVisibility() && !e.disabled)
        .map(e => {
            const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
            return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.tagName, e.textContent.slice(0, 30)];
        }).filter(([ratio]) => ratio < 4.5);
}"""

CLIPPED = """() => [...document.querySelectorAll("h1, h2, h3, p, li, dt, dd, label, legend, button, .card")]
    .filter(e => e.checkVisibility() && getComputedStyle(e).display != "inline" && !e.classList.contains("skip"))
    .filter(e => !e.classList.contains("hidden") && e.scrollWidth > e.clientWidth + 1)
    .map(e => [e.tagName, e.className, e.textContent.slice(0, 60)])"""


def fill(page: Page) -> None:
    """Everything that can be on the page is on it."""
    give(page, table(100))
    push(page, "60")
    page.get_by_role("button", name="More columns").click()
    page.get_by_role("button", name="Hold", exact=True).click()
    expect(page.get_by_role("button", name="Let go")).to_be_visible()
    for summary in page.locator("summary").all():
        summary.click()
    page.get_by_role("button", name="Fork").click()
    expect(page.locator(".lane")).to_have_count(2)


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_scrolls_sideways(visit: Visit, width: int):
    page = visit(width=width)
    fill(page)
    assert page.evaluate("document.documentElement.scrollWidth") == page.evaluate("window.innerWidth")
    assert page.evaluate(CLIPPED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(visit: Visit, scheme: str):
    page = visit(color_scheme=scheme)
    fill(page)
    assert page.evaluate(POOR) == []


def test_colours_follow_the_system_until_they_are_switched(visit: Visit):
    page = visit(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    give(page, table(60))
    chart = page.locator(".uplot canvas")
    dark, drawn = page.evaluate(ground), chart.evaluate("canvas => canvas.toDataURL()")
    page.get_by_role("button", name="Colours: Auto").click()
    page.get_by_role("button", name="Colours: Dark").click()
    light = page.evaluate(ground)
    assert light != dark
    page.wait_for_timeout(200)
    assert page.locator(".uplot canvas").evaluate("canvas => canvas.toDataURL()") != drawn
    page.reload()
    page.wait_for_selector("h1")
    assert page.evaluate(ground) == light


def test_the_page_speaks_chinese(visit: Visit):
    page = visit(locale="zh-CN")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.get_by_label("数字，或带表头的表格").fill(table(60))
    page.get_by_role("button", name="显示预测").click()
    expect(page.locator(".says").first).to_contain_text("下一步 2024-03-01：")
    page.get_by_role("button", name="English").click()
    expect(page.locator(".says").first).to_contain_text("Next, 2024-03-01:")
    page.reload()
    expect(page.get_by_role("heading", name="Give it a series")).to_be_visible()


def test_both_languages_have_the_same_words(visit: Visit):
    page = visit()
    keys = page.evaluate(
        """async () => {
            const [en, zh] = await Promise.all(["en", "zh"].map(name => import(`/static/strings/${name}.js`)));
            const names = words => Object.entries(words.default).filter(([, value]) => value).map(([key]) => key);
            return [names(en), names(zh).filter(key => !key.startsWith("baseline."))];
        }"""
    )
    assert sorted(keys[0]) == sorted(keys[1])


def test_everything_is_done_with_the_keyboard(visit: Visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.locator(".skip").bounding_box()["height"] > 20  # pyright: ignore[reportOptionalSubscript]
    page.keyboard.press("Enter")
    page.get_by_role("tab", name="Paste").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "Draw"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    page.keyboard.insert_text("\n".join(str(20 + i % 7) for i in range(60)))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".says").first).to_contain_text("Next, ")
    seen: list[str] = []
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    while page.evaluate("document.activeElement !== document.body"):
        inner = page.evaluate("document.activeElement.matches('input[type=file], .choice input')")
        assert inner or page.evaluate(outline) != "none", page.evaluate(
            "document.activeElement.outerHTML.slice(0, 200)"
        )
        seen.append(page.evaluate("document.activeElement.textContent"))
        page.keyboard.press("Tab")
    assert {"Push", "Fork", "Hold"} <= set(seen)


def test_every_field_has_a_name(visit: Visit):
    page = visit()
    fill(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea, button, [role=slider], canvas[tabindex]")]
            .filter(e => e.checkVisibility())
            .filter(e => !e.textContent.trim() && !e.labels?.length && !e.ariaLabel)
            .map(e => e.outerHTML)"""
    )
    assert nameless == []


def test_the_page_keeps_to_a_strict_policy(visit: Visit):
    page = visit()
    policy = page.request.get(page.url).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_models_are_chosen_by_name(visit: Visit):
    page = visit()
    page.get_by_role("combobox", name="Model").select_option("vectors")
    expect(page.get_by_role("heading", level=1)).to_have_text("vectors")
    assert page.title() == "vectors · recurra"
