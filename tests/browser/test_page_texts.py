"""Models of texts: what is typed is read as it is typed, and language models write on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import serving
from browser.page_case import Visit
from browser.test_page_looks import CLIPPED, POOR
from cases import text_bundles

pytestmark = pytest.mark.browser

EVERYTHING = ("writer", "reviews", "tagger", "both", "waves")


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("texts")
    bundles = [
        text_bundles.generator(folder / "writer"),
        text_bundles.generator(folder / "slow_writer", hidden_size=512),
        text_bundles.classifier(folder / "reviews"),
        text_bundles.tagger(folder / "tagger"),
        text_bundles.classifier(folder / "both", bidirectional=True),
        text_bundles.tagger(folder / "tagger_both", bidirectional=True),
        text_bundles.series_classifier(folder / "waves"),
        text_bundles.series_classifier(folder / "waves_both", bidirectional=True),
    ]
    with serving(bundles) as address:
        yield address


def field(place: Page | Locator) -> Locator:
    return place.get_by_label("Type or paste a text").first


def says(page: Page | Locator) -> Locator:
    return page.locator(".says").first


def surprise(page: Page) -> str:
    """The coloured text, as it was given."""
    return page.locator(".surprise").evaluate("e => e.textContent.replaceAll('↵', '')")


def columns(page: Page) -> int:
    return page.locator(".heat .frame canvas").evaluate("canvas => canvas.width")


def test_a_language_model_says_what_surprised_it_and_what_may_come(visit: Visit):
    page = visit("writer")
    field(page).press_sequentially("the film", delay=30)
    expect(page.locator(".lane .says")).to_contain_text("8 pieces, ")
    assert surprise(page) == "the film"
    bits = page.locator(".surprise span").evaluate_all("all => all.map(e => e.title)")
    assert len(bits) == 8 and bits[3].startswith("“␣”: ") and bits[3].endswith(" bits")
    expect(page.locator(".shares .bar")).to_have_count(10)
    assert columns(page) == 8
    expect(page.locator("section:has(#inside) .says")).to_contain_text("“m”, column 8 of 8")
    # A deletion is read anew, with the same numbers for what stays.
    for _ in range(3):
        page.keyboard.press("Backspace")
    expect(page.locator(".lane .says")).to_contain_text("5 pieces, ")
    assert page.locator(".surprise span").evaluate_all("all => all.map(e => e.title)") == bits[:5]
    assert columns(page) <= 8


def test_it_writes_on_as_wished_and_what_it_wrote_is_part_of_the_text(visit: Visit):
    page = visit("writer")
    field(page).fill("the film ")
    expect(says(page)).to_contain_text("9 pieces")
    page.get_by_label("Temperature").fill("0.5")
    for name, value in (("Pieces", "30"), ("top-k", "5"), ("top-p", "0.9"), ("Stop at", "\\n\\n")):
        page.get_by_label(name).fill(value)
    with page.expect_request("**/generate") as request:
        page.get_by_role("button", name="Generate").click()
    assert request.value.post_data_json == {
        "steps": 30,
        "temperature": 0.5,
        "top_k": 5,
        "top_p": 0.9,
        "stop": ["\n\n"],
    }
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    text = field(page).input_value()
    assert text.startswith("the film ") and len(text) > 9
    assert surprise(page) == text
    expect(says(page)).to_contain_text(f"{len(text)} pieces")
    field(page).press("End")
    field(page).press("Control+End")
    page.keyboard.type("x")
    expect(says(page)).to_contain_text(f"{len(text) + 1} pieces")


def test_writing_is_stopped_and_what_was_written_stays(visit: Visit):
    page = visit("slow_writer")
    page.get_by_label("Pieces").fill("10000")
    page.get_by_role("button", name="Generate").click()
    page.locator(".surprise span").nth(3).wait_for()
    assert field(page).get_attribute("readonly") is not None
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Generate")).to_be_visible()
    text = field(page).input_value()
    assert 3 < len(text) < 10000 and surprise(page)[-50:] == text[-50:].replace("\r", "")


def test_what_is_written_to_its_end_is_shown_once(visit: Visit):
    page = visit("writer")
    page.evaluate(
        "() => { window.seen = []; setInterval(() => seen.push(document.querySelector('textarea').value.length), 2) }"
    )
    page.get_by_label("Pieces").fill("2000")
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for(state="hidden")
    expect(field(page)).to_have_value(re.compile(r"^[\s\S]{2000}$"))
    assert max(page.evaluate("seen")) == 2000


def test_what_cannot_be_wished_is_said(visit: Visit, expected: list[str]):
    expected.append("422")
    page = visit("writer")
    page.get_by_label("Pieces").fill("5")
    page.locator("form:has(.slide)").evaluate("form => form.noValidate = true")
    page.get_by_label("top-p").fill("7")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("form .error")).to_contain_text("top_p")


def test_labels_change_word_by_word(visit: Visit):
    page = visit("reviews")
    field(page).press_sequentially("the film is", delay=30)
    expect(says(page)).to_contain_text("After 3 words: ")
    before = page.locator(".shares .bar span:last-child").all_inner_texts()
    field(page).press_sequentially(" great", delay=30)
    expect(says(page)).to_contain_text("After 4 words: ")
    assert page.locator(".shares .bar span:first-child").all_inner_texts() == ["good", "bad", "neither"]
    assert page.locator(".shares .bar span:last-child").all_inner_texts() != before
    expect(page.locator(".uplot")).to_be_visible()
    expect(page.locator(".lane .legend").last).to_contain_text("neither")
    assert columns(page) == 4
    assert page.locator(".names li").all_inner_texts() == ["the", "film", "is", "great"]
    field(page).fill("the")
    expect(says(page)).to_contain_text("After 1 word: ")
    field(page).fill("the dog")
    expect(says(page)).to_contain_text("After 2 words: ")
    assert columns(page) == 2


def test_labels_are_drawn_over_the_words_they_follow(visit: Visit):
    page = visit("reviews")
    stub = "export default class { constructor(_, data) { window.drawn = data } setSize() {} destroy() {} }"
    page.route("**/vendor/uplot.js", lambda route: route.fulfill(content_type="text/javascript", body=stub))
    page.reload()
    field(page).fill("it isn't a film")  # "is" and "n't" come at once
    expect(says(page)).to_contain_text("After 5 words: ")
    assert page.evaluate("drawn[0]") == [1, 3, 4, 5]


def test_a_text_that_is_too_long_is_cut_and_that_is_said(visit: Visit):
    page = visit("writer")
    field(page).focus()
    page.keyboard.insert_text("the film " * 500)
    expect(says(page)).to_contain_text("4,500 pieces, ")
    expect(page.locator(".surprise span")).to_have_count(4000)
    expect(page.get_by_text("Nothing can be typed beyond")).to_have_count(0)
    page.keyboard.insert_text("a film is" * 2000)
    expect(page.get_by_text("Nothing can be typed beyond 20,000 characters")).to_be_visible()
    assert len(field(page).input_value()) == 20_000


def test_tags_stand_under_words_and_the_last_one_is_open(visit: Visit):
    page = visit("tagger")
    field(page).press_sequentially("the dog is f", delay=30)
    expect(page.locator(".tagged li")).to_have_count(4)
    assert page.locator(".tagged li span").all_inner_texts() == ["the", "dog", "is", "f"]
    expect(page.locator(".tagged li.open span")).to_have_text("f")
    page.keyboard.type("ine. ")
    expect(page.locator(".tagged li")).to_have_count(5)
    expect(page.locator(".tagged li.open")).to_have_count(0)
    assert set(page.locator(".tagged b").all_inner_texts()) <= {"DET", "NOUN", "VERB", "ADJ"}
    page.keyboard.press("Enter")
    page.keyboard.type("the")
    expect(page.locator(".tagged li")).to_have_count(6)
    assert page.locator(".names li").all_inner_texts() == ["the", "dog", "is", "fine", ".", "the"]


def test_lines_that_ended_keep_their_best_tags(visit: Visit, address: str):
    lines = ["the dog is not dull", "a plot is great and a film is not " * 4, "fine film", "the dog"]
    page = visit("tagger")
    rows = page.request.post(f"{address}/models/tagger/predict", data={"rows": lines}).json()["rows"]
    field(page).fill("\n".join(lines))
    expect(page.locator(".tagged li")).to_have_count(len(rows))
    assert page.locator(".tagged b").all_inner_texts() == [row["tag"] for row in rows]
    typed = visit("tagger")
    field(typed).press_sequentially("\n".join(lines[2:]), delay=30)
    expect(typed.locator(".tagged li")).to_have_count(4)
    assert typed.locator(".tagged b").all_inner_texts() == [row["tag"] for row in rows[-4:]]


@pytest.mark.parametrize("name", ["writer", "reviews", "tagger"])
def test_two_forks_are_typed_into_side_by_side(visit: Visit, name: str):
    page = visit(name)
    field(page).press_sequentially("the film ", delay=20)
    expect(page.locator(".heat")).to_be_visible()
    page.get_by_role("button", name="Fork").click()
    lanes = page.locator(".lane")
    expect(lanes).to_have_count(2)
    expect(field(lanes.nth(1))).to_have_value("the film ")
    said = says(lanes.nth(0)).inner_text()
    field(lanes.nth(1)).press("Control+End")
    page.keyboard.type("dog and dog and not")
    expect(says(lanes.nth(1))).not_to_have_text(said)
    expect(field(lanes.nth(0))).to_have_value("the film ")
    assert says(lanes.nth(0)).inner_text() == said
    field(lanes.nth(1)).fill("the film ")
    expect(says(lanes.nth(1))).to_have_text(said)


@pytest.mark.parametrize("name", ["writer", "reviews", "tagger"])
def test_what_was_typed_just_now_is_forked_too(visit: Visit, name: str):
    page = visit(name)
    page.get_by_role("button", name="Fork").evaluate(
        """fork => {
            const text = document.querySelector("textarea");
            text.value = "the film is fine ";
            text.dispatchEvent(new Event("input", { bubbles: true }));
            fork.click();
        }"""
    )
    expect(field(page.locator(".lane").nth(1))).to_have_value("the film is fine ")
    expect(says(page.locator(".lane").nth(1))).to_have_text(says(page).inner_text())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("writer", "Likeliest next was"), ("reviews", "It said"), ("tagger", "tags would have been others")],
)
def test_a_gate_held_shows_what_would_have_been_said(visit: Visit, name: str, sentence: str):
    page = visit(name)
    field(page).fill("the film ")
    page.get_by_role("button", name="Hold", exact=True).click()
    expect(page.get_by_text("Held from the next step on")).to_be_visible()
    field(page).press("Control+End")
    page.keyboard.type("is fine")
    expect(page.locator(".hold")).to_contain_text(sentence)


def test_a_text_is_saved_restored_and_reset(visit: Visit, tmp_path: Path):
    page = visit("reviews")
    field(page).fill("the film is")
    expect(says(page)).to_contain_text("After 3 words: ")
    said = says(page).inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    download.value.save_as(tmp_path / "kept")
    page.get_by_role("button", name="Reset").click()
    expect(field(page)).to_have_value("")
    other = visit("reviews")
    other.get_by_label("Restore").set_input_files(tmp_path / "kept")
    expect(other.get_by_text("Restored, with")).to_be_visible()
    field(other).press_sequentially(" not dull", delay=20)
    expect(says(other)).to_contain_text("After 5 words: ")
    # Deletions go back to what was restored, and no further.
    field(other).fill("")
    field(other).press_sequentially(" ")
    expect(says(other)).to_have_text(said)
    page.get_by_label("Restore").set_input_files(tmp_path / "kept")
    expect(field(page)).to_have_value("the film is")


def test_series_are_classified_row_by_row(visit: Visit):
    page = visit("waves")
    page.get_by_label("2 numbers a line").first.fill("1 2\n3 4\n-1 0")
    page.get_by_role("button", name="Begin").click()
    expect(says(page)).to_contain_text("After 3 rows: ")
    assert columns(page) == 3
    page.get_by_label("2 numbers a line").last.fill("0 0")
    page.keyboard.press("Enter")
    expect(says(page)).to_contain_text("After 4 rows: ")


def test_models_that_read_both_ways_say_why_and_take_whole_texts(visit: Visit):
    page = visit("both")
    expect(page.get_by_text("This model reads from both ends")).to_be_visible()
    expect(page.locator("#live, #inside")).to_have_count(0)
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("form .error")).to_have_text("Type a text first.")
    page.get_by_label("Texts, one a line").fill("the film is fine\n\na dull plot\n")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("table.texts tbody tr")).to_have_count(2)
    expect(page.locator("table.texts tbody tr").last).to_contain_text("a dull plot")
    page.get_by_role("combobox", name="Model").select_option("tagger_both")
    page.get_by_label("Texts, one a line").fill("the film is fine")
    page.get_by_role("button", name="Tag", exact=True).click()
    expect(page.locator(".tagged li")).to_have_count(4)
    page.get_by_role("combobox", name="Model").select_option("waves_both")
    page.get_by_label("2 numbers a line").fill("1 2\n3 4")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator(".shares .bar")).to_have_count(2)


def test_a_session_the_server_forgot_begins_again_with_the_text(visit: Visit, address: str, expected: list[str]):
    expected.append("404")
    page = visit("tagger")
    with page.expect_response("**/models/tagger/sessions") as opened:
        field(page).fill("the film")
    expect(page.locator(".tagged li")).to_have_count(2)
    page.request.delete(f"{address}/sessions/{opened.value.json()['session']}")
    field(page).press("Control+End")
    page.keyboard.type(" is")
    page.get_by_role("button", name="Start again").click()
    expect(page.locator(".tagged li")).to_have_count(3)
    expect(field(page)).to_have_value("the film is")


def fill(page: Page, name: str) -> None:
    if name == "both":
        page.get_by_role("textbox").first.fill("the film is fine\na dull plot that goes on for rather a long while")
        page.locator("form button").click()
        page.locator("tbody tr").first.wait_for()
    elif name == "waves":
        page.get_by_role("textbox").first.fill("1 2\n3 4")
        page.locator("form button").first.click()
        page.locator(".uplot").wait_for()
    else:
        page.locator("textarea").fill(
            "the film is not fine and the dog in Paris has a great name, antidisestablishment\n"
        )
        page.locator(".heat").wait_for()
        page.locator(".hold button").click()
        page.locator("textarea").press("Control+End")
        page.keyboard.type("the dull dog")
        page.locator(".hold [aria-live] p:not(.soft)").wait_for()


@pytest.mark.parametrize("name", EVERYTHING)
def test_it_is_for_narrow_and_dark_screens_and_in_chinese(visit: Visit, name: str):
    for options in ({"width": 360, "color_scheme": "dark", "locale": "zh-CN"}, {"width": 1280}):
        page = visit(name, **options)
        fill(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") == page.evaluate("window.innerWidth")
        assert page.evaluate(CLIPPED) == []
        assert page.evaluate(POOR) == []
