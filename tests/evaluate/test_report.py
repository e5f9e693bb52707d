from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from PIL import Image

from evaluate.outline import Outline
from evaluate.report_case import make_report
from recurra.evaluate import render_report, save_figures, score
from recurra.evaluate._saying import say_number, say_percent

SECTIONS = ["ahead", "data", "choices", "training", "baselines", "past", "horizon", "coverage", "worst", "terms"]


def page(report) -> tuple[str, Outline]:
    text = render_report(report)
    return text, Outline(text)


@pytest.fixture(scope="module")
def whole() -> tuple[str, Outline]:
    return page(make_report())


def test_every_section_is_there_once(whole):
    _, outline = whole
    assert [item for item in outline.ids if item in SECTIONS] == SECTIONS
    assert outline.open == []
    assert outline.tags.count("h1") == 1


def test_the_page_needs_nothing_else(whole):
    text, outline = whole
    assert all(address.startswith("#") for address in outline.addresses)
    assert "script" not in outline.tags and "link" not in outline.tags and "img" not in outline.tags
    assert not re.search(r"@import|https?://|url\((?!#)", text)


def test_every_picture_is_described(whole):
    _, outline = whole
    assert len(outline.labels) == 2 + 2 + 4 + 2 + 2 + 4 - 1  # the forecast twice, one worst window fewer
    assert all(len(label) > 20 for label in outline.labels)


def test_addresses_within_pictures_have_one_place(whole):
    text, outline = whole
    assert len(outline.ids) == len(set(outline.ids))
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(outline.ids)
    assert {address[1:] for address in outline.addresses} <= set(outline.ids)


def test_colours_are_the_pages(whole):
    text, _ = whole
    pictures = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "#0072b2" not in pictures and "var(--model)" in pictures
    assert "DejaVu" not in pictures and "<style" not in pictures
    assert set(re.findall(r"var\(--(\w+)\)", pictures)) <= set(re.findall(r"--(\w+):", text))


def test_the_verdict_comes_first(whole):
    text, _ = whole
    report = make_report()
    words = re.sub(r"<[^>]*>", "", text[text.index('id="verdict"') :].split("</p>")[0].split(">", 1)[1])
    assert words == report.scores.verdict.sentence


@pytest.mark.slow
def test_equal_reports_are_equal_files(whole):
    assert page(make_report())[0] == whole[0]


@pytest.mark.slow
def test_names_in_any_script_and_with_markup():
    report = make_report(
        series=("北京 & 上海", "<script>alert(1)</script>", 'a "quoted" name', "مصر"),
        targets=("浓度 PM2.5",),
        title="预测 <b>",
        notes=("列 “日期” & <i>more</i>",),
    )
    text, outline = page(report)
    assert "script" not in outline.tags and "i" not in re.findall(r"<(i)>", text)
    assert "北京 &amp; 上海" in text and "浓度 PM2.5" in text
    assert 'id="series"' in text


def test_what_is_not_given_is_left_out():
    report = make_report(
        ahead=None, notes=(), choices=(), training_loss=(), validation_loss=(), finder=None, has_times=False
    )
    _, outline = page(report)
    assert [item for item in outline.ids if item in SECTIONS] == [
        "baselines",
        "past",
        "horizon",
        "coverage",
        "worst",
        "terms",
    ]


def test_one_step_one_window():
    _, outline = page(make_report(horizon=1, windows=1))
    assert outline.open == []


def test_nothing_known_in_the_test_part():
    report = make_report()
    unknown = dataclasses.replace(report.forecasts, truth=np.full(report.forecasts.truth.shape, np.nan))
    scores = score(unknown, report.baselines, seasonal_errors=report.seasonal_errors)
    text, _ = page(dataclasses.replace(report, forecasts=unknown, scores=scores))
    assert "No verdict" in text


@pytest.mark.slow
def test_several_targets_lead_with_scaled_errors():
    text, _ = page(make_report(targets=("a", "b")))
    assert "Skill, MASE" in text and "Skill, RMSSE" in text
    assert "Mean absolute error by target" in text


@pytest.mark.slow
def test_a_large_report_stays_small():
    report = make_report(
        series=tuple(f"series {i}" for i in range(2000)), rows=1000, horizon=720, season=168, windows=1
    )
    assert len(render_report(report).encode()) < 1_000_000


@pytest.mark.slow
def test_pictures_on_request(tmp_path):
    paths = save_figures(tmp_path / "plots", make_report(series=("北京",), targets=("气温",)))
    assert [path.stem for path in paths[:3]] == ["ahead-1", "learning", "finder"]
    assert sorted(paths) == sorted((tmp_path / "plots").iterdir())
    with Image.open(paths[0]) as image:
        assert image.size == (1792, 544)
        assert image.info["Title"] == "北京 · 气温, 6 steps from 2020-04-30"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0, "0.000"),
        (12, "12.00"),
        (0.12345, "0.1235"),
        (1234.5, "1,234"),
        (1e-5, "1.00e-05"),
    ],
)
def test_numbers_are_said(value, said):
    assert say_number(value) == said


def test_shares_are_said():
    assert say_percent(0.1234) == "12.3 %"
    assert say_percent(-0.1234, sign=True) == "−12.3 %"
    assert say_percent(None) == "–"
