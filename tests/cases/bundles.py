"""Small bundles of causal networks that no task of recurra made: whatever runs bundles must take them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from recurra import blocks, nn
from recurra.bundle import write_bundle

LETTERS = "abcdefghij"


def characters(path: Path, *, cell: str = "gru", hidden_size: int = 24, num_layers: int = 1, seed: int = 5) -> Path:
    """A language model of ten letters with random weights: codes in, logits of the next letter out."""
    recurrent = blocks.Recurrent(cell=cell, hidden_size=hidden_size, num_layers=num_layers)  # pyright: ignore
    chain = (
        blocks.Embedding(categories=(len(LETTERS),), sizes=(8,)),
        recurrent,
        blocks.Linear(size=len(LETTERS)),
    )
    composition = blocks.Composition(
        inputs={"letter": 1}, branches=(blocks.Branch(name="next", takes=("letter",), blocks=chain),)
    )
    return save(path, composition, task="characters", seed=seed)


def numbers(path: Path, *, cell: str = "lstm", hidden_size: int = 8, seed: int = 6) -> Path:
    """Two inputs of two and one numbers, joined; three numbers out."""
    chain = (blocks.Recurrent(cell=cell, hidden_size=hidden_size), blocks.Linear(size=3))  # pyright: ignore
    composition = blocks.Composition(
        inputs={"left": 2, "right": 1}, branches=(blocks.Branch(name="out", takes=("left", "right"), blocks=chain),)
    )
    return save(path, composition, task="numbers", seed=seed)


def one_layer(path: Path, *, cell: str, hidden_size: int, seed: int = 7) -> Path:
    """A recurrent layer as wide as its input, nothing else."""
    chain = (blocks.Recurrent(cell=cell, hidden_size=hidden_size),)  # pyright: ignore
    composition = blocks.Composition(
        inputs={"x": hidden_size}, branches=(blocks.Branch(name="out", takes=("x",), blocks=chain),)
    )
    return save(path, composition, task="layer", seed=seed)


def save(
    path: Path,
    composition: blocks.Composition,
    *,
    task: str,
    seed: int,
    scale: float = 1.0,
    inputs: Mapping[str, Any] | None = None,
    documents: Mapping[str, str] | None = None,
) -> Path:
    """A bundle of this network with random weights, also where fresh ones are zero, so many times as large as those."""
    torch.manual_seed(seed)
    weights = nn.Network(composition).state_dict()
    weights |= {name: torch.randn_like(tensor) for name, tensor in weights.items() if not tensor.any()}
    write_bundle(
        path,
        task=task,
        config={},
        network=composition.model_dump(mode="json"),
        inputs=inputs or {},
        data_digest="0" * 64,
        weights={name: scale * tensor.numpy() for name, tensor in weights.items()},
        documents=documents or {},
    )
    return path
