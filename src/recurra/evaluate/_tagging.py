from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from recurra.errors import DataError, require
from recurra.evaluate._randomised import chance_by_swapping
from recurra.evaluate._task_scores import ScoreTable, TaskScores, judge_task, number, ranked

if TYPE_CHECKING:
    from nervaluate.entities import Entity

Scheme = Literal["bio", "iobes"]
Tags = Sequence[Sequence[str]]
MOST_TAGS = 100
MOST_PAIRS = 12


def tagging_scores(
    task: str,
    truth: Tags,
    predicted: Tags,
    baselines: Mapping[str, Tags],
    *,
    known: Sequence[Sequence[bool]],
    scheme: Scheme | None,
    history: Mapping[str, Any] | None = None,
) -> TaskScores:
    """Measure tags, sentence by sentence, of a model and of baselines by name against the truth.

    Judged by the F1 of entities where the tags spell them (`scheme`), by accuracy otherwise; chance acts on whole
    sentences, since neighbouring words share their fate. `known` says of each word whether the training part has it.
    An entity counts if its ends and its type are right (nervaluate's strict evaluation, CoNLL's measure).
    """
    assert baselines, "an honest score needs a baseline"
    answers = {"model": predicted, **baselines}
    counts = {name: _word_counts(truth, given, known) for name, given in answers.items()}
    measured = {name: _accuracies(row) for name, row in counts.items()}
    headline, statistic = "accuracy", _accuracy
    tables = [_tag_table(truth, predicted), *_pairs_table(truth, predicted)]
    if scheme is not None:
        headline, statistic = "entity_f1", entity_f1
        true = _entities(truth, scheme)
        found = {name: _entities(given, scheme) for name, given in answers.items()}
        counts = {name: _entity_counts(true, entities) for name, entities in found.items()}
        measured = {name: _entity_measures(counts[name]) | row for name, row in measured.items()}
        best = ranked({name: measured[name] for name in baselines}, headline, larger=True)[0]
        tables = [_entity_table(true, found["model"], best, found[best]), *tables]
    sentences = len(truth)
    verdict = judge_task(
        headline,
        measured["model"][headline],
        {
            name: (
                measured[name][headline],
                chance_by_swapping(counts["model"], counts[name], statistic) if sentences else 1.0,
            )
            for name in baselines
        },
        larger=True,
        scored=f"{sentences:,} sentence{'s' * (sentences != 1)}",
    )
    is_known = np.fromiter(chain.from_iterable(known), dtype=bool)
    return TaskScores(
        task=task,
        headline=headline,
        metrics=measured["model"],
        baselines={name: measured[name] for name in baselines},
        larger_is_better=("accuracy", "unknown_accuracy", "entity_f1", "entity_precision", "entity_recall"),
        verdict=verdict,
        tables=tuple(tables),
        counts={"sentences": sentences, "words": len(is_known), "unknown_words": int((~is_known).sum())},
        history=dict(history or {}),
        warning=None,
    )


def entity_f1(counts: np.ndarray) -> np.ndarray:
    """F1 (R,) from sums (R, 3) of entities that were right, answered and true."""
    hits, answered, true = counts.astype(np.float64).T
    return np.divide(2 * hits, answered + true, out=np.zeros_like(hits), where=answered + true > 0)


def _accuracy(counts: np.ndarray) -> np.ndarray:
    return counts[:, 0] / np.maximum(counts[:, 1], 1)


def _word_counts(truth: Tags, answer: Tags, known: Sequence[Sequence[bool]]) -> np.ndarray:
    """For each sentence (S, 4): words right, words, unknown words right, unknown words."""
    rows = []
    for tags, given, seen in zip(truth, answer, known, strict=True):
        right = [tag == other for tag, other in zip(tags, given, strict=True)]
        unknown = [hit for hit, is_known in zip(right, seen, strict=True) if not is_known]
        rows.append((sum(right), len(right), sum(unknown), len(unknown)))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _accuracies(counts: np.ndarray) -> dict[str, float | None]:
    right, words, unknown_right, unknown = (int(total) for total in counts.sum(axis=0))
    return {
        "accuracy": right / words if words else None,
        "unknown_accuracy": unknown_right / unknown if unknown else None,
    }


def _entities(sentences: Tags, scheme: Scheme) -> list[list[Entity]]:
    """The entities of each sentence; an I- that continues nothing begins one, as CoNLL's scorer has it."""
    loaders = require("nervaluate.loaders", extra="train")
    return loaders.ListLoader().load([_as_bio(tags, scheme) for tags in sentences])


def _as_bio(tags: Iterable[str], scheme: Scheme) -> list[str]:
    plain: list[str] = []
    prefixes = "BI" if scheme == "bio" else "BIES"
    ended = False
    for tag in tags:
        prefix, dash, kind = tag.partition("-")
        if tag != "O" and (len(prefix) != 1 or prefix not in prefixes or not dash or not kind):
            raise DataError(
                f"Tag {tag!r} isn't one of {scheme.upper()}, where tags are O, "
                f"{', '.join(f'{letter}-TYPE' for letter in prefixes)}. Score these tags with scheme=None."
            )
        begins = prefix in "BS" or ended
        plain.append("O" if tag == "O" else f"{'B' if begins else 'I'}-{kind}")
        ended = prefix in "ES"
    return plain


def _entity_counts(true: Sequence[list[Entity]], found: Sequence[list[Entity]]) -> np.ndarray:
    """For each sentence (S, 3): entities right, answered, true."""
    strategies = require("nervaluate.strategies", extra="train")
    strict = strategies.StrictEvaluation()
    rows = []
    for here, given in zip(true, found, strict=True):
        result, _ = strict.evaluate(here, given, [])
        rows.append((result.correct, len(given), len(here)))
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _entity_measures(counts: np.ndarray) -> dict[str, float | None]:
    hits, answered, true = (int(total) for total in counts.sum(axis=0))
    return {
        "entity_f1": number(entity_f1(counts.sum(axis=0)[None])[0]) if answered + true else None,
        "entity_precision": hits / answered if answered else None,
        "entity_recall": hits / true if true else None,
    }


def _entity_table(
    true: Sequence[list[Entity]], found: Sequence[list[Entity]], best: str, best_found: Sequence[list[Entity]]
) -> ScoreTable:
    frequency = Counter(entity.label for sentence in true for entity in sentence)
    kinds = [kind for kind, _ in frequency.most_common()]
    kinds += sorted({entity.label for sentence in found for entity in sentence} - set(kinds))
    rows = []
    for kind in kinds:
        own, other = (
            _entity_measures(_entity_counts(_only(true, kind), _only(answer, kind))) for answer in (found, best_found)
        )
        rows.append(
            (kind, own["entity_precision"], own["entity_recall"], own["entity_f1"], other["entity_f1"], frequency[kind])
        )
    columns = ("type", "precision", "recall", "F1", f"F1, {best}", "entities")
    return ScoreTable(title="Entities by type", columns=columns, rows=tuple(rows))


def _only(sentences: Sequence[list[Entity]], kind: str) -> list[list[Entity]]:
    return [[entity for entity in sentence if entity.label == kind] for sentence in sentences]


def _tag_table(truth: Tags, predicted: Tags) -> ScoreTable:
    true, answered, hits = Counter(), Counter(), Counter()
    for tags, given in zip(truth, predicted, strict=True):
        true.update(tags)
        answered.update(given)
        hits.update(tag for tag, other in zip(tags, given, strict=True) if tag == other)
    rows = tuple(
        (
            tag,
            hits[tag] / answered[tag] if answered[tag] else None,
            hits[tag] / count,
            2 * hits[tag] / (answered[tag] + count),
            count,
            answered[tag],
        )
        for tag, count in true.most_common(MOST_TAGS)
    )
    about = f"The {MOST_TAGS} most frequent of {len(true)}." if len(true) > MOST_TAGS else ""
    columns = ("tag", "precision", "recall", "F1", "words", "answered")
    return ScoreTable(title="By tag", columns=columns, rows=rows, about=about)


def _pairs_table(truth: Tags, predicted: Tags) -> list[ScoreTable]:
    pairs = Counter(
        (tag, other)
        for tags, given in zip(truth, predicted, strict=True)
        for tag, other in zip(tags, given, strict=True)
        if tag != other
    )
    if not pairs:
        return []
    rows = tuple((tag, other, count) for (tag, other), count in pairs.most_common(MOST_PAIRS))
    return [ScoreTable(title="Most often confused", columns=("tag", "taken for", "words"), rows=rows)]
