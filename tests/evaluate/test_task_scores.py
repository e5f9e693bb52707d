from __future__ import annotations

import pytest

from evaluate.page_case import make_scores
from recurra.evaluate import TaskScores
from recurra.evaluate._task_scores import judge_task


@pytest.mark.parametrize(
    ("model", "other", "chance", "outcome", "says"),
    [
        (0.78, 0.74, 0.001, "better", "Worth having: macro-F1 0.780 against 0.740 of X, the best baseline"),
        (0.78, 0.74, 0.31, "unproven", "Not proven: macro-F1 0.780 against 0.740 of X, the best baseline, but that"),
        (0.7402, 0.74, 0.001, "same", "Not worth having: X is as good (macro-F1 0.7400 against 0.7402)."),
        (0.70, 0.74, 0.2, "same", "Not worth having: X is as good or better (macro-F1 0.740 against 0.700, within"),
        (0.70, 0.74, 0.01, "worse", "Do not use this: X is better, macro-F1 0.740 against 0.700."),
        (0.74, 0.74, 1.0, "same", "Not worth having: X is as good (macro-F1 0.740 against 0.740)."),
        (None, 0.74, 1.0, "unknown", "No verdict"),
    ],
)
def test_verdict(model, other, chance, outcome, says):
    verdict = judge_task(
        "macro_f1", model, {"X": (other, chance), "poor": (0.1, 0.001)}, larger=True, scored="120 texts"
    )
    assert (verdict.outcome, verdict.sentence.startswith(says)) == (outcome, True), verdict.sentence
    standing = {"better": verdict.beats, "worse": verdict.loses_to}.get(outcome, verdict.ties_with)
    assert "X" in standing
    assert "poor" in (verdict.ties_with if model is None else verdict.beats)


def test_material_is_one_per_cent_of_the_error():
    def outcome(model: float) -> str:
        return judge_task("accuracy", model, {"X": (0.9, 0.0)}, larger=True, scored="").outcome

    assert [outcome(value) for value in (0.9009, 0.9011, 0.8991, 0.8989)] == ["same", "better", "same", "worse"]


def test_less_is_better_of_perplexity():
    verdict = judge_task("perplexity", 114.6, {"X": (141.1, 0.0), "Y": (None, 1.0)}, larger=False, scored="9 tokens")
    assert verdict.sentence == "Worth having: perplexity 114.6 against 141.1 of X, the best baseline, more than chance."
    assert (verdict.beats, verdict.ties_with) == (("X",), ("Y",))


def test_scores_survive_json():
    scores = make_scores()
    assert TaskScores.model_validate_json(scores.model_dump_json()) == scores
    assert scores.best_baseline == "TF-IDF + logistic regression"
