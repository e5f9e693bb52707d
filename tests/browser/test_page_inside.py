"""Gates and memory as steps go by, and gates held shut."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from browser.page_case import Visit, choose, give, push, table

pytestmark = pytest.mark.browser

PIXELS = """canvas => {
    const {width, height} = canvas;
    const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) colours.add(data.slice(i, i + 3).join());
    return [width, height, colours.size];
}"""


# What was said last is painted by the second frame from now.
PAINTED = """canvas => new Promise(done => {
    requestAnimationFrame(() => requestAnimationFrame(() => done(canvas.toDataURL())));
})"""


def picture(page: Page) -> str:
    return page.locator(".heat .frame canvas").evaluate(PAINTED)


def test_a_forecaster_shows_its_window_layer_by_layer(visit: Visit):
    page = visit()
    expect(page.get_by_text("Gates and memory of every recurrent layer appear here")).to_be_visible()
    give(page, table(100))
    width, height, colours = page.locator(".heat .frame canvas").evaluate(PIXELS)
    assert height == 8 and width > 1 and colours > 4
    expect(page.locator("label", has_text="Layer").first).to_contain_text("encoder, layer 1: GRU, 8 units")
    reset = picture(page)
    page.locator(".choice span", has_text="update z").click()
    assert picture(page) != reset
    expect(page.get_by_text("Update gate: 1 keeps the state")).to_be_visible()


def test_the_slider_goes_back_in_time(visit: Visit):
    page = visit()
    give(page, table(100))
    expect(page.locator(".says").nth(1)).to_contain_text("After step 100")
    first = picture(page)
    push(page, "60")
    expect(page.locator(".says").nth(1)).to_contain_text("After step 101")
    assert picture(page) != first
    slider = page.get_by_label("Back in time")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".says").nth(1)).to_contain_text("After step 100")
    assert picture(page) == first


def test_one_number_of_the_map_can_be_read(visit: Visit):
    page = visit()
    give(page, table(100))
    page.locator(".heat .frame canvas").click(position={"x": 3, "y": 3})
    said = page.locator("#seen")
    expect(said).to_contain_text("Unit 1:")
    assert 0 <= float(said.inner_text().split(": ")[1]) <= 1
    page.keyboard.press("ArrowDown")
    expect(said).to_contain_text("Unit 2:")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".says").nth(1)).to_contain_text("column 2 of")


def test_a_gate_held_shows_what_would_have_been_said(visit: Visit):
    page = visit()
    give(page, table(100))
    choose(page, "Gate", "z")
    page.get_by_role("button", name="Hold", exact=True).click()
    row = page.get_by_role("region", name="What was said beside").locator("tbody tr")
    expect(row).to_contain_text("units")
    apart = row.locator("td").last.inner_text()
    assert float(apart) > 0
    expect(page.locator(".legend").first).to_contain_text("with the gate held")
    page.get_by_label("Held at").fill("1")
    expect(page.get_by_text("Held at 1")).to_be_visible()
    expect(row.locator("td").last).not_to_have_text(apart)
    page.get_by_label("In all layers").uncheck()
    push(page, "22")
    expect(row).to_be_visible()
    page.get_by_role("button", name="Let go").click()
    expect(row).to_have_count(0)
    expect(page.locator(".legend").first).not_to_contain_text("with the gate held")


def test_a_model_of_codes_shows_a_column_for_each_step(visit: Visit):
    page = visit("letters")
    page.get_by_label("Numbers, each a step").first.fill("1 2 3 4 5 6 7")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".says").nth(1)).to_contain_text("After step 7, column 7 of 7")
    assert page.locator(".heat .frame canvas").evaluate(PIXELS)[:2] == [7, 16]
    choose(page, "Layer", "next.1")
    page.get_by_text("memory", exact=True).click()
    expect(page.get_by_text("Memory: what the layer keeps to itself")).to_be_visible()
    page.get_by_role("button", name="Hold", exact=True).click()
    expect(page.get_by_text("Held from the next step on")).to_be_visible()
    page.get_by_label("Numbers, each a step").last.fill("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("They differ most in output")).to_be_visible()
    expect(page.locator(".bar i.held")).to_have_count(12)
