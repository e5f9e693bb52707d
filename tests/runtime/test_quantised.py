"""Networks whose matrices are int8 are computed with the bytes, nearly as with the floats that these stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recurra import blocks, nn, runtime
from recurra.bundle import dequantise, quantise
from recurra.export._matrices import matrices

CHAINS: dict[str, tuple[blocks.AnyBlock, ...]] = {
    **{
        f"{cell} {'both ways' if both else 'forward'}": (
            blocks.Linear(size=24, activation="relu"),
            blocks.Recurrent(cell=cell, hidden_size=33, num_layers=2, bidirectional=both),  # pyright: ignore
            blocks.Linear(size=5),
        )
        for cell in ("rnn", "lstm", "gru")
        for both in (False, True)
    },
    "decode": (blocks.Decode(cell="gru", hidden_size=24),),
    "horizon": (blocks.Horizon(time=40, horizon=12),),
}


@pytest.mark.parametrize("name", CHAINS)
def test_bytes_are_nearly_what_they_stand_for(name: str) -> None:
    composition = blocks.Composition(
        inputs={"x": 30}, branches=(blocks.Branch(name="y", takes=("x",), blocks=CHAINS[name]),)
    )
    torch.manual_seed(11)
    network = nn.Network(composition)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    weights = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    stored = quantise(weights, matrices(composition))
    assert any(array.dtype == np.int8 for array in stored.values())
    x = {"x": np.random.default_rng(3).normal(size=(3, 40, 30)).astype(np.float32)}
    found = runtime.Network(composition, stored).run(x)["y"]
    expected = runtime.Network(composition, dequantise(stored)).run(x)["y"]
    assert 0 < np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
    np.testing.assert_array_equal(
        runtime.Network(composition, stored).run({"x": x["x"][1:2]})["y"], found[1:2], "a row alone"
    )


def test_steps_of_bytes_are_the_whole() -> None:
    chain = (blocks.Recurrent(cell="lstm", hidden_size=40), blocks.Linear(size=4))
    composition = blocks.Composition(inputs={"x": 20}, branches=(blocks.Branch(name="y", takes=("x",), blocks=chain),))
    torch.manual_seed(12)
    weights = {key: tensor.numpy() for key, tensor in nn.Network(composition).state_dict().items()}
    network = runtime.Network(composition, quantise(weights, matrices(composition)))
    x = np.random.default_rng(4).normal(size=(2, 9, 20)).astype(np.float32)
    states = [network.begin() for _ in range(2)]
    steps = [network.step({"x": np.ascontiguousarray(x[:, t])}, states)["y"] for t in range(9)]
    np.testing.assert_array_equal(np.stack(steps, axis=1), network.run({"x": x})["y"])


def test_vectors_in_bytes_serve_both_ends() -> None:
    """An embedding in bytes is looked up, spelled from, and multiplied with by a tied output."""
    branches = (
        blocks.Branch(name="words", takes=("word",), blocks=(blocks.Embedding(categories=(90,), sizes=(32,)),)),
        blocks.Branch(
            name="spelled", takes=("letters",), blocks=(blocks.Characters(categories=40, size=16, channels=24),)
        ),
        blocks.Branch(
            name="hidden",
            takes=("words", "spelled"),
            blocks=(blocks.Recurrent(cell="gru", hidden_size=40), blocks.Linear(size=32)),
        ),
        blocks.Branch(name="tied", takes=("hidden",), blocks=(blocks.TiedLinear(branch="words", categories=90),)),
        blocks.Branch(
            name="adaptive",
            takes=("hidden",),
            blocks=(blocks.AdaptiveSoftmax(categories=90, cutoffs=(20, 50), factor=2),),
        ),
        blocks.Branch(name="pooled", takes=("hidden",), blocks=(blocks.Pool(method="attention", size=24),)),
    )
    composition = blocks.Composition(inputs={"word": 1, "letters": 6}, branches=branches)
    torch.manual_seed(13)
    network = nn.Network(composition)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    stored = quantise({key: tensor.numpy() for key, tensor in network.state_dict().items()}, matrices(composition))
    assert sum(array.dtype == np.int8 for array in stored.values()) == 12
    draw = np.random.default_rng(5)
    given = {"word": draw.integers(0, 90, (3, 9, 1)), "letters": draw.integers(0, 40, (3, 9, 6))}
    for output in ("tied", "adaptive", "pooled"):
        found = runtime.Network(composition, stored).run(given, outputs=(output,))[output]
        expected = runtime.Network(composition, dequantise(stored)).run(given, outputs=(output,))[output]
        assert 0 < np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
