"""The state of a session: kept, put back, forked, begun again."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.page_case import Visit, give, push, table

pytestmark = pytest.mark.browser


def saying(page: Page) -> str:
    return page.locator(".says").first.inner_text()


def save(page: Page, path: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").first.click()
    assert download.value.suggested_filename == "units-100.state"
    download.value.save_as(path)
    return path


def test_a_saved_state_is_restored(visit: Visit, tmp_path: Path):
    page = visit()
    give(page, table(100))
    said = saying(page)
    file = save(page, tmp_path / "a.state")
    push(page, "50")
    assert saying(page) != said
    page.get_by_label("Restore").set_input_files(file)
    expect(page.locator(".says").first).to_have_text(said)
    expect(page.locator(".facts dd").first).to_have_text("100")
    push(page, "50")


def test_a_state_is_restored_on_another_day(visit: Visit, tmp_path: Path):
    page = visit()
    give(page, table(100))
    said = saying(page)
    file = save(page, tmp_path / "a.state")
    other = visit()
    other.get_by_label("Restore").set_input_files(file)
    expect(other.get_by_text("Restored, with 100 steps behind it")).to_be_visible()
    expect(other.locator(".says").first).to_have_text(said)
    push(other, "21")
    expect(other.get_by_text("Restored, with 100 steps")).to_have_count(0)


def test_what_is_no_state_is_refused(visit: Visit, tmp_path: Path, expected: list[str]):
    expected.append("422")
    page = visit()
    give(page, table(100))
    said = saying(page)
    (tmp_path / "bad").write_bytes(b"nothing of the kind")
    page.get_by_label("Restore").set_input_files(tmp_path / "bad")
    expect(page.locator(".lane .error")).to_contain_text("aren't a session's state")
    assert saying(page) == said
    push(page, "20")
    expect(page.locator(".lane .error")).to_have_count(0)


def test_two_forks_go_their_own_ways(visit: Visit):
    page = visit()
    give(page, table(100))
    page.get_by_role("button", name="Fork").click()
    lanes = page.locator(".lane")
    expect(lanes).to_have_count(2)
    first, fork = lanes.nth(0), lanes.nth(1)
    boxes = first.bounding_box(), fork.bounding_box()
    assert boxes[0] is not None and boxes[1] is not None and boxes[0]["y"] == boxes[1]["y"]
    said = first.locator(".says").inner_text()
    expect(fork.locator(".says")).to_have_text(said)
    for lane, value in ((fork, "60"), (first, "5")):
        lane.get_by_label("Next value", exact=True).fill(value)
        lane.get_by_role("button", name="Push").click()
        expect(lane.locator(".facts dd").first).to_have_text("101")
    assert len({said, first.locator(".says").inner_text(), fork.locator(".says").inner_text()}) == 3
    inside = page.locator("section[aria-labelledby=inside]")
    mean = inside.locator(".says").inner_text()
    inside.get_by_text("Fork", exact=True).click()
    expect(inside.locator(".says")).not_to_have_text(mean)
    fork.get_by_role("button", name="Close").click()
    expect(lanes).to_have_count(1)
    push(page, "20")


def test_reset_begins_anew(visit: Visit):
    page = visit()
    give(page, table(100))
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_text("Give it a series above")).to_be_visible()
    give(page, table(50))
    expect(page.locator(".facts dd").first).to_have_text("50")


def test_leaving_closes_the_session(visit: Visit, address: str):
    page = visit()
    with page.expect_response("**/models/units/sessions") as opened:
        give(page, table(50))
    session = f"{address}/sessions/{opened.value.json()['session']}"
    assert page.request.get(session).status == 200
    page.reload()
    page.wait_for_selector("h1")
    assert page.request.get(session).status == 404
