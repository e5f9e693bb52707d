"""The runtime gives what torch gives, for every block there is; step by step what it gives at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cases.blocks import BLOCKS, BlockCase
from recurra import blocks, nn, runtime
from recurra.errors import ConfigError
from recurra.runtime._lowering import _BLOCKS


def both(case: BlockCase) -> tuple[nn.Network, runtime.Network]:
    composition = case.composition("y")
    torch.manual_seed(4)
    network = nn.Network(composition).eval()
    return network, runtime.Network(composition, {name: t.numpy() for name, t in network.state_dict().items()})


def test_every_block_has_its_step() -> None:
    assert set(_BLOCKS) == {type(case.block) for case in BLOCKS}


@pytest.mark.parametrize("case", BLOCKS, ids=str)
@pytest.mark.parametrize("batch", [1, 3])
def test_it_gives_what_torch_gives(case: BlockCase, batch: int) -> None:
    ours, theirs = both(case)[1], both(case)[0]
    x = case.input(batch=batch, seed=6)
    with torch.no_grad():
        expected = theirs({"x": x})["y"].numpy()
    found = ours.run({"x": x.numpy()})["y"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("case", BLOCKS, ids=str)
def test_a_row_is_the_same_whatever_stands_beside_it(case: BlockCase) -> None:
    network = both(case)[1]
    x = case.input(batch=70, seed=7).numpy()
    np.testing.assert_array_equal(network.run({"x": x})["y"][5:6], network.run({"x": x[5:6]})["y"])


@pytest.mark.parametrize("case", [case for case in BLOCKS if case.block.causal], ids=str)
def test_steps_are_the_whole(case: BlockCase) -> None:
    network = both(case)[1]
    x = case.input(batch=3, seed=8).numpy()
    states = [network.begin() for _ in range(3)]
    steps = [network.step({"x": x[:, t]}, states)["y"] for t in range(x.shape[1])]
    if case.block.gives == "batch hidden":
        for t in (0, 3, x.shape[1] - 1):
            np.testing.assert_array_equal(steps[t], network.run({"x": x[:, : t + 1]})["y"])
    else:
        np.testing.assert_array_equal(np.stack(steps, axis=1), network.run({"x": x})["y"])


@pytest.mark.parametrize("case", [case for case in BLOCKS if not case.block.causal], ids=str)
def test_what_cannot_stream_is_named(case: Any) -> None:
    with pytest.raises(ConfigError, match=rf"y: {case.block.kind} .*To stream"):
        both(case)[1].begin()


@pytest.mark.parametrize("case", [case for case in BLOCKS if isinstance(case.block, blocks.Recurrent)], ids=str)
def test_gates_are_those_of_the_computation(case: BlockCase) -> None:
    network = both(case)[1]
    x = case.input(batch=1, seed=9).numpy()
    answers, traces = network.inside({"x": x})
    np.testing.assert_allclose(answers["y"], network.run({"x": x})["y"], rtol=1e-5, atol=1e-6)
    assert isinstance(case.block, blocks.Recurrent)
    assert len(traces) == case.block.num_layers * (2 if case.block.bidirectional else 1)


def test_a_held_gate_holds() -> None:
    case = next(case for case in BLOCKS if case.name.startswith("lstm 2 layers forward"))
    network = both(case)[1]
    x = case.input(batch=1, seed=9).numpy()
    answers, traces = network.inside({"x": x}, hold={"y.1.o": 0.0})
    assert not answers["y"].any()
    assert (traces[1].values[:, 3] == 0).all() and traces[0].values[:, 3].all()
    for absent in ("z", "y.2.o", "other.0.o"):
        with pytest.raises(ConfigError, match=r"the gates of this network are i, y\.0\.i, f, .*y\.1\.o\."):
            network.inside({"x": x}, hold={absent: 0.0})


def test_joins_are_torchs() -> None:
    branches = [
        blocks.Branch(name="wide", takes=("x", "s"), blocks=(blocks.Linear(size=6), blocks.Unstack(size=3))),
        blocks.Branch(name="level", takes=("x",), blocks=(blocks.Linear(size=2),)),
        *(
            blocks.Branch(name=how, takes=("wide", "level"), join=how)  # pyright: ignore
            for how in ("add", "subtract", "multiply", "divide")
        ),
        blocks.Branch(name="all", takes=("add", "subtract"), join="multiply"),
    ]
    composition = blocks.Composition(inputs={"x": 2, "s": 3}, branches=tuple(branches))
    network = nn.Network(composition).eval()
    names = tuple(branch.name for branch in branches)
    ours = runtime.Network(composition, {k: v.numpy() for k, v in network.state_dict().items()}, outputs=names)
    x = {"x": torch.randn(4, 5, 2), "s": torch.randn(4, 3)}
    with torch.no_grad():
        expected = network(x)
    for name, found in ours.run({k: v.numpy() for k, v in x.items()}).items():
        np.testing.assert_allclose(found, expected[name].numpy(), rtol=2e-5, atol=2e-6)
