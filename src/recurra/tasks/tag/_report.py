from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

import recurra
from recurra.evaluate import Page, Passage, Section, confusion_picture, learning_picture
from recurra.tasks.tag._job import Fitted, Measured, Plan
from recurra.train import TrainingResult

_PASSAGES, _LONGEST = 12, 60


def report_page(
    fitted: Fitted,
    plan: Plan,
    training: TrainingResult,
    measured: Measured,
    choices: Sequence[tuple[str, object, str]],
    notes: Sequence[str],
) -> Page:
    """All that the report on a fitting shows."""
    config = fitted.config
    scheme = fitted.labels.scheme
    validation = training.curves["validation"]
    kinds, truth, answers = _confusion(measured, by_type=scheme is not None)
    curves = [learning_picture(training.curves["loss"], [], training.best_epoch)]
    if validation:
        curves.append(learning_picture([], validation, training.best_epoch, measure="validation error"))
    words = sum(len(sentence.words) for sentence in plan.parts.training)
    return Page(
        title=f"Tags of {plan.parts.name}" if scheme is None else f"Entities of {plan.parts.name}",
        subtitle=f"Column {fitted.column or 'tags'}, by a {'both-way ' if config.bidirectional else ''}"
        f"{config.cell.upper()} of {config.hidden_size} units and a random field of {len(fitted.labels.names)} labels",
        created=f"recurra {recurra.__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        scores=measured.scores,
        facts=(
            ("Learnt from", f"{len(plan.parts.training):,} sentences", f"{words:,} words"),
            ("Trained for", f"{training.seconds:,.0f} s", f"{len(training.history)} epochs"),
        ),
        sections=(
            Section(
                "Mistakes",
                about="Rows are what words are, columns what the model took them for.",
                pictures=(confusion_picture(truth, answers, kinds, what="words"),),
            ),
            Section(
                "Hardest sentences",
                about="Sentences of the test part with most words wrong. What is coloured is wrong; point at it to see "
                "the tag that it has and the one that the model gave.",
                passages=_passages(measured, apart="" if fitted.encoder.tokeniser.kind == "character" else " "),
            ),
            Section("Training", pictures=tuple(curves)),
        ),
        choices=tuple((name, str(value), why) for name, value, why in choices),
        notes=tuple(notes),
    )


def _confusion(measured: Measured, *, by_type: bool) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Tags, or types of entities, the most frequent first; and those of all words, true and answered."""

    def kind(tag: str) -> str:
        return tag.partition("-")[2] or tag if by_type else tag

    truth = [kind(tag) for tags in measured.truth for tag in tags]
    answers = [kind(tag) for tags in measured.predicted for tag in tags]
    kinds = list(dict.fromkeys([name for name, _ in Counter(truth).most_common()] + sorted(set(answers))))
    code = {name: place for place, name in enumerate(kinds)}
    return kinds, np.array([code[name] for name in truth]), np.array([code[name] for name in answers])


def _passages(measured: Measured, *, apart: str) -> tuple[Passage, ...]:
    wrong = np.array(
        [
            sum(tag != given for tag, given in zip(truth, tags, strict=True))
            for truth, tags in zip(measured.truth, measured.predicted, strict=True)
        ]
    )
    found = []
    for at in np.argsort(-wrong, kind="stable")[:_PASSAGES]:
        if not wrong[at]:
            break
        sentence = measured.sentences[at]
        spans: list[tuple[str, float, str]] = []
        triples = zip(sentence.words, measured.truth[at], measured.predicted[at], strict=True)
        for word, tag, given in list(triples)[:_LONGEST]:
            spans.append((word, 0.0, "") if tag == given else (word, -1.0, f"{tag}, taken for {given}"))
            spans.append((apart, 0.0, ""))
        about = f"{wrong[at]} of {len(sentence.words)} words wrong"
        if len(sentence.words) > _LONGEST:
            about += f"; the first {_LONGEST} shown"
        found.append(Passage(sentence.place, spans, about))
    return tuple(found)
