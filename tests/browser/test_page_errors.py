"""What goes wrong is said where it went wrong, in a sentence, and the page goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from browser.conftest import serving
from browser.page_case import Visit, give, push, table

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "There is no value here."),
        (
            "to be or not to be",
            "“to” is not a number. Paste numbers, or a table whose header names these columns: date,",
        ),
        ("date,price\n2024-01-01,3", "The table has no column “units”; its header is: date, price."),
        ("date,units\n2024-01-01,many", "Line 2, column “units”: “many” is not a number."),
        ("date,units\n2024-01-01,3,4", "Line 2 has 3 fields, the header has 2."),
        ("date,units\n", "There is no value here."),
    ],
)
def test_nonsense_is_named(visit: Visit, text: str, sentence: str):
    page = visit()
    give(page, text, wait=False)
    expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    give(page, table(60))
    expect(page.locator(".error")).to_have_count(0)


def test_a_file_that_is_no_text(visit: Visit, tmp_path: Path):
    page = visit()
    (tmp_path / "sales.xlsx").write_bytes(b"PK\x03\x04\x00\x00\x00")
    page.get_by_label("Choose a file").set_input_files(tmp_path / "sales.xlsx")
    expect(page.locator(".error")).to_contain_text("sales.xlsx is not a text file.")


def test_a_next_value_that_is_none(visit: Visit):
    page = visit()
    give(page, table(60))
    for typed, sentence in (("", "Type a value first."), ("12a", "“12a” is not a number.")):
        page.get_by_label("Next value", exact=True).fill(typed)
        page.keyboard.press("Enter")
        expect(page.locator(".next .error")).to_have_text(sentence)
    push(page, "20")
    expect(page.locator(".next .error")).to_have_count(0)


def test_the_server_s_sentence_is_shown(visit: Visit, expected: list[str]):
    expected.append("422")
    page = visit()
    give(page, "date,units\n2024-01-01,3\n2024-01-01,4", wait=False)
    expect(page.locator(".lane .error")).to_contain_text("2024-01-01")


def test_a_lost_connection_is_said_and_the_push_not_lost(visit: Visit, expected: list[str]):
    expected.append("ERR_INTERNET_DISCONNECTED")
    page = visit()
    give(page, table(60))
    page.context.set_offline(True)
    page.get_by_label("Next value", exact=True).fill("33")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Connection lost. Trying again")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("Connection lost. Trying again")).to_have_count(0)
    expect(page.locator(".facts dd").first).to_have_text("61")


def test_a_push_whose_answer_is_lost_is_not_made_twice(visit: Visit, expected: list[str]):
    expected.append("ERR_FAILED")
    page = visit()
    give(page, table(60))
    arrived = []

    def swallow(route: Route) -> None:
        arrived.append(route.fetch().status)
        route.abort()

    page.route("**/push", swallow, times=1)
    push(page, "33")
    expect(page.locator(".facts dd").first).to_have_text("61")
    assert arrived == [200]
    push(page, "21")
    expect(page.locator(".facts dd").first).to_have_text("62")


def test_a_session_the_server_forgot_is_begun_again(visit: Visit, address: str, expected: list[str]):
    expected.append("404")
    page = visit()
    with page.expect_response("**/models/units/sessions") as opened:
        give(page, table(60))
    page.request.delete(f"{address}/sessions/{opened.value.json()['session']}")
    page.get_by_label("Next value", exact=True).fill("33")
    page.keyboard.press("Enter")
    expect(page.locator(".lane .error")).to_contain_text("No session has this name")
    page.get_by_role("button", name="Start again with the same values").click()
    expect(page.locator(".lane .error")).to_have_count(0)
    expect(page.locator(".facts dd").first).to_have_text("61")
    expect(page.locator(".facts dd").nth(1)).to_contain_text("of 1")
    expect(page.get_by_label("Next value", exact=True)).to_have_value("")
    with page.expect_request("**/push") as request:
        push(page, "34")
    assert request.value.post_data_json == {"x": 34}


def test_a_server_that_goes_away_is_noticed_while_nobody_asks(visit: Visit, expected: list[str]):
    expected.append("ERR_INTERNET_DISCONNECTED")
    page = visit()
    page.clock.install()
    page.reload()
    page.wait_for_selector("h1")
    page.context.set_offline(True)
    page.clock.fast_forward(11_000)
    expect(page.get_by_text("Connection lost. Trying again")).to_be_visible()
    page.context.set_offline(False)
    page.clock.resume()
    page.clock.fast_forward(6_000)
    expect(page.get_by_text("Connection lost. Trying again")).to_have_count(0)


def test_an_error_is_gone_after_the_next_success(visit: Visit):
    page = visit()
    give(page, table(60))
    page.get_by_label("Next value", exact=True).fill("12a")
    page.keyboard.press("Enter")
    give(page, "to be", wait=False)
    expect(page.locator(".error")).to_have_count(2)
    page.get_by_role("button", name="Missing").click()
    expect(page.locator(".facts dd").first).to_have_text("61")
    expect(page.locator(".error")).to_have_count(0)


def test_a_server_with_a_token_asks_for_it(visit: Visit, bundles: list[Path], expected: list[str]):
    expected.append("401")
    with serving(bundles, token="open-sesame") as locked:
        page = visit(at=locked)
        expect(page.locator(".error")).to_have_count(0)
        for wrong in ("wrong", "nicht-schön-界"):
            page.get_by_label("This server wants a token").fill(wrong)
            expect(page.locator(".error")).to_have_count(0)
            page.keyboard.press("Enter")
            expect(page.locator(".error")).to_contain_text("not the token of this server")
        page.get_by_label("This server wants a token").fill("open-sesame")
        page.keyboard.press("Enter")
        page.wait_for_selector("h1")
        give(page, table(60))
        page.context.close()
