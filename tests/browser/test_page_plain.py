"""Models without a panel of their own: numbers in, numbers out, and going on by themselves."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.page_case import Visit

pytestmark = pytest.mark.browser


def test_steps_of_several_numbers(visit: Visit):
    page = visit("vectors")
    page.get_by_label("3 numbers a line").first.fill("1 0 0\n0, 1, 0\n0 0 1")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".bar")).to_have_count(2)
    expect(page.locator(".says").first).to_contain_text("Step 3: output")
    expect(page.locator(".uplot")).to_be_visible()
    page.get_by_label("3 numbers a line").last.fill("1 1 1")
    page.keyboard.press("Enter")
    expect(page.locator(".says").first).to_contain_text("Step 4: output")
    expect(page.get_by_role("button", name="Generate")).to_have_count(0)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Type numbers first."),
        ("1 2", "Line 1 has 2 numbers; a step has 3."),
        ("1 2 three", "“three” is not a number."),
    ],
)
def test_what_is_no_step(visit: Visit, typed: str, sentence: str):
    page = visit("vectors")
    page.get_by_label("3 numbers a line").first.fill(typed)
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("form .error")).to_have_text(sentence)


def test_a_code_that_is_not_known_is_refused_by_the_server(visit: Visit, expected: list[str]):
    expected.append("422")
    page = visit("letters")
    page.get_by_label("Numbers, each a step").first.fill("1 2 99")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".lane .error")).to_contain_text("0 to 11")


def test_a_model_goes_on_by_itself(visit: Visit):
    page = visit("letters")
    page.get_by_label("Steps").fill("20")
    page.get_by_label("Temperature").fill("0.5")
    with page.expect_request("**/generate") as request:
        page.get_by_role("button", name="Generate").click()
    assert request.value.post_data_json == {"steps": 20, "temperature": 0.5}
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    said = page.locator(".generated").inner_text().split()
    assert len(said) == 20
    assert {int(word) for word in said} <= set(range(12))


def test_going_on_is_stopped(visit: Visit):
    page = visit("letters")
    page.get_by_label("Steps").fill("10000")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".generated")).to_contain_text(re.compile(r"\S\s+\S"))
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Generate")).to_be_visible()
    said = page.locator(".generated").inner_text()
    assert 0 < len(said.split()) < 10000
    page.wait_for_timeout(200)
    assert page.locator(".generated").inner_text() == said
