"""How fast saved models of text answer, without torch: texts, words and characters a second.

    python benchmarks/text_serving.py [--rounds 7]

A classifier and a tagger of the usual sizes, and a character model of two layers of 256, fitted for a step on made-up
text (an answer costs the same time however well the model was trained), saved, and loaded by `recurra.runtime`. The
classifier reads raw sentences of 5 to 33 words; the tagger as many, cut into words; the character model draws one
character after another, each from what it drew before, by `session.write`. Medians and the best of rounds. The bars:
5,000 texts, 20,000 words and 20,000 characters a second; exit code 1 below one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from recurra.runtime import load
from recurra.tasks.classify import Classifier
from recurra.tasks.generate import Generator
from recurra.tasks.tag import Tagger

TEXTS, WORDS, TAGS, CHARACTERS = 1_500, 20_000, 17, 20_000


def sentences(count: int) -> list[list[str]]:
    """Sentences of made-up words, some common and most rare, as in a language."""
    dice = np.random.default_rng(1)
    letters = np.array(list("etaoinshrdlucmfw"))
    words = ["".join(dice.choice(letters, dice.integers(2, 11))) for _ in range(WORDS)]
    ranks = 1 / np.arange(1, WORDS + 1)
    return [[words[at] for at in dice.choice(WORDS, dice.integers(5, 34), p=ranks / ranks.sum())] for _ in range(count)]


def classifier(folder: Path, known: list[list[str]]) -> tuple[Callable[[], Any], int]:
    path = folder / "texts.tsv"
    rows = [f"{('good', 'bad')[len(words) % 2]}\t{' '.join(words)}" for words in known]
    path.write_text("\n".join(["label\ttext", *rows]), encoding="utf-8")
    Classifier(text="text", label="label", epochs=1, steps_per_epoch=1).fit(path, progress="none").save(folder / "c")
    model: Any = load(folder / "c")
    texts = [" ".join(words) for words in known]
    return lambda: model.classify(texts), len(texts)


def tagger(folder: Path, known: list[list[str]]) -> tuple[Callable[[], Any], int]:
    path = folder / "words.conll"
    blocks = ["\n".join(f"{word}\tT{sum(map(ord, word)) % TAGS}" for word in words) for words in known]
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    Tagger(epochs=1, steps_per_epoch=1).fit(path, progress="none").save(folder / "t")
    model: Any = load(folder / "t")
    return lambda: model.tags(known), sum(map(len, known))


def generator(folder: Path, known: list[list[str]]) -> tuple[Callable[[], Any], int]:
    path = folder / "text.txt"
    path.write_text("\n".join(" ".join(words) for words in known), encoding="utf-8")
    options = {"tokeniser": "character", "hidden_size": 256, "num_layers": 2, "epochs": 1, "steps_per_epoch": 1}
    Generator(**options).fit(path, progress="none").save(folder / "g")
    session: Any = load(folder / "g").stream()

    def write() -> int:
        return sum(len(piece.text) for piece in session.write(CHARACTERS, seed=1))

    return write, CHARACTERS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    known = sentences(TEXTS)
    failed = False
    print(f"medians of {options.rounds} rounds (the best), load {os.getloadavg()[0]:.1f}")
    for make, what, bar in (
        (classifier, "texts classified", 5_000),
        (tagger, "words tagged", 20_000),
        (generator, "characters written", 20_000),
    ):
        with tempfile.TemporaryDirectory() as folder:
            work, count = make(Path(folder), known)
            work()
            rates = []
            for _ in range(options.rounds):
                start = perf_counter()
                work()
                rates.append(count / (perf_counter() - start))
        kept = median(rates) >= bar
        failed |= not kept
        rate = f"{median(rates):8,.0f} a second ({max(rates):,.0f})"
        print(f"{what:20}{rate}; {bar:,} wanted: {'kept' if kept else 'missed'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
