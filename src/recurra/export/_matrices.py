"""Which weights of a network are matrices, and what makes them smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from recurra import blocks
from recurra.blocks import Composition
from recurra.errors import ConfigError

Weights = dict[str, np.ndarray]


def _recurrent(block: blocks.Recurrent) -> list[str]:
    directions = ("", "_reverse") if block.bidirectional else ("",)
    return [
        f"weight_{kind}_l{layer}{direction}"
        for layer in range(block.num_layers)
        for direction in directions
        for kind in ("ih", "hh")
    ]


# The matrices of each block, by the ends of their names; what it has besides (biases, gains) is too small to matter.
MATRICES: dict[type[blocks.Block], Callable[[Any], Iterable[str]]] = {
    blocks.Embedding: lambda block: [f"tables.{column}.weight" for column in range(len(block.categories))],
    blocks.Characters: lambda block: ["table.weight", "linear.weight"],
    blocks.Linear: lambda block: ["weight" if block.activation == "none" else "0.weight"],
    blocks.Dropout: lambda block: [],
    blocks.Clip: lambda block: [],
    blocks.Segments: lambda block: [],
    blocks.Steps: lambda block: [],
    blocks.Recurrent: _recurrent,
    blocks.Last: lambda block: [],
    blocks.Pool: lambda block: ["key.weight", "query.weight"] if block.method == "attention" else [],
    blocks.Crf: lambda block: [],
    blocks.TiedLinear: lambda block: [],  # the embedding's
    blocks.AdaptiveSoftmax: lambda block: [
        "head.weight",
        *(f"tail.{cluster}.{part}.weight" for cluster in range(len(block.cutoffs)) for part in (0, 1)),
    ],
    blocks.Positions: lambda block: [],
    blocks.Decode: lambda block: ["cell.weight_ih", "cell.weight_hh"],
    blocks.Horizon: lambda block: ["linear.weight"],
    blocks.Gain: lambda block: [],
    blocks.Unstack: lambda block: [],
    blocks.Level: lambda block: [],
    blocks.Spread: lambda block: [],
}


def matrices(composition: Composition) -> tuple[str, ...]:
    """The names of all weight matrices of a network."""
    return tuple(
        f"chains.{branch.name}.{position}.{name}"
        for branch in composition.branches
        for position, block in enumerate(branch.blocks)
        for name in MATRICES[type(block)](block)
    )


def pruned(weights: Mapping[str, np.ndarray], names: Iterable[str], share: float) -> Weights:
    """The weights with the smallest numbers of each named matrix, `share` of them, set to 0 (Han et al., 2015)."""
    if not 0 < share < 1:
        raise ConfigError(f"{share:g} of the weights can't be pruned. Give a share between 0 and 1, such as 0.5.")
    found = {name: np.array(array) for name, array in weights.items()}
    for name in names:
        flat = found[name].reshape(-1)
        flat[np.argsort(np.abs(flat), kind="stable")[: int(share * flat.size)]] = 0
    return found
