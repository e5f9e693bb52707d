"""Where the numbers of each block lie in the state of a sequence."""

from __future__ import annotations

from recurra.blocks import Composition, Crf, Pool, Recurrent

FIELDS = {"rnn": 1, "lstm": 2, "gru": 1}


def state_places(composition: Composition, outputs: tuple[str, ...]) -> dict[str, range]:
    """The numbers of each block that carries something on, by the beginning of its parameters' names.

    A recurrent block has h of each layer, and then c of an LSTM; pooling a vector, its weight and the highest score;
    a random field a score for each label, and whether it has begun.
    """
    widths = dict(composition.inputs)
    places: dict[str, range] = {}
    end = 0
    for branch in composition.needed(outputs):
        taken = [widths[name] for name in branch.takes]
        width = sum(taken) if branch.join == "concatenate" else taken[0]
        for position, block in enumerate(branch.blocks):
            size = 0
            if isinstance(block, Recurrent):
                size = block.num_layers * block.hidden_size * FIELDS[block.cell]
            elif isinstance(block, Pool):
                size = width + 2
            elif isinstance(block, Crf):
                size = width + 1
            if size:
                places[f"chains.{branch.name}.{position}"] = range(end, end + size)
                end += size
            width = block.width(width)
        widths[branch.name] = width
    return places
