"""Generated sentences whose tags a tiny network learns in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recurra.tasks.tag import Tagger

Pair = tuple[list[str], list[str]]

_NOUNS = ("cat", "dog", "Paris", "tree", "stone", "café", "🙂", "1984")
_ENDINGS = ("", "s", "ish", "ness")
_VERBS = ("runs", "sees", "eats")


def parts_of_speech(count: int, seed: int = 0) -> list[Pair]:
    """Sentences of articles, nouns and verbs; many nouns occur once."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        words: list[str] = []
        tags: list[str] = []
        for _ in range(random.integers(1, 4)):
            ending = str(random.choice([*_ENDINGS, str(random.integers(1000))]))
            words += ["the", str(random.choice(_NOUNS)) + ending, str(random.choice(_VERBS))]
            tags += ["DET", "NOUN", "VERB"]
        found.append((words, tags))
    return found


def entities(count: int, seed: int = 0) -> list[Pair]:
    """Sentences with names of one to three words, in BIO."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        words, tags = ["hello"], ["O"]
        for _ in range(random.integers(1, 3)):
            kind = str(random.choice(["PER", "LOC"]))
            length = int(random.integers(1, 4))
            words += [
                "Mr" if kind == "PER" else "near",
                *(f"{kind.title()}{random.integers(30)}" for _ in range(length)),
            ]
            tags += ["O", f"B-{kind}", *[f"I-{kind}"] * (length - 1)]
        found.append((words, tags))
    return found


def write(path: Path, sentences: list[Pair]) -> Path:
    """A word and its tag on each line."""
    blocks = ("".join(f"{word}\t{tag}\n" for word, tag in zip(*each, strict=True)) for each in sentences)
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


def tiny(**options: Any) -> Tagger:
    """A tagger that is trained in a moment."""
    return Tagger(**{"epochs": 2, "hidden_size": 8, "word_size": 8, "learning_rate": 0.02, "threads": 1} | options)
