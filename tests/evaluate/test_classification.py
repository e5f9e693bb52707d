from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from recurra.evaluate import classification_scores, majority


def sure(answers, classes: int = 3) -> np.ndarray:
    """Probabilities of somebody who is 80 % sure."""
    return np.where(np.asarray(answers)[:, None] == np.arange(classes), 0.8, 0.2 / (classes - 1))


def test_by_hand():
    truth = np.array([0, 0, 0, 1, 1, 2])
    answers = np.array([0, 0, 1, 1, 1, 0])
    scores = classification_scores("classify", truth, sure(answers), ("a", "b", "c"), {"same": sure(answers)})
    # F1: a 2·2/(3+3), b 2·2/(3+2), c 0.
    assert scores.metrics == {
        "accuracy": pytest.approx(4 / 6),
        "macro_f1": pytest.approx((2 / 3 + 4 / 5 + 0) / 3),
        "log_loss": pytest.approx(-(4 * np.log(0.8) + 2 * np.log(0.1)) / 6),
        "ece": pytest.approx(0.8 - 4 / 6),
    }
    assert scores.tables[0].rows == (
        ("a", pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(2 / 3), 3, 3),
        ("b", pytest.approx(2 / 3), 1.0, pytest.approx(0.8), pytest.approx(0.8), 2, 3),
        ("c", None, 0.0, 0.0, 0.0, 1, 0),
    )
    assert scores.tables[1].rows == (("a", "b", 1), ("c", "a", 1))
    assert scores.verdict.outcome == "same"
    assert scores.counts == {"texts": 6, "classes": 3}
    assert scores.warning == "Don't trust the probabilities: 80% sure on average, right in 67% of texts."


def test_a_class_that_nobody_meets_isnt_averaged():
    truth = np.array([0, 1] * 50)
    scores = classification_scores("classify", truth, sure(truth), ("a", "b", "c"), {"majority": sure(truth * 0)})
    assert scores.metrics["macro_f1"] == 1.0
    assert scores.verdict.outcome == "better"
    assert scores.tables[0].rows[2][:4] == ("c", None, None, None)


def test_several_labels():
    random = np.random.default_rng(2)
    truth = random.random((400, 3)) < [0.5, 0.3, 0.0]
    given = random.random((400, 3)) * [1, 1, 0.4]  # the third label is neither true nor answered
    scores = classification_scores("classify", truth, given, "abc", {"majority": majority(truth, 400, classes=3)})
    answers = given >= 0.5
    assert scores.metrics["micro_f1"] == pytest.approx(f1_score(truth, answers, average="micro"))
    assert scores.metrics["macro_f1"] == pytest.approx(f1_score(truth[:, :2], answers[:, :2], average="macro"))
    assert scores.metrics["subset_accuracy"] == pytest.approx((truth == answers).all(axis=1).mean())
    assert len(scores.tables) == 1


def test_without_texts_there_is_no_verdict():
    nothing = np.zeros((0, 2))
    scores = classification_scores("classify", np.zeros(0, dtype=int), nothing, "ab", {"majority": nothing})
    assert scores.verdict.outcome == "unknown"
    assert set(scores.metrics.values()) == {None}
