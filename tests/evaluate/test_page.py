from __future__ import annotations

import dataclasses
import re

import pytest
from PIL import Image

from evaluate.outline import Outline
from evaluate.page_case import make_page
from recurra.evaluate import Page, Passage, ScoreTable, Section, render_page, save_pictures
from recurra.evaluate._page import _span


@pytest.fixture(scope="module")
def whole() -> tuple[str, Outline]:
    text = render_page(make_page())
    return text, Outline(text)


def with_passage(*spans: tuple[str, float, str]) -> str:
    page = dataclasses.replace(make_page(), sections=[Section("S", passages=[Passage("T", spans)])])
    return render_page(page)


def test_everything_is_there_once_and_closed(whole):
    _, outline = whole
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.open == []
    assert outline.tags.count("h1") == 1
    sections = ["baselines", "part-1", "part-2", "part-3", "choices", "data", "terms"]
    assert [item for item in outline.ids if item in sections] == sections
    assert outline.addresses[:8] == ["#content", *(f"#{section}" for section in sections)]


def test_the_page_needs_nothing_else(whole):
    text, outline = whole
    assert all(address.startswith("#") for address in outline.addresses)
    assert not {"script", "link", "img", "image"} & set(outline.tags)
    assert not re.search(r"@import|https?://|url\((?!#)", text)


def test_the_verdict_comes_first(whole):
    text, _ = whole
    assert text.index("Worth having:") < text.index("<dl") < text.index("<table") < text.index('<h2 id="part-3">')


def test_the_best_of_a_column_is_bold(whole):
    text, _ = whole
    bold = re.findall(r'<td class="least">([^<]*)</td>', text)
    assert bold[:3] == ["0.9933", "0.9921", "0.1877"]  # more accuracy and F1, less log loss


def test_every_picture_is_described(whole):
    _, outline = whole
    assert len(outline.labels) == 5
    assert all(len(label) > 20 for label in outline.labels)


def test_strange_text_is_shown(whole):
    text, _ = whole
    assert "\x00" not in text and "\x07" not in text
    assert "␀👍🏽e\u0301" in text and "ok␇" in text
    assert "&lt;b&gt;&amp;" in text and "<b>&" not in text
    assert "，\n服务" in text
    assert text.count('<p class="running" dir="auto">') == 3
    text.encode()


def test_weights_are_said_without_colour():
    text = with_passage(("up", 0.5, ""), ("down", -0.25, "because"), ("none", 0.0, "a hint"), ("plain", 0.0, ""))
    assert '<mark class="more" style="--w:0.50" title="+0.50">up</mark>' in text
    assert '<mark class="less" style="--w:0.25" title="because">down</mark>' in text
    assert '<span title="a hint">none</span>plain</p>' in text


@pytest.mark.parametrize(
    ("weight", "kind", "strength"),
    [(7.0, "more", "1.00"), (-7.0, "less", "1.00"), (0.02, "", "0.02"), (float("nan"), "", "0.00")],
)
def test_weights_outside_of_their_range(weight, kind, strength):
    assert _span("a", weight, "") | {"hint": ""} == {"text": "a", "kind": kind, "strength": strength, "hint": ""}


def test_numbers_and_words_in_tables():
    table = ScoreTable(
        title="T", columns=("a", "b", "c", "d"), rows=(("x", "word", 1234, 0.5), ("y", None, None, None))
    )
    text = render_page(dataclasses.replace(make_page(), sections=[Section("S", tables=[table])]))
    assert '<td class="text" dir="auto">word</td><td>1,234</td><td>0.5000</td>' in text
    assert '<th scope="row" dir="auto">y</th><td class="text" dir="auto">–</td><td>–</td><td>–</td>' in text


def test_what_is_empty_is_left_out():
    page = Page(title="t", scores=make_page().scores)
    outline = Outline(render_page(page))
    assert {"choices", "data", "part-2"} & set(outline.ids) == set()
    assert "part-1" in outline.ids  # the tables of the scores


def test_pictures_are_saved(tmp_path):
    page = make_page()
    paths = save_pictures(tmp_path / "new", page)
    assert [path.stem for path in paths] == ["learning", "finder", "confusion", "reliability", "f1"]
    with Image.open(paths[2]) as image:
        assert image.width > 600
        assert image.info["Title"].startswith("What was taken for what")
