from __future__ import annotations

from recurra.blocks import (
    AnyBlock,
    Branch,
    Characters,
    Composition,
    Dropout,
    Embedding,
    Last,
    Linear,
    Pool,
    Recurrent,
)
from recurra.data.text import Encoder
from recurra.tasks.classify._config import ClassifyConfig

_CASING_SIZE = 8
_CHARACTER_SIZE, _CHANNELS = 24, 48
# Where a text's words are vectors, whatever they were before: what attributions are made of.
EMBEDDED = "embedded"
READ, POOLED, RECURRENT, LINEAR, OUTPUT = "read", "pooled", "recurrent", "linear", "output"


def compose_text(config: ClassifyConfig, encoder: Encoder, classes: int) -> Composition:
    """Word vectors, with those of casing and spelling beside them, read by a recurrent stack, pooled and mapped.

    Where the encoder gives runs of words, a linear map of counts of words and runs is added.
    """
    codes = encoder.categories
    embedding = Embedding(
        categories=(codes["words"],), sizes=(config.embedding_size,), dropout=config.embedding_dropout
    )
    branches = [Branch(name="word_vectors", takes=("words",), blocks=(embedding,))]
    if "casing" in codes:
        casing = Embedding(categories=(codes["casing"],), sizes=(_CASING_SIZE,))
        branches.append(Branch(name="casing_vectors", takes=("casing",), blocks=(casing,)))
    if "characters" in codes:
        spelling = Characters(categories=codes["characters"], size=_CHARACTER_SIZE, channels=_CHANNELS)
        branches.append(Branch(name="spelling", takes=("characters",), blocks=(spelling,)))
    branches.append(Branch(name=EMBEDDED, takes=tuple(branch.name for branch in branches)))
    if not encoder.runs:
        return Composition(inputs=encoder.widths, branches=(*branches, *_head(config, classes)))
    branches += _head(config, classes, RECURRENT)
    sizes = linear_sizes(encoder)
    counts = Embedding(categories=sizes, sizes=(classes,) * len(sizes))
    linear = (counts, Pool(method="root"), Linear(size=classes))
    branches.append(Branch(name=LINEAR, takes=("words", "runs"), blocks=linear))
    branches.append(Branch(name=OUTPUT, takes=(RECURRENT, LINEAR), join="add"))
    return Composition(inputs=encoder.widths, branches=tuple(branches))


def linear_sizes(encoder: Encoder) -> tuple[int, ...]:
    """Numbers of codes of words, and of each length of runs, as the linear branch takes them."""
    return (encoder.words.size, *(known.size for known in encoder.runs))


def compose_numbers(config: ClassifyConfig, widths: dict[str, int], classes: int) -> Composition:
    """Standardised numbers, and whether each was there, read by a recurrent stack, pooled and mapped."""
    embedded = Branch(name=EMBEDDED, takes=tuple(widths))
    return Composition(inputs=widths, branches=(embedded, *_head(config, classes)))


def _head(config: ClassifyConfig, classes: int, name: str = OUTPUT) -> tuple[Branch, ...]:
    bidirectional = bool(config.bidirectional)
    recurrent = Recurrent(
        cell=config.cell,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=bidirectional,
        dropout=config.dropout,
        weight_dropout=config.weight_dropout,
    )
    pool: AnyBlock = Last(bidirectional=bidirectional)
    if config.pooling != "last":
        pool = Pool(method=config.pooling)
    dropout = Dropout(rate=config.dropout)
    return (
        Branch(name=READ, takes=(EMBEDDED,), blocks=(dropout, recurrent)),
        Branch(name=POOLED, takes=(READ,), blocks=(pool,)),
        Branch(name=name, takes=(POOLED,), blocks=(dropout, Linear(size=classes))),
    )
