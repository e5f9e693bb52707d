"""The address of the page: which model is shown, and which part of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.page_case import Visit, give, table

pytestmark = pytest.mark.browser


def test_the_address_and_the_list_of_models_follow_each_other(visit: Visit):
    page = visit("units")
    give(page, table(60))
    page.evaluate("location.hash = 'model=shops'")
    expect(page.locator("h1")).to_have_text("shops")
    page.locator(".models select").select_option("letters")
    expect(page.locator("h1")).to_have_text("letters")
    expect(page).to_have_url(re.compile("#model=letters$"))
    page.go_back()
    expect(page.locator("h1")).to_have_text("shops")
    expect(page.locator(".models select")).to_have_value("shops")


def test_a_link_to_a_part_keeps_the_model(visit: Visit):
    page = visit("shops")
    page.get_by_role("link", name="About this model").click()
    expect(page).to_have_url(re.compile("#model=shops$"))
    page.reload()
    expect(page.locator("h1")).to_have_text("shops")


@pytest.mark.parametrize("name", ["nothing", "%E0%A4%A"])
def test_a_model_that_isnt_there_shows_the_first(visit: Visit, name: str):
    page = visit(name)
    expect(page.locator("h1")).to_have_text("units")
    expect(page).to_have_url(re.compile("#model=units$"))
