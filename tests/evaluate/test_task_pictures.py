from __future__ import annotations

import numpy as np
import pytest

from recurra.evaluate import bars_picture, confusion_picture, learning_picture, reliability_picture
from recurra.evaluate._svg import to_svg


def svg(picture) -> str:
    return to_svg(picture.figure, name=picture.name, description=picture.description)


def words_in(picture) -> list[str]:
    axes = picture.figure.axes[0]
    return [text.get_text() for text in axes.texts]


def test_confusion_counts():
    picture = confusion_picture(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), ["b", "a"])
    assert words_in(picture) == ["2", "1", "1"]
    cells = picture.figure.axes[0].patches
    assert [cell.get_alpha() for cell in cells] == pytest.approx([0.33, 0.17, 0.0, 0.5])
    assert "b: 67% right; a: 100% right" in picture.description
    assert "image" not in svg(picture)


def test_the_most_frequent_classes_come_first():
    truth = np.repeat(np.arange(30), np.arange(30) + 1)
    picture = confusion_picture(truth, truth, [f"c{index}" for index in range(30)])
    assert [label.get_text() for label in picture.figure.axes[0].get_yticklabels()][:2] == ["c29", "c28"]
    assert "the 20 most frequent of 30 classes" in picture.detail


@pytest.mark.parametrize("labels", [("好评", "差评"), ("a very long label, one", "a very long label, two")])
def test_what_cant_be_drawn_is_numbered(labels):
    picture = confusion_picture(np.array([0, 1]), np.array([0, 1]), labels)
    assert [label.get_text() for label in picture.figure.axes[0].get_xticklabels()] == ["1", "2"]
    assert f"1 {labels[0]}, 2 {labels[1]}" in picture.detail
    svg(picture)


def test_a_dollar_isnt_mathematics():
    assert "$x$" in svg(bars_picture("n", "c", {"$x$": 1.0}))


def test_bars_say_their_numbers():
    picture = bars_picture("n", "Values", {"one": 0.12345, "two": 3.0, "below": -1.0}, highlight="two")
    assert words_in(picture) == ["0.1235", "3.000", "-1.000"]
    assert picture.description == "Values: one 0.1235, two 3.000, below -1.000."
    assert ">0.1235<" in svg(picture)  # numbers that are read aren't rounded as places are


def test_many_bars_are_cut():
    picture = bars_picture("n", "c", {f"{index}": 1.0 for index in range(40)})
    assert picture.detail == "the first 24 of 40"


def test_reliability_and_learning_have_words():
    picture = reliability_picture(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert "100% right at 90%" in picture.description
    learning = learning_picture([2.0, 1.0], [2.0, 1.5], 2, measure="bits per character")
    assert learning.name == "learning-bits-per-character"
    assert learning.figure.axes[0].get_ylabel() == "bits per character"
    assert learning.caption == "Bits per character by epoch"
