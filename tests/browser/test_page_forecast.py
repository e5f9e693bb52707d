"""A series goes in, a forecast comes out and changes: the forecaster's panel in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.page_case import HORIZON, Visit, choose, give, push, shops, table

pytestmark = pytest.mark.browser


def steps(page: Page) -> str:
    return page.locator(".facts dd").first.inner_text()


def test_a_pasted_table_gives_a_forecast_of_its_next_days(visit: Visit):
    page = visit()
    give(page, table(100))
    expect(page.locator(".says").first).to_contain_text("Next, 2024-04-10:")
    expect(page.locator(".legend").first).to_contain_text("80% interval")
    assert steps(page) == "100"
    page.get_by_text("The forecast as a table").click()
    rows = page.locator("details tbody tr")
    expect(rows).to_have_count(HORIZON)
    assert rows.nth(0).locator("th").inner_text() == "2024-04-10"
    low, high = (float(word) for word in rows.nth(0).locator("td").nth(1).inner_text().split(" – "))
    assert low < float(rows.nth(0).locator("td").nth(0).inner_text()) < high


def test_plain_numbers_begin_at_a_time_of_one_s_choice(visit: Visit):
    page = visit()
    page.get_by_text("Options").click()
    page.get_by_label("If the series says no date").fill("2023-03-01")
    give(page, ", ".join(str(20 + i % 7) for i in range(60)))
    expect(page.locator(".says").first).to_contain_text("Next, 2023-04-30:")


def test_a_file_is_read(visit: Visit, tmp_path: Path):
    page = visit()
    (tmp_path / "units.csv").write_text("\ufeff" + table(80).replace(",", ";"))
    page.get_by_label("Choose a file").set_input_files(tmp_path / "units.csv")
    expect(page.locator(".says").first).to_contain_text("Next, 2024-03-21:")
    expect(page.get_by_text("units.csv")).to_be_visible()


def test_values_pushed_one_by_one_change_the_forecast(visit: Visit):
    page = visit()
    give(page, table(100))
    said = page.locator(".says").first.inner_text()
    push(page, "45")
    expect(page.locator(".says").first).to_contain_text("Next, 2024-04-11:")
    assert page.locator(".says").first.inner_text() != said
    assert steps(page) == "101"
    expect(page.get_by_label("Next value", exact=True)).to_have_value("")
    expect(page.locator(".legend").first).to_contain_text("forecast before the last value")
    expect(page.locator(".facts dd").nth(1)).to_have_text("0 of 1")
    page.get_by_label("Next value", exact=True).fill("20")
    page.get_by_role("button", name="Push").click()
    expect(page.locator(".facts dd").first).to_have_text("102")


def test_a_missing_value_is_a_step_without_a_value(visit: Visit):
    page = visit()
    give(page, table(100))
    page.get_by_role("button", name="Missing").click()
    expect(page.locator(".facts dd").first).to_have_text("101")
    expect(page.locator(".facts dd").nth(1)).to_have_text("–")
    expect(page.locator(".says").first).to_contain_text("Next, 2024-04-11:")
    page.get_by_label("Next value", exact=True).fill("20")
    page.keyboard.press("Enter")
    expect(page.locator(".says").first).to_contain_text("Next, 2024-04-12:")
    expect(page.locator(".facts dd").nth(1)).to_contain_text("of 1")


def test_rows_without_a_value_may_be_plans(visit: Visit):
    page = visit()
    page.get_by_text("Options").click()
    choose(page, "Rows without a value are plans", "true")
    give(page, table(100))
    page.get_by_role("button", name="More columns").click()
    page.get_by_label("date", exact=True).fill("2024-04-10")
    page.get_by_label("price").fill("3")
    page.keyboard.press("Enter")
    expect(page.locator(".facts dd").first).to_have_text("101")
    expect(page.locator(".says").first).to_contain_text("Next, 2024-04-10:")


def test_other_columns_can_be_pushed_too(visit: Visit):
    page = visit()
    give(page, table(100))
    page.get_by_role("button", name="More columns").click()
    page.get_by_label("Next value", exact=True).fill("21")
    page.get_by_label("price").fill("3")
    page.get_by_label("date", exact=True).fill("2024-04-10")
    page.get_by_role("button", name="Push").click()
    expect(page.locator(".says").first).to_contain_text("Next, 2024-04-11:")


def test_the_next_value_is_dragged_on_the_chart(visit: Visit):
    page = visit()
    give(page, table(100))
    page.locator(".says").first.scroll_into_view_if_needed()
    box = page.get_by_role("slider", name="Next value").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 30, steps=3)
    assert float(page.locator(".handle output").inner_text()) > 20
    with page.expect_request("**/push") as request:
        page.mouse.up()
    body = request.value.post_data_json
    assert body is not None and body["x"] > 20
    expect(page.locator(".facts dd").first).to_have_text("101")


def test_the_next_value_is_moved_with_the_keyboard(visit: Visit):
    page = visit()
    give(page, table(100))
    handle = page.get_by_role("slider", name="Next value")
    before = float(handle.get_attribute("aria-valuenow") or "nan")
    handle.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("PageUp")
    assert float(handle.get_attribute("aria-valuenow") or "nan") > before
    page.keyboard.press("Enter")
    expect(page.locator(".facts dd").first).to_have_text("101")


def test_values_kept_back_are_played(visit: Visit):
    page = visit()
    page.get_by_text("Options").click()
    page.get_by_label("Keep back the last values").fill("5")
    give(page, table(100))
    assert steps(page) == "95"
    page.get_by_role("button", name="One step").click()
    expect(page.get_by_text("4 values kept back")).to_be_visible()
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".facts dd").first).to_have_text("100")
    expect(page.locator(".says").first).to_contain_text("Next, 2024-04-10:")
    expect(page.locator(".facts dd").nth(1)).to_contain_text("of 5")


def test_a_drawn_line_is_a_series(visit: Visit):
    page = visit()
    page.get_by_role("tab", name="Draw").click()
    use = page.get_by_role("button", name="Show the forecast")
    expect(use).to_be_disabled()
    sheet = page.locator("canvas.sheet").bounding_box()
    assert sheet is not None
    page.mouse.move(sheet["x"] + 5, sheet["y"] + 100)
    page.mouse.down()
    for i in range(1, 40):
        page.mouse.move(sheet["x"] + 5 + i * 20, sheet["y"] + 100 + 60 * (i % 2))
    page.mouse.up()
    use.click()
    expect(page.locator(".says").first).to_contain_text("Next, ")
    assert steps(page) == "60"
    page.get_by_role("button", name="Clear").click()
    expect(use).to_be_disabled()


def test_the_example_and_the_span_shown(visit: Visit):
    page = visit()
    page.get_by_role("tab", name="Example").click()
    page.get_by_role("button", name="Show the forecast").click()
    expect(page.locator(".says").first).to_contain_text("Next, ")
    page.get_by_label("Values shown").select_option("all")
    expect(page.locator(".uplot")).to_be_visible()


def test_an_option_is_sent(visit: Visit):
    page = visit()
    page.get_by_text("Options").click()
    page.get_by_label("Adapt the intervals to what happens").uncheck()
    with page.expect_request("**/models/units/sessions") as request:
        give(page, table(60))
    body = request.value.post_data_json
    assert body is not None and body["options"] == {"adapt": False}


def test_too_short_a_series_says_how_much_is_lacking(visit: Visit):
    page = visit()
    give(page, "20 21 22", wait=False)
    expect(page.locator(".says").first).to_contain_text("3 values so far. A forecast needs")


def test_several_series_and_several_columns(visit: Visit):
    page = visit("shops")
    give(page, shops(60))
    north = page.locator(".says").first.inner_text()
    choose(page, "The table holds 2 series", "1")
    expect(page.locator(".says").first).not_to_have_text(north)
    expect(page.locator(".facts dd").first).to_have_text("60")
    units = page.locator(".says").first.inner_text()
    choose(page, "Column", "visits")
    expect(page.locator(".says").first).not_to_have_text(units)
    assert 400 < float(page.locator(".says").first.inner_text().split(": ")[1].split(";")[0]) < 800
    page.get_by_label("units", exact=True).fill("60")
    page.get_by_label("visits", exact=True).fill("600")
    page.keyboard.press("Enter")
    expect(page.locator(".facts dd").first).to_have_text("61")
    expect(page.locator(".facts dd").nth(1)).to_contain_text("of 2")


def test_the_card_says_how_good_it_is(visit: Visit):
    page = visit()
    assert page.locator(".verdict strong").inner_text()
    card = page.locator("section[aria-labelledby=about]")
    expect(card.locator("tr.model")).to_contain_text("this model")
    expect(card).to_contain_text("seasonal-naive")
    expect(card).to_contain_text("units")
    expect(card.locator(".block.recurrent").first).to_have_text("GRU 8")
