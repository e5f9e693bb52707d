"""The language model, as data."""

from __future__ import annotations

from recurra.blocks import (
    AdaptiveSoftmax,
    AnyBlock,
    Branch,
    Composition,
    Dropout,
    Embedding,
    Linear,
    Recurrent,
    TiedLinear,
)
from recurra.tasks.generate._choices import Chosen

INPUT, VECTORS, READ, NEXT = "words", "word_vectors", "read", "next"


def compose(chosen: Chosen, categories: int) -> Composition:
    """Pieces in, by codes below `categories`; what comes next out: scores, or log-probabilities of an adaptive softmax.

    Dropout zeroes the same numbers at all steps of a batch, around and between the layers (Gal & Ghahramani, 2016).
    """
    dropout = (Dropout(rate=chosen.dropout, per="sequence"),) if chosen.dropout else ()
    layer = Recurrent(cell=chosen.cell, hidden_size=chosen.hidden_size, weight_dropout=chosen.weight_dropout)
    layers = [block for _ in range(chosen.num_layers) for block in (*dropout, layer)]
    embedding = Embedding(categories=(categories,), sizes=(chosen.embedding_size,), dropout=chosen.embedding_dropout)
    return Composition(
        inputs={INPUT: 1},
        branches=(
            Branch(name=VECTORS, takes=(INPUT,), blocks=(embedding,)),
            Branch(name=READ, takes=(VECTORS,), blocks=(*layers, *dropout)),
            Branch(name=NEXT, takes=(READ,), blocks=(_head(chosen, categories),)),
        ),
    )


def _head(chosen: Chosen, categories: int) -> AnyBlock:
    if chosen.cutoffs:
        return AdaptiveSoftmax(categories=categories, cutoffs=chosen.cutoffs)
    if chosen.tied:
        return TiedLinear(branch=VECTORS, categories=categories)
    return Linear(size=categories)
