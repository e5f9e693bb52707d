"""Language models: words of the Penn Treebank (Mikolov et al., 2010), characters of Shakespeare's plays.

Treebank protocol: the official parts, 10,000 words, the end of a line counting as a word; perplexity of the test part
read once from its beginning to its end, the state carried through. The small network of Zaremba et al. (2014): two
layers of 200 units, 13 epochs in batches of 20 rows of 35 words.

Shakespeare: the last tenth of the file is the test part. There is no agreed number; the floor is Kneser-Ney.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recurra.errors import DataError
from recurra.recipes._language_speed import Speed, measure_speed
from recurra.recipes._recipe import Figure, Reproduction
from recurra.tasks.generate import Generator

# Zaremba et al. (2014), table 1, not regularised; interpolated Kneser-Ney 5-grams of Mikolov & Zweig (2012).
PUBLISHED, PUBLISHED_FLOOR = 114.5, 141.2
TEST_WORDS = 82_430  # with the ends of lines
PTB: dict[str, Any] = {
    "tokeniser": "word",
    "fewest": 1,
    "hidden_size": 200,
    "num_layers": 2,
    "tied": True,
    "dropout": 0.2,
    "epochs": 13,
    "batch_size": 20,
    "bptt": 35,
    "learning_rate": 4e-3,
    "clip": 1.0,
    "patience": 0,
}
SHAKESPEARE: dict[str, Any] = {
    "tokeniser": "character",
    "fewest": 1,
    "hidden_size": 256,
    "num_layers": 2,
    "dropout": 0.15,
    "batch_size": 32,
    "bptt": 128,
    "epochs": 16,
    "learning_rate": 4e-3,
    # Short, since it lies just before the test part and in the same play, whose names the floor would miss too.
    "validation": "0.01",
    "test": "0.1",
}


def ptb_small(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """The small network on words of the Penn Treebank."""
    train, valid, test = (_find(data, f"language/ptb/ptb.{part}.txt") for part in ("train", "valid", "test"))
    words = sum(len(line.split()) + 1 for line in test.read_text().splitlines())
    if words != TEST_WORDS:
        raise DataError(
            f"{test} has {words:,} words; expected {TEST_WORDS:,}, so figures wouldn't compare. "
            "Use the files as Mikolov published them."
        )
    model = Generator(**PTB, validation=str(valid), test=str(test), seed=seed)
    model.fit(train, progress="none" if progress == "none" else "auto")
    scores = model.scores_
    floor, ours = scores.baselines["kneser-ney-5"]["perplexity"], scores.metrics["perplexity"]
    assert floor is not None and ours is not None
    speed = measure_speed(model.fitted_.network, batch_size=PTB["batch_size"], bptt=PTB["bptt"])
    minutes = 0.0 if model.training_ is None else model.training_.seconds / 60
    return Reproduction(
        (
            Figure("Kneser-Ney 5-grams, test perplexity", floor, PUBLISHED_FLOOR),
            Figure("test perplexity", ours, PUBLISHED),
            Figure("minutes of training", minutes),
            *_speed_figures(speed),
        ),
        f"ptb-small: test perplexity {ours:.1f} against {PUBLISHED} published and {floor:.1f} of 5-grams; "
        f"{speed.ours / speed.torch:.2f} times the words a second of torch.nn.",
        model,
    )


def tinyshakespeare(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """Characters of Shakespeare's plays, and a sample."""
    path = _find(data, "language/tinyshakespeare/input.txt")
    model = Generator(**SHAKESPEARE, seed=seed).fit(path, progress="none" if progress == "none" else "auto")
    scores = model.scores_
    floor, ours = scores.baselines["kneser-ney-6"]["bits_per_character"], scores.metrics["bits_per_character"]
    assert floor is not None and ours is not None
    sample = model.predict("ROMEO:\n", length=400, temperature=0.7, seed=seed)
    return Reproduction(
        (
            Figure("Kneser-Ney 6-grams, bits per character", floor),
            Figure("bits per character", ours),
        ),
        f"tinyshakespeare: {ours:.3f} bits per character against {floor:.3f} of 6-grams.\nROMEO:\n{sample}",
        model,
    )


def _speed_figures(speed: Speed) -> tuple[Figure, ...]:
    return (Figure("words a second, torch.nn", speed.torch), Figure("words a second", speed.ours))


def _find(data: Path, name: str) -> Path:
    path = data / name
    if not path.exists():
        raise DataError(f"{data} holds no {name}. Pass the folder that does as --data.")
    return path
