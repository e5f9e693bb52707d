"""Small texts and language models for the tests of this room."""

from __future__ import annotations

import random

from recurra.data.text import CharacterTokeniser, Encoder, Vocabulary, WordTokeniser
from recurra.nn import Network
from recurra.tasks.generate._choices import Chosen
from recurra.tasks.generate._composition import compose
from recurra.tasks.generate._job import Fitted

WORDS = "the quick brown fox jumps over a lazy dog and runs away at night".split()
QUICK = {"hidden_size": 16, "epochs": 2, "bptt": 16, "batch_size": 8, "threads": 1}


def lines(count: int, seed: int = 0) -> str:
    """Lines of eight words, the first with a capital."""
    draw = random.Random(seed)
    return "".join(" ".join(draw.choice(WORDS) for _ in range(8)).capitalize() + ".\n" for _ in range(count))


def chosen(**changes) -> Chosen:
    """A network of two small layers."""
    usual = {
        "cell": "lstm", "hidden_size": 6, "num_layers": 2, "embedding_size": 6, "tied": False, "cutoffs": (),
        "dropout": 0.0, "embedding_dropout": 0.0, "weight_dropout": 0.0, "bptt": 7, "batch_size": 3, "epochs": 2,
        "steps_per_epoch": 4,
    }  # fmt: skip
    return Chosen(**(usual | changes))


def network(categories: int = 9, **changes) -> Network:
    """With fresh weights."""
    return Network(compose(chosen(**changes), categories)).eval()


def encoder(*pieces: str, kind: str = "character") -> Encoder:
    """Of these pieces."""
    tokeniser = CharacterTokeniser() if kind == "character" else WordTokeniser(spaces=True)
    return Encoder(tokeniser=tokeniser, words=Vocabulary(pieces=pieces))


def spent(fitted: Fitted, text: str):
    """The bits of each piece by torch."""
    from recurra.tasks.generate._model import spent_bits

    codes = fitted.encoder.encode(fitted.encoder.tokeniser.pieces(text))["words"][:, 0]
    return spent_bits(fitted.network, codes, begin=fitted.begin)
