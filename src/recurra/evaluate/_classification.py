from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recurra.data._words import counted, many
from recurra.evaluate._calibration import calibration_error
from recurra.evaluate._randomised import chance_by_swapping
from recurra.evaluate._task_scores import ScoreTable, TaskScores, judge_task, number, ranked

MOST_CLASSES = 100
MOST_PAIRS = 12
_UNFAIR = 0.1  # calibration error from which confidence misleads


def classification_scores(
    task: str,
    truth: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[str],
    baselines: Mapping[str, np.ndarray],
    *,
    noun: str = "text",
    history: Mapping[str, Any] | None = None,
) -> TaskScores:
    """Measure probabilities (N, L) of a model and of baselines by name against the truth, and judge by macro-F1.

    truth (N,) holds one class for each sample, or (N, L) booleans where one may have several labels or none; a label is
    then answered from a probability of one half. `noun` is what a sample is called. F1 of a class that neither is nor
    was answered isn't averaged.
    """
    assert baselines, "an honest score needs a baseline"
    truth = np.asarray(truth)
    multi = truth.ndim == 2
    answers = {"model": probabilities, **baselines}
    measured = {name: (_measure_labels if multi else _measure_classes)(truth, given) for name, given in answers.items()}
    best = ranked({name: measured[name] for name in baselines}, "macro_f1", larger=True)[0]
    counts = {name: _counts(truth, given) for name, given in answers.items()}
    count, of = len(truth), many(noun)
    verdict = judge_task(
        "macro_f1",
        measured["model"]["macro_f1"],
        {
            name: (
                measured[name]["macro_f1"],
                chance_by_swapping(counts["model"], counts[name], macro_f1) if count else 1.0,
            )
            for name in baselines
        },
        larger=True,
        scored=counted(count, noun),
    )
    tables = [_class_table(counts["model"], labels, best, counts[best], of)]
    if not multi:
        tables += _pairs_table(truth, probabilities.argmax(axis=1), labels, of)
    return TaskScores(
        task=task,
        headline="macro_f1",
        metrics=measured["model"],
        baselines={name: measured[name] for name in baselines},
        larger_is_better=("accuracy", "macro_f1", "micro_f1", "subset_accuracy"),
        verdict=verdict,
        tables=tuple(tables),
        counts={of: count, "classes": len(labels)},
        history=dict(history or {}),
        warning=_warning(measured["model"].get("ece"), probabilities, truth, of),
    )


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """F1 averaged over classes, (R,), from sums (R, 3L) of hits, answers and truths for each class."""
    hits, answered, true = np.split(counts.astype(np.float64), 3, axis=-1)
    present = answered + true > 0
    f1 = np.divide(2 * hits, answered + true, out=np.zeros_like(hits), where=present)
    return f1.sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)


def _measure_classes(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float | None]:
    from sklearn.metrics import accuracy_score, f1_score, log_loss

    if not len(truth):
        return dict.fromkeys(("accuracy", "macro_f1", "log_loss", "ece"))
    share = np.asarray(probabilities, dtype=np.float64)
    share = share / share.sum(axis=1, keepdims=True)
    answer = share.argmax(axis=1)
    return {
        "accuracy": number(accuracy_score(truth, answer)),
        "macro_f1": number(f1_score(truth, answer, average="macro")),
        "log_loss": number(log_loss(truth, share, labels=np.arange(share.shape[1]))),
        "ece": number(calibration_error(truth, share)),
    }


def _measure_labels(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float | None]:
    if not len(truth):
        return dict.fromkeys(("micro_f1", "macro_f1", "subset_accuracy"))
    total = _counts(truth, probabilities).sum(axis=0)
    return {
        "micro_f1": number(macro_f1(total.reshape(3, -1).sum(axis=1)[None])[0]),
        "macro_f1": number(macro_f1(total[None])[0]),
        "subset_accuracy": number(np.mean(np.all(truth == (probabilities >= 0.5), axis=1))),
    }


def _counts(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """For each sample (N, 3L) which labels were right, answered and true."""
    if truth.ndim == 2:
        true, answered = truth.astype(np.int32), (probabilities >= 0.5).astype(np.int32)
    else:
        every = np.arange(probabilities.shape[1])
        true = (truth[:, None] == every).astype(np.int32)
        answered = (probabilities.argmax(axis=1)[:, None] == every).astype(np.int32)
    return np.concatenate([true * answered, answered, true], axis=1)


def _class_table(counts: np.ndarray, labels: Sequence[str], best: str, best_counts: np.ndarray, of: str) -> ScoreTable:
    hits, answered, true = counts.sum(axis=0).reshape(3, -1).tolist()
    other_hits, other_answered, _ = best_counts.sum(axis=0).reshape(3, -1).tolist()
    order = sorted(range(len(labels)), key=lambda index: -true[index])[:MOST_CLASSES]
    rows = tuple(
        (
            labels[index],
            _share(hits[index], answered[index]),
            _share(hits[index], true[index]),
            _share(2 * hits[index], answered[index] + true[index]),
            _share(2 * other_hits[index], other_answered[index] + true[index]),
            true[index],
            answered[index],
        )
        for index in order
    )
    return ScoreTable(
        title="By class",
        columns=("class", "precision", "recall", "F1", f"F1, {best}", of, "answered"),
        rows=rows,
        about=f"The {MOST_CLASSES} most frequent of {len(labels)}." if len(labels) > MOST_CLASSES else "",
    )


def _pairs_table(truth: np.ndarray, answer: np.ndarray, labels: Sequence[str], of: str) -> list[ScoreTable]:
    """Which classes were taken for which, most often first; nothing where every answer was right."""
    pairs: Counter[tuple[int, int]] = Counter(
        (true, given) for true, given in zip(truth.tolist(), answer.tolist(), strict=True) if true != given
    )
    if not pairs:
        return []
    rows = tuple((labels[true], labels[given], count) for (true, given), count in pairs.most_common(MOST_PAIRS))
    return [ScoreTable(title="Most often confused", columns=("class", "taken for", of), rows=rows)]


def _warning(error: float | None, probabilities: np.ndarray, truth: np.ndarray, of: str) -> str | None:
    """A sentence on a confidence that misleads; None where it's fair."""
    if error is None or error <= _UNFAIR:
        return None
    sure = float(probabilities.max(axis=1).mean())
    right = float((probabilities.argmax(axis=1) == truth).mean())
    return f"Don't trust the probabilities: {sure:.0%} sure on average, right in {right:.0%} of {of}."


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
