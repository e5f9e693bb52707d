from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

import recurra
from recurra.data._words import many
from recurra.data.text import Encoder
from recurra.evaluate import (
    Page,
    Passage,
    Picture,
    ScoreTable,
    Section,
    confusion_picture,
    finder_picture,
    learning_picture,
    reliability_picture,
)
from recurra.tasks.classify._attribution import attention, integrated_gradients
from recurra.tasks.classify._inputs import encode
from recurra.tasks.classify._job import Fitted, Measured
from recurra.tasks.classify._preparing import Plan
from recurra.tasks.classify._words import words_of
from recurra.train import TrainingResult

_SHOWN, _MISTAKES = 8, 8
_LOOKED_AT = 200  # texts, for the words that speak for a label
_MOST_WORDS, _FEWEST_TIMES = 12, 2
_READABLE = 120  # words; longer texts aren't shown
_CLASSES_WITH_WORDS = 8


def build_page(fitted: Fitted, plan: Plan, training: TrainingResult, measured: Measured) -> Page:
    """All that the report on a fitting shows."""
    answers, config = fitted.answers, plan.config
    what = many(plan.samples.noun)
    direction = "both ways" if config.bidirectional else "one way, so it streams"
    return Page(
        title=f"Classes of {plan.samples.source}",
        subtitle=f"{len(answers.labels)} labels by a {config.cell.upper()} with {config.hidden_size} units, "
        f"read {direction}",
        created=f"recurra {recurra.__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        scores=measured.scores,
        facts=[
            ("Learnt from", f"{plan.parts.training.size:,} {what}", f"{training.seconds:,.0f} s of training"),
            (
                "Temperature",
                f"{answers.temperature:.2f}",
                "logits are divided by it, so that it's as sure as it's right",
            ),
        ],
        sections=[
            *_mistakes(fitted, measured, what),
            *_words(fitted, measured),
            Section("Training", pictures=list(_training(training))),
        ],
        choices=list(plan.choices),
        notes=plan.notes,
    )


def _training(training: TrainingResult) -> Iterator[Picture]:
    curves = training.curves
    yield learning_picture(curves["loss"], curves["validation"], training.best_epoch)
    curve = training.learning_rate_curve
    if curve is not None:
        yield finder_picture(curve.learning_rates, curve.losses, training.learning_rate)


def _mistakes(fitted: Fitted, measured: Measured, what: str) -> Iterator[Section]:
    """Which labels are taken for which, how sure the model is, and where it was surest and wrong."""
    if fitted.answers.multi or not len(measured.truth):
        return
    answered = measured.probabilities.argmax(axis=1)
    pictures = [
        confusion_picture(measured.truth, answered, measured.labels, what=what),
        reliability_picture(measured.truth, measured.probabilities),
    ]
    yield Section("What is taken for what", pictures=pictures)
    wrong = np.flatnonzero(answered != measured.truth)
    order = wrong[np.argsort(-measured.probabilities[wrong, answered[wrong]], kind="stable")]
    surest = list(_short(fitted, measured, order))[:_MISTAKES]
    if isinstance(fitted.inputs, Encoder):
        about = "Answers that were sure of themselves, and wrong; often the label is what's wrong."
        yield Section("Most confident mistakes", about, passages=[_passage(fitted, measured, at) for at in surest])
    elif surest:
        rows = tuple(
            (
                str(measured.samples.names[measured.indices[at]]),
                measured.labels[measured.truth[at]],
                measured.labels[answered[at]],
                float(measured.probabilities[at, answered[at]]),
            )
            for at in surest
        )
        table = ScoreTable(title="Series", columns=("series", "true", "answered", "probability"), rows=rows)
        yield Section("Most confident mistakes", tables=[table])


def _words(fitted: Fitted, measured: Measured) -> Iterator[Section]:
    """Texts with the words that mattered in colour, and the words that speak for a label."""
    if not isinstance(fitted.inputs, Encoder) or not len(measured.truth):
        return
    random = np.random.default_rng(fitted.config.seed)
    drawn = random.permutation(len(measured.indices))[:_LOOKED_AT]
    looked_at = list(_short(fitted, measured, drawn))
    passages = [_passage(fitted, measured, at) for at in looked_at[:_SHOWN]]
    yield Section(
        "Which words mattered",
        "Integrated gradients: how much each word speaks for the answer (solid lines) or against it (dotted lines). "
        "With attention, what is shown on pointing is how much of it a word got.",
        tables=[_telling(fitted, measured, looked_at)],
        passages=passages,
    )


def _short(fitted: Fitted, measured: Measured, order: Sequence[int] | np.ndarray) -> Iterator[int]:
    """Those that a person reads: texts that aren't long, and not empty."""
    for at in order:
        name = measured.samples.names[measured.indices[at]]
        if not isinstance(fitted.inputs, Encoder) or 0 < len(fitted.inputs.tokeniser.pieces(name)) <= _READABLE:
            yield int(at)


def _passage(fitted: Fitted, measured: Measured, at: int) -> Passage:
    assert isinstance(fitted.inputs, Encoder)
    text = measured.samples.names[measured.indices[at]]
    label = _answered(fitted, measured, at)
    encoded = encode(fitted.inputs, measured.samples, [measured.indices[at]])
    weights = integrated_gradients(fitted.network, encoded, 0, label)
    attended = attention(fitted.network, encoded, 0)
    hints = [] if attended is None else [f"attention {share:.0%}" for share in attended]
    title = f"{measured.labels[label]} {measured.probabilities[at, label]:.0%}"
    if not fitted.answers.label(measured.probabilities[at, : len(fitted.answers.labels)]):
        title = f"none of the labels; the likeliest: {title}"
    elif not fitted.answers.multi and measured.truth[at] != label:
        title += f", but is {measured.labels[measured.truth[at]]}"
    return Passage(title, coloured(text, words_of(fitted.inputs, text), weights, hints))


def coloured(
    text: str, words: Sequence[str], weights: np.ndarray, hints: Sequence[str] = ()
) -> list[tuple[str, float, str]]:
    """A text cut into its words and what stands between them, each with a weight of at most 1, and a hint."""
    largest = float(np.abs(weights).max(initial=0.0)) or 1.0
    spans: list[tuple[str, float, str]] = []
    end = 0
    for place, (word, weight) in enumerate(zip(words, weights, strict=True)):
        start = text.find(word, end)
        if start > end:
            spans.append((text[end:start], 0.0, ""))
        spans.append((word, float(weight) / largest, hints[place] if hints else ""))
        end = max(start, end) + len(word)
    return [*spans, (text[end:], 0.0, "")] if end < len(text) else spans


def _telling(fitted: Fitted, measured: Measured, looked_at: Sequence[int]) -> ScoreTable:
    """The words that speak most for each label, on average over texts where it's the answer."""
    assert isinstance(fitted.inputs, Encoder)
    found: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for at in looked_at:
        label = _answered(fitted, measured, at)
        encoded = encode(fitted.inputs, measured.samples, [measured.indices[at]])
        text = measured.samples.names[measured.indices[at]]
        weights = integrated_gradients(fitted.network, encoded, 0, label)
        for word, weight in zip(words_of(fitted.inputs, text), weights, strict=True):
            found[label][word.lower() if fitted.inputs.lower else word].append(float(weight))
    rows = []
    for label in sorted(found, key=lambda label: -len(found[label]))[:_CLASSES_WITH_WORDS]:
        means = {word: np.mean(each) for word, each in found[label].items() if len(each) >= _FEWEST_TIMES}
        best = [word for word in sorted(means, key=lambda word: -means[word])[:_MOST_WORDS] if means[word] > 0]
        rows.append((measured.labels[label], " · ".join(best)))
    return ScoreTable(
        title="Words that speak for a label",
        columns=("label", "words"),
        rows=tuple(rows),
        about=f"By integrated gradients over {len(looked_at)} test texts, words that occur twice or more.",
    )


def _answered(fitted: Fitted, measured: Measured, at: int) -> int:
    """The likeliest label that the network knows."""
    return int(measured.probabilities[at, : len(fitted.answers.labels)].argmax())
