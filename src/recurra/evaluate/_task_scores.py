from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from recurra.data._words import listed
from recurra.evaluate._verdict import MATERIAL, SIGNIFICANT, Outcome, Verdict, skill

# How metrics are called in sentences and on pages.
METRIC_NAMES = {
    "accuracy": "accuracy",
    "bits_per_character": "bits per character",
    "ece": "calibration error",
    "entity_f1": "entity F1",
    "entity_precision": "entity precision",
    "entity_recall": "entity recall",
    "log_loss": "log loss",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "perplexity": "perplexity",
    "subset_accuracy": "all labels right",
    "unknown_accuracy": "accuracy on unknown words",
}


class ScoreTable(BaseModel):
    """A table of a report, as data: text in the first column, numbers or text in the others, None where unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    about: str = ""


class TaskScores(BaseModel):
    """How good a model's answers were, beside what anybody could have answered; the content of a bundle's scores.json.

    The verdict is by the metric `headline` alone. Of a metric that isn't in `larger_is_better` less is better; one that
    nothing defines is None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    headline: str
    metrics: dict[str, float | None]
    baselines: dict[str, dict[str, float | None]]
    larger_is_better: tuple[str, ...]
    verdict: Verdict
    tables: tuple[ScoreTable, ...]
    counts: dict[str, int]  # texts, words and the like: what was scored
    history: dict[str, Any]  # what training recorded
    warning: str | None

    @property
    def best_baseline(self) -> str:
        """The baseline that the model is held against."""
        return ranked(self.baselines, self.headline, larger=self.headline in self.larger_is_better)[0]

    def warned(self, *sentences: str | None) -> Self:
        """The same with more to warn of."""
        return self.model_copy(update={"warning": " ".join(filter(None, (self.warning, *sentences))) or None})

    def of_test_part(self) -> Self:
        """The same, saying that of the data that were given only the test part was scored."""
        return self.warned("These are the data that it was fitted on, so only their test part was scored.")

    def with_unseen(self, labels: Collection[str], count: int, *, of: str, kind: str = "labels") -> Self:
        """The same, saying that `count` samples (`of` says what: texts, words) have labels that training never saw."""
        if not count:
            return self
        said = self.warned(
            f"{count:,} of {self.counts[of]:,} {of} have {kind} that training never saw "
            f"({listed(sorted(labels), 10)}): no answer can name these, so they count as wrong."
        )
        return said.model_copy(update={"counts": self.counts | {f"{of}_of_unseen_{kind}": count}})


def ranked(baselines: Mapping[str, Mapping[str, float | None]], metric: str, *, larger: bool) -> list[str]:
    """Names of baselines, the best in `metric` first, those without a number last."""

    def badness(name: str) -> float:
        value = baselines[name].get(metric)
        return np.inf if value is None else -value if larger else value

    return sorted(baselines, key=badness)


def judge_task(
    metric: str,
    model: float | None,
    baselines: Mapping[str, tuple[float | None, float]],
    *,
    larger: bool,
    scored: str,
) -> Verdict:
    """Hold a model's number against those of baselines, name: (number, probability of the difference by chance).

    A difference counts if it's at least 1 % of the baseline's error and has a probability below 5 % of coming by
    chance. The error of a metric of which more is better is what it lacks of 1. `scored` says what chance acted on,
    for instance "120 texts".
    """
    known = {name: (value, chance) for name, (value, chance) in baselines.items() if value is not None}
    if model is None or not known:
        return Verdict(
            outcome="unknown",
            sentence="No verdict: nothing in the test part defines the score.",
            beats=(),
            loses_to=(),
            ties_with=tuple(baselines),
            chance={},
        )

    def error(value: float) -> float:
        return 1 - value if larger else value

    gain = {name: skill(error(model), error(value)) for name, (value, _) in known.items()}
    counts = {name: chance <= SIGNIFICANT and abs(gain[name]) >= MATERIAL for name, (_, chance) in known.items()}
    best = min(known, key=lambda name: error(known[name][0]))
    outcome, sentence = _sentence(METRIC_NAMES[metric], model, best, *known[best], gain[best], scored)
    return Verdict(
        outcome=outcome,
        sentence=sentence,
        beats=tuple(name for name in known if counts[name] and gain[name] > 0),
        loses_to=tuple(name for name in known if counts[name] and gain[name] < 0),
        ties_with=tuple(name for name in baselines if not counts.get(name)),
        chance={name: {metric: round(chance, 4)} for name, (_, chance) in known.items()},
    )


def _sentence(
    label: str, model: float, rival: str, other: float, chance: float, gain: float, scored: str
) -> tuple[Outcome, str]:
    own, theirs = _apart(model, other)
    versus = f"{label} {own} against {theirs} of {rival}"
    if chance <= SIGNIFICANT and gain >= MATERIAL:
        return "better", f"Worth having: {versus}, the best baseline, more than chance."
    if chance <= SIGNIFICANT and gain <= -MATERIAL:
        return "worse", f"Do not use this: {rival} is better, {label} {theirs} against {own}."
    if gain >= MATERIAL:
        return "unproven", (
            f"Not proven: {versus}, the best baseline, but that may be chance over {scored} (p = {chance:.2f})."
        )
    if gain <= -MATERIAL:
        return "same", (
            f"Not worth having: {rival} is as good or better ({label} {theirs} against {own}, within chance)."
        )
    return "same", f"Not worth having: {rival} is as good ({label} {theirs} against {own})."


def _apart(one: float, two: float) -> tuple[str, str]:
    """Both numbers in as few digits as tell them apart, but no fewer than people print."""
    size = max(abs(one), abs(two))
    fewest = 3 if size <= 1 else 2 if size < 100 else 1
    for digits in range(fewest, fewest + 3):
        said = f"{one:,.{digits}f}", f"{two:,.{digits}f}"
        if said[0] != said[1]:
            return said
    return f"{one:,.{fewest}f}", f"{two:,.{fewest}f}"


def number(value: float | np.floating | None) -> float | None:
    """JSON has no NaN and no infinity."""
    return float(value) if value is not None and np.isfinite(value) else None
