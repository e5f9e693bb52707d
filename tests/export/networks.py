"""Networks of random weights, and bundles of them, for the tests of what they are exported to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cases.blocks import BlockCase
from recurra.blocks import (
    AdaptiveSoftmax,
    Branch,
    Characters,
    Clip,
    Composition,
    Crf,
    Dropout,
    Embedding,
    Last,
    Linear,
    Pool,
    Recurrent,
    TiedLinear,
)
from recurra.bundle import write_bundle
from recurra.export._layout import Layout, StateField
from recurra.nn import Network
from recurra.nn._pool import PoolState

Arrays = dict[str, np.ndarray]

CHARACTERS = Composition(
    inputs={"code": 1},
    branches=(
        Branch(
            name="logits",
            takes=("code",),
            blocks=(
                Embedding(categories=(9,), sizes=(4,)),
                Recurrent(cell="gru", hidden_size=16, num_layers=2),
                Linear(size=9),
            ),
        ),
    ),
)
# Several cells, joins of all kinds, an input of no time axis: what neither blocks nor forecasters have.
MIXED = Composition(
    inputs={"x": 2, "level": 1, "static": 3},
    branches=(
        Branch(name="centred", takes=("x", "level"), join="subtract", blocks=(Clip(limit=1.5),)),
        Branch(
            name="encoded",
            takes=("centred", "static"),
            blocks=(
                Linear(size=4, activation="gelu"),
                Recurrent(cell="lstm", hidden_size=5, num_layers=2),
                Recurrent(cell="rnn", hidden_size=3),
            ),
        ),
        Branch(name="out", takes=("encoded",), blocks=(Linear(size=2, activation="tanh"),)),
        Branch(name="restored", takes=("out", "level", "x"), join="add"),
    ),
)
_WORDS = Branch(name="embedded", takes=("words",), blocks=(Embedding(categories=(12,), sizes=(6,), dropout=0.1),))
# Words by their vectors and by their spelling; labels by a field, going on from any step.
TAGS = Composition(
    inputs={"words": 1, "characters": 5},
    branches=(
        _WORDS,
        Branch(name="spelled", takes=("characters",), blocks=(Characters(categories=7, size=3, channels=4),)),
        Branch(
            name="tags",
            takes=("embedded", "spelled"),
            blocks=(
                Dropout(rate=0.3, per="sequence"),
                Recurrent(cell="lstm", hidden_size=5),
                Linear(size=4),
                Crf(forbidden=((0, 1), (2, 2)), forbidden_first=(3,)),
            ),
        ),
    ),
)
# Several pools of one sequence.
CLASSES = Composition(
    inputs={"words": 1},
    branches=(
        _WORDS,
        Branch(name="encoded", takes=("embedded",), blocks=(Recurrent(cell="gru", hidden_size=6),)),
        Branch(name="last", takes=("encoded",), blocks=(Last(),)),
        *(Branch(name=how, takes=("encoded",), blocks=(Pool(method=how, size=3),)) for how in ("max", "mean", "root")),  # pyright: ignore
        Branch(name="attention", takes=("encoded",), blocks=(Pool(method="attention", size=3),)),
        Branch(name="classes", takes=("last", "max", "mean", "root", "attention"), blocks=(Linear(size=3),)),
    ),
)
# A tied output beside an adaptive one.
LANGUAGE = Composition(
    inputs={"words": 1},
    branches=(
        _WORDS,
        Branch(
            name="encoded", takes=("embedded",), blocks=(Recurrent(cell="lstm", hidden_size=6, weight_dropout=0.2),)
        ),
        Branch(name="tied", takes=("encoded",), blocks=(TiedLinear(branch="embedded", categories=12),)),
        Branch(name="adaptive", takes=("encoded",), blocks=(AdaptiveSoftmax(categories=12, cutoffs=(4, 8), factor=2),)),
        Branch(name="both", takes=("tied", "adaptive")),
    ),
)


def alone(case: BlockCase) -> Composition:
    """A network of one block."""
    return case.composition("out")


def random_network(composition: Composition) -> Network:
    network = Network(composition).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.4)
    return network


def weights_of(network: torch.nn.Module) -> Arrays:
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def write_network(path: Path, network: Network, *, preprocessing: Any = None) -> Path:
    """A bundle of this network, for a task that no room knows."""
    write_bundle(
        path,
        task="characters",
        config={},
        network=network.composition.model_dump(mode="json"),
        inputs={"alphabet": "abcdefgh"},
        data_digest="",
        weights=weights_of(network),
        documents={} if preprocessing is None else {"preprocessing.json": json.dumps(preprocessing)},
    )
    return path


def torch_says(network: Network, layout: Layout, inputs: Arrays, state: Arrays) -> dict[str, Any]:
    """Outputs and the state after them, by the names of the export, from torch."""
    before: dict[str, Any] = {}
    for field in layout.states:
        parts = list(torch.from_numpy(state[f.name]) for f in layout.states_of(field.branch, field.position))
        before.setdefault(field.branch, {})[str(field.position)] = _as_torch_carries(field, parts)
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    with torch.no_grad():
        values, after = network.run(tensors, before or None)
    found = {name: values[name].numpy() for name in layout.outputs}
    for field in layout.states:
        found[field.following] = _as_exports_carry(field, after[field.branch][str(field.position)])
    return found


def _as_torch_carries(field: StateField, parts: list[torch.Tensor]) -> Any:
    if field.name.startswith("pool_"):
        return PoolState(*parts[0][0].split([field.hidden_size - 2, 1, 1], dim=1))
    if field.name.startswith("paths_"):
        return parts[0][0, :, :-1]
    return tuple(parts) if len(parts) > 1 else parts[0]


def _as_exports_carry(field: StateField, block: Any) -> np.ndarray:
    if field.name.startswith("pool_"):
        return torch.cat(list(block), dim=1)[None].numpy()
    if field.name.startswith("paths_"):
        return torch.cat([block, torch.ones(len(block), 1)], dim=1)[None].numpy()
    return (block if torch.is_tensor(block) else block["hc".index(field.name[0])]).numpy()


def random_state(layout: Layout, batch: int) -> Arrays:
    """Of sequences that have begun: what pooling weighs with is above 0, and so is what says that a path has begun."""
    draw = np.random.default_rng(batch)
    state = {f.name: draw.normal(size=(f.layers, batch, f.hidden_size)).astype(np.float32) for f in layout.states}
    for name, numbers in state.items():
        if name.startswith("pool_"):
            numbers[..., -2:] = np.abs(numbers[..., -2:]) + 1
        elif name.startswith("paths_"):
            numbers[..., -1] = 1
    return state
