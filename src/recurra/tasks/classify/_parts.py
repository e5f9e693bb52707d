from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recurra.data._words import counted, listed, many
from recurra.data.text import Parts, split_documents
from recurra.errors import DataError
from recurra.tasks.classify._config import ClassifyConfig
from recurra.tasks.classify._samples import Labels, Samples, join_samples, read_samples


def split(samples: Samples, config: ClassifyConfig) -> tuple[Samples, Parts]:
    """What is learnt from, what steers training, and what only judges it; with the samples of files of their own.

    `validation` and `test` are shares, or files that are added to `samples`. Nothing that is in such a file is learnt
    from.
    """
    files = {name: given for name in ("validation", "test") if not _is_number(given := getattr(config, name))}
    if not files:
        shares = {"validation": float(config.validation), "test": config.test}
        return samples, split_documents(samples.contents, samples.labels, seed=config.seed, noun=samples.noun, **shares)
    read = {name: read_samples(_existing(name, given), config, needs_labels=True) for name, given in files.items()}
    joined = join_samples([samples, *read.values()])
    contents = [" ".join(content.casefold().split()) for content in joined.contents]
    ends = np.cumsum([len(samples), *(len(part) for part in read.values())])
    held: dict[str, np.ndarray] = {}
    taken: set[str] = set()
    notes: list[str] = []
    for name, start, end in reversed(list(zip(read, ends[:-1], ends[1:], strict=True))):
        held[name] = _unseen(contents, range(start, end), taken, f"of the {name} part", notes)
        taken |= {contents[index] for index in held[name]}
    rest = _unseen(contents, range(len(samples)), taken, "to learn from", notes)
    shares: dict[str, Any] = {
        name: 0.0 if name in files else float(getattr(config, name)) for name in ("validation", "test")
    }
    assert joined.labels is not None
    inner = split_documents(
        [contents[index] for index in rest],
        [joined.labels[index] for index in rest],
        seed=config.seed,
        noun=samples.noun,
        **shares,
    )
    parts = {name: held.get(name, rest[getattr(inner, name)]) for name in ("validation", "test")}
    training = rest[inner.training]
    sizes = f"{training.size:,} {many(samples.noun)} to learn from, {parts['validation'].size:,} to steer training by, "
    return joined, Parts(
        training, parts["validation"], parts["test"], (f"{sizes}{parts['test'].size:,} to test.", *notes)
    )


def find_labels(labels: Labels, training: np.ndarray, *, multi: bool, source: str) -> tuple[str, ...]:
    """The labels of the training part, in order. DataError for a single one."""
    found = sorted({label for index in training for label in labels[index]}, key=_sorted_as)
    if len(found) < (1 if multi else 2):
        raise DataError(
            f"{source}: the training part has {counted(len(found), 'label')}{': ' if found else ''}{listed(found)}; "
            "expected two or more. Choose another label column, or add texts of another label."
        )
    return tuple(found)


def truth_of(labels: Labels, known: Sequence[str], *, multi: bool) -> np.ndarray:
    """Labels as classes (N,) int64, or as booleans (N, L); all must be known."""
    place = {label: at for at, label in enumerate(known)}
    if not multi:
        return np.array([place[each[0]] for each in labels], np.int64)
    truth = np.zeros((len(labels), len(known)), bool)
    for row, each in enumerate(labels):
        truth[row, [place[label] for label in each]] = True
    return truth


def with_known_labels(
    samples: Samples, parts: Parts, labels: tuple[str, ...]
) -> tuple[Samples, Parts, tuple[str, ...]]:
    """Without held-out samples of labels that the training part lacks: nothing could learn them."""
    assert samples.labels is not None
    known = set(labels)
    odd = {index for index, each in enumerate(samples.labels) if not known.issuperset(each)}
    if not odd:
        return samples, parts, ()
    names = sorted({label for index in odd for label in samples.labels[index]} - known)
    note = (
        f"{len(odd):,} {many(samples.noun)} are left out: {', '.join(names[:10])} isn't among the labels learnt from."
    )
    kept = {
        name: np.array([index for index in getattr(parts, name) if index not in odd], np.int64)
        for name in ("training", "validation", "test")
    }
    cleared = tuple(() if index in odd else each for index, each in enumerate(samples.labels))
    if not samples.multi:
        cleared = tuple(each or (labels[0],) for each in cleared)
    return replace(samples, labels=cleared), replace(parts, **kept), (note,)


def _unseen(contents: Sequence[str], indices: range, taken: set[str], what: str, notes: list[str]) -> np.ndarray:
    kept = np.array([index for index in indices if contents[index] not in taken], np.int64)
    if kept.size < len(indices):
        notes.append(f"{counted(len(indices) - kept.size, 'text', 'was')} left out {what}: held out elsewhere.")
    return kept


def _is_number(given: str) -> bool:
    try:
        float(given)
    except ValueError:
        return False
    return True


def _existing(name: str, given: str) -> Path:
    path = Path(given)
    if not path.exists():
        raise DataError(f"{name} is {given!r}, neither a share such as 0.1 nor a file. Give one of them.")
    return path


def _sorted_as(label: str) -> tuple[float, str]:
    """Numbers by their size, before names."""
    try:
        return float(label), label
    except ValueError:
        return np.inf, label
