"""Numbers too large to forecast from or to send, and a drawing that fails: said, and the page goes on."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.page_case import Visit, give, push, table

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("value", ["1e24", "1e38"])
def test_a_forecast_without_numbers_is_said_and_the_next_value_is_the_typed_one(visit: Visit, value: str):
    page = visit()
    give(page, table(60))
    push(page, value)
    expect(page.locator(".gaps")).to_contain_text("too large for the model")
    expect(page.locator(".uplot")).to_be_visible()
    expect(page.get_by_label("Next value", exact=True)).to_have_value("")
    with page.expect_request("**/push") as request:
        push(page, "21")
    assert request.value.post_data_json == {"x": 21}


def test_a_drawing_that_fails_leaves_the_form_as_it_is(visit: Visit, expected: list[str]):
    expected.append("no canvas")
    page = visit()
    page.route(
        "**/vendor/uplot.js",
        lambda route: route.fulfill(
            content_type="text/javascript",
            body="export default class { constructor() { throw new Error('no canvas') } }",
        ),
    )
    page.reload()
    page.wait_for_selector("h1")
    give(page, table(60))
    expect(page.get_by_text("This can't be drawn.")).to_be_visible()
    for value in ("21", "22"):
        with page.expect_request("**/push") as request:
            push(page, value)
        assert request.value.post_data_json == {"x": float(value)}
        expect(page.get_by_label("Next value", exact=True)).to_have_value("")


@pytest.mark.parametrize("word", ["1e400", "-1e400"])
def test_a_number_too_large_for_javascript_is_refused(visit: Visit, word: str):
    page = visit()
    sentence = f"“{word}” is too large for a number."
    for text in (f"20 {word} 21", f"date,units\n2024-01-01,{word}"):
        give(page, text, wait=False)
        expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    give(page, table(60))
    page.get_by_label("Next value", exact=True).fill(word)
    page.keyboard.press("Enter")
    expect(page.locator(".next .error")).to_contain_text(sentence)
    expect(page.locator(".facts dd").first).to_have_text("60")
    push(page, "20")
    expect(page.locator(".error")).to_have_count(0)


def test_a_number_too_large_in_a_sequence_of_numbers(visit: Visit):
    page = visit("vectors")
    page.get_by_label("3 numbers a line").first.fill("1 2 3\n1 1e999 3")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".error")).to_contain_text("“1e999” is too large")
