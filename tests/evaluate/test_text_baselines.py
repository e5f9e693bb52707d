from __future__ import annotations

import numpy as np
import pytest

from recurra.evaluate import majority, tfidf_logistic

GOOD = ["a good film", "good , very good", "such a lovely film", "lovely and good", "I liked it , good"]
BAD = ["a bad film", "bad , very bad", "such an awful film", "awful and bad", "I hated it , bad"]
TEXTS, TRUTH = (GOOD + BAD) * 4, np.array(([1] * 5 + [0] * 5) * 4)


def test_majority_gives_the_shares():
    assert majority(np.array([0, 0, 0, 2]), 2, classes=3).tolist() == [[0.75, 0, 0.25]] * 2
    assert majority(np.array([[True, False], [True, True]]), 1, classes=2).tolist() == [[1.0, 0.5]]


def test_words_decide():
    given = tfidf_logistic(TEXTS, TRUTH, ["lovely", "AWFUL !", ""], classes=2)
    assert given.argmax(axis=1)[:2].tolist() == [1, 0]
    assert given[0, 1] > 0.7 and given[1, 0] > 0.7
    assert given.sum(axis=1) == pytest.approx(1.0)


def test_pairs_of_words_decide():
    texts = ["not good", "bad", "good", "not bad"] * 20
    assert tfidf_logistic(texts, np.array([0, 0, 1, 1] * 20), texts[:4], classes=2).argmax(axis=1).tolist() == [
        0,
        0,
        1,
        1,
    ]


def test_characters_decide_where_nothing_parts_words():
    texts = ["酒店很干净", "房间干净舒服", "酒店太脏了", "房间又脏又吵"] * 10
    given = tfidf_logistic(texts, np.array([1, 1, 0, 0] * 10), ["真干净啊", "好脏"], classes=2, characters=True)
    assert given.argmax(axis=1).tolist() == [1, 0]


def test_a_class_without_texts_gets_nothing():
    given = tfidf_logistic(TEXTS, TRUTH * 2, ["lovely"], classes=4)
    assert given[0, [1, 3]].tolist() == [0, 0]
    assert given[0].argmax() == 2


def test_several_labels():
    truth = np.stack([TRUTH == 1, TRUTH == 0, np.zeros(len(TRUTH), dtype=bool)], axis=1)
    given = tfidf_logistic(TEXTS, truth, ["lovely", "awful"], classes=3)
    assert (given >= 0.5).tolist() == [[True, False, False], [False, True, False]]


def test_texts_without_any_letter_are_kept():
    given = tfidf_logistic(["", " "] * 10, np.array([0, 1] * 10), [""], classes=2)
    assert given[0] == pytest.approx([0.5, 0.5], abs=0.01)
