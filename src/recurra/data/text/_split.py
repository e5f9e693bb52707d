from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recurra.data._words import counted, listed, many
from recurra.errors import ConfigError, DataError


@dataclass(frozen=True, eq=False)
class Parts:
    """Which texts are learnt from, which steer training, and which only judge it: index arrays in order."""

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...]


def split_documents(
    texts: Sequence[str],
    labels: Sequence[tuple[str, ...]] | None,
    *,
    validation: float,
    test: float | str,
    seed: int,
    noun: str = "text",
) -> Parts:
    """Split texts at random, so that each part has its share of every label and equal texts are in one part.

    Texts are equal that differ in case and white space only. `test` is a share, or a number of texts; 0 leaves that
    part empty. Texts with several labels count as of their rarest one. A label with one text (or equal ones only)
    goes to training. `noun` is what texts are called in messages.

    Raises DataError where all labels are the same, ConfigError where the parts leave nothing for training.
    """
    count = len(texts)
    shares = {"test": _share(test, count, "test"), "validation": _share(validation, count, "validation")}
    if sum(shares.values()) >= 1:
        raise ConfigError(
            f"test {test} and validation {validation} together leave no {many(noun)} for training. "
            "Make one of them smaller."
        )
    classes, notes = _classes(labels, count, noun)
    groups: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        groups[" ".join(text.casefold().split())].append(index)
    notes += _about_duplicates(groups, labels, noun)
    examples = Counter(classes)
    by_class: dict[str, list[list[int]]] = defaultdict(list)
    for members in groups.values():
        # A label that occurs once must be learnt from, even if its text stands elsewhere with another.
        by_class[min((classes[index] for index in members), key=lambda label: examples[label] > 1)].append(members)
    random = np.random.default_rng(seed)
    taken: dict[str, list[int]] = {"test": [], "validation": [], "training": []}
    alone = []
    owed = dict.fromkeys(shares, 0.0)  # what rounding took from the labels before
    for label in sorted(by_class):
        members = by_class[label]
        if labels is not None and len(members) == 1:
            alone.append(label)
        for name, part in _cut(members, shares, owed, random).items():
            taken[name] += part
    if alone:
        notes.append(f"{listed(alone, 10)}: one {noun} only, so it goes to training and can't be tested.")
    parts = {name: np.array(sorted(part), np.int64) for name, part in taken.items()}
    for name, share in shares.items():
        if share and not parts[name].size:
            enough = f"{int(np.ceil(1 / share))}{'' if labels is None else ' of a label'} or more"
            raise DataError(
                f"{counted(count, noun)}, {len(groups):,} different, can't fill a {name} part of {share:.0%}. Expected "
                f"{enough}; add {many(noun)}, or enlarge it."
            )
    learnt, steering, tested = (f"{parts[name].size:,}" for name in ("training", "validation", "test"))
    sizes = f"{learnt} {many(noun)} to learn from, {steering} to steer training by, {tested} to test."
    return Parts(**parts, notes=(sizes, *notes))


def _share(asked: float | str, count: int, name: str) -> float:
    try:
        value = float(asked)
    except ValueError:
        value = -1.0
    if value >= 1 and value == int(value):
        value /= max(count, 1)
    if not 0 <= value < 1:
        raise ConfigError(f"{name} is {asked!r}; expected a share such as 0.1, or a number of texts below {count:,}.")
    return value


def _classes(labels: Sequence[tuple[str, ...]] | None, count: int, noun: str) -> tuple[list[str], list[str]]:
    """What each text counts as, for a share of it in every part."""
    if labels is None:
        return [""] * count, []
    total = Counter(label for each in labels for label in each)
    if len(total) == 1 and all(labels):
        raise DataError(
            f"All {counted(count, noun)} have the label {next(iter(total))!r}; expected two labels or more. "
            f"Choose another label column, or add {many(noun)} of another label."
        )
    if not total:
        raise DataError(f"None of {counted(count, noun)} has a label. Choose another label column.")
    return [min(each, key=lambda label: (total[label], label), default="") for each in labels], []


def _about_duplicates(groups: dict[str, list[int]], labels: Sequence[tuple[str, ...]] | None, noun: str) -> list[str]:
    again = [members for members in groups.values() if len(members) > 1]
    if not again:
        return []
    notes = [
        f"{counted(sum(map(len, again)) - len(again), noun, 'repeats')} an earlier one; "
        f"equal {many(noun)} stay in one part."
    ]
    if labels is not None:
        clashing = sum(len({frozenset(labels[member]) for member in members}) > 1 for members in again)
        if clashing:
            notes.append(
                f"{counted(clashing, f'repeated {noun}')} with different labels: no model can get them all right."
            )
    return notes


def _cut(
    groups: list[list[int]], shares: dict[str, float], owed: dict[str, float], random: np.random.Generator
) -> dict[str, list[int]]:
    """Fill the test part, then the validation part, group by group; what would overflow a part goes to the next.

    One group at least is learnt from.
    """
    count = sum(map(len, groups))
    room = {}
    for name, share in shares.items():
        exact = share * count + owed[name]
        room[name] = round(exact)
        owed[name] = exact - room[name]
    parts: dict[str, list[int]] = {name: [] for name in (*shares, "training")}
    first, *others = random.permutation(len(groups))
    parts["training"] += groups[first]
    for at in others:
        members = groups[at]
        fits = (name for name in shares if len(parts[name]) + len(members) <= room[name])
        parts[next(fits, "training")] += members
    return parts
