"""Tiny bundles of the text tasks with random weights: nothing is fitted, and whatever runs them can be tested."""

from __future__ import annotations

from pathlib import Path

from cases.bundles import save
from recurra.blocks import AnyBlock, Branch, Composition, Crf, Embedding, Last, Linear, Pool, Recurrent
from recurra.data.text import CharacterTokeniser, Encoder, Vocabulary, WordTokeniser
from recurra.tasks.classify._answers import Answers
from recurra.tasks.classify._scaling import Scaling
from recurra.tasks.tag._labels import Labels

WORDS = ("the", "a", "fine", "dull", "film", "plot", "is", "not", "and", "great", "Paris", "dog")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz .,\n")


def generator(path: Path, *, layers: int = 2, hidden_size: int = 16, seed: int = 0) -> Path:
    """A language model of letters: LSTM layers."""
    encoder = Encoder(tokeniser=CharacterTokeniser(), words=Vocabulary(pieces=LETTERS))
    chain = [Recurrent(cell="lstm", hidden_size=hidden_size) for _ in range(layers)]
    branches = (
        Branch(name="vectors", takes=("words",), blocks=(_embedding(encoder),)),
        Branch(name="read", takes=("vectors",), blocks=tuple(chain)),
        Branch(name="next", takes=("read",), blocks=(Linear(size=encoder.words.size),)),
    )
    return _save(path, "generate", encoder, branches, {"begin": 0}, seed=seed)


def classifier(path: Path, *, bidirectional: bool = False, multi: bool = False, seed: int = 1) -> Path:
    """A classifier of texts with three labels: a GRU of 12 units."""
    encoder = _of_words()
    answers = Answers(kind="text", labels=("good", "bad", "neither"), multi=multi)
    branches = _classifying(("words",), _embedding(encoder), bidirectional=bidirectional, labels=3)
    return _save(path, "classify", encoder, branches, answers.model_dump(mode="json"), seed=seed)


def series_classifier(path: Path, *, bidirectional: bool = False, seed: int = 2) -> Path:
    """A classifier of series of two columns, where values may be missing."""
    scaling = Scaling(columns=("x", "y"), mean=(0.0, 0.0), spread=(1.0, 1.0), gaps=True)
    answers = Answers(kind="numbers", labels=("fast", "slow"), multi=False)
    branches = _classifying(tuple(scaling.widths), None, bidirectional=bidirectional, labels=2)
    return _save(path, "classify", scaling, branches, answers.model_dump(mode="json"), seed=seed)


def tagger(path: Path, *, bidirectional: bool = False, seed: int = 3) -> Path:
    """A tagger of four tags: an LSTM of 12 units and a random field."""
    encoder = _of_words()
    labels = Labels(names=("DET", "NOUN", "VERB", "ADJ"), scheme=None, inside=None)
    recurrent = Recurrent(cell="lstm", hidden_size=12, bidirectional=bidirectional)
    branches = (
        Branch(name="word", takes=("words",), blocks=(_embedding(encoder),)),
        Branch(name="read", takes=("word",), blocks=(recurrent,)),
        Branch(name="emissions", takes=("read",), blocks=(Linear(size=4),)),
        Branch(name="path", takes=("emissions",), blocks=(Crf(),)),
    )
    inputs = {"labels": labels.model_dump(mode="json"), "column": "upos", "layout": "conllu"}
    return _save(path, "tag", encoder, branches, inputs, seed=seed)


def _of_words() -> Encoder:
    return Encoder(tokeniser=WordTokeniser(), words=Vocabulary(pieces=WORDS))


def _embedding(encoder: Encoder) -> Embedding:
    return Embedding(categories=(encoder.words.size,), sizes=(8,))


def _classifying(
    takes: tuple[str, ...], first: AnyBlock | None, *, bidirectional: bool, labels: int
) -> tuple[Branch, ...]:
    pool = Last(bidirectional=True) if bidirectional else Pool(method="mean")
    return (
        Branch(name="embedded", takes=takes, blocks=() if first is None else (first,)),
        Branch(
            name="read",
            takes=("embedded",),
            blocks=(Recurrent(cell="gru", hidden_size=12, bidirectional=bidirectional),),
        ),
        Branch(name="pooled", takes=("read",), blocks=(pool,)),
        Branch(name="output", takes=("pooled",), blocks=(Linear(size=labels),)),
    )


def _save(
    path: Path, task: str, read: Encoder | Scaling, branches: tuple[Branch, ...], inputs: dict, *, seed: int
) -> Path:
    return save(
        path,
        Composition(inputs=read.widths, branches=branches),
        task=task,
        seed=seed,
        scale=3.0,
        inputs=inputs,
        documents={"preprocessing.json": read.model_dump_json()},
    )
