from __future__ import annotations

from recurra.blocks import Branch, Characters, Composition, Crf, Dropout, Embedding, Linear, Recurrent
from recurra.data.text import Encoder
from recurra.tasks.tag._config import TagConfig
from recurra.tasks.tag._labels import Labels

_CASING_SIZE, _CHARACTER_SIZE, _CHANNELS = 8, 32, 64


def compose(config: TagConfig, encoder: Encoder, labels: Labels, *, word_size: int) -> Composition:
    """Words, how they are written and spelled; a recurrence over them; scores of labels; the best path through these.

    The network of Huang et al. (2015) with characters by convolution, as Ma & Hovy (2016) have them.
    """
    categories = encoder.categories
    branches = [
        Branch(
            name="word",
            takes=("words",),
            blocks=(Embedding(categories=(categories["words"],), sizes=(word_size,)),),
        )
    ]
    if "casing" in categories:
        embedding = Embedding(categories=(categories["casing"],), sizes=(_CASING_SIZE,))
        branches.append(Branch(name="case", takes=("casing",), blocks=(embedding,)))
    if "characters" in categories:
        spelling = Characters(categories=categories["characters"], size=_CHARACTER_SIZE, channels=_CHANNELS)
        branches.append(Branch(name="spelling", takes=("characters",), blocks=(spelling,)))
    recurrent = Recurrent(
        cell=config.cell,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
    )
    dropout = Dropout(rate=config.dropout)
    crf = Crf(forbidden=labels.forbidden, forbidden_first=labels.forbidden_first)
    return Composition(
        inputs=encoder.widths,
        branches=(
            *branches,
            Branch(name="read", takes=tuple(branch.name for branch in branches), blocks=(dropout, recurrent, dropout)),
            Branch(name="emissions", takes=("read",), blocks=(Linear(size=len(labels.names)),)),
            Branch(name="path", takes=("emissions",), blocks=(crf,)),
        ),
    )
