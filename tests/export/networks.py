"""Networks of random weights, and bundles of them, for the tests of what they are exported to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cases.blocks import BlockCase
from recurra.blocks import Branch, Clip, Composition, Embedding, Linear, Recurrent
from recurra.bundle import write_bundle
from recurra.export._layout import Layout
from recurra.nn import Network

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


def alone(case: BlockCase) -> Composition:
    """A network of one block."""
    return Composition(
        inputs={"x": case.shape[-1]},
        branches=(Branch(name="out", takes=("x",), blocks=(case.block,)),),  # pyright: ignore[reportArgumentType]
    )


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
        before.setdefault(field.branch, {})[str(field.position)] = tuple(parts) if len(parts) > 1 else parts[0]
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    with torch.no_grad():
        values, after = network.run(tensors, before or None)
    found = {name: values[name].numpy() for name in layout.outputs}
    for field in layout.states:
        block = after[field.branch][str(field.position)]
        found[field.following] = (block if torch.is_tensor(block) else block["hc".index(field.name[0])]).numpy()
    return found


def random_state(layout: Layout, batch: int) -> Arrays:
    draw = np.random.default_rng(batch)
    return {f.name: draw.normal(size=(f.layers, batch, f.hidden_size)).astype(np.float32) for f in layout.states}
