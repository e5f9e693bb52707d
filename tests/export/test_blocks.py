"""Every block and every kind of network: torch = onnxruntime = openvino = exported torch, from any state."""

from __future__ import annotations

import typing

import numpy as np
import pytest
import torch

from cases.blocks import BLOCKS, BlockCase
from data.windows_case import make_panel
from export.networks import (
    CHARACTERS,
    CLASSES,
    LANGUAGE,
    MIXED,
    TAGS,
    alone,
    random_network,
    random_state,
    torch_says,
    weights_of,
)
from recurra import blocks
from recurra.blocks import Composition
from recurra.export import _onnx, _onnx_blocks, _torch_blocks
from recurra.export._check import check, onnx_runs, torch_run
from recurra.export._layout import lay_out
from recurra.export._onnx import onnx_model
from recurra.export._samples import sample
from recurra.export._torch import torch_source
from recurra.nn import Network
from tasks.forecast.networks import Case
from tasks.forecast.test_composition import DIRECT, OTHERS, RECURSIVE, bare, name


def assert_exports_agree(network: Network, outputs: tuple[str, ...] = (), ranks: dict[str, int] | None = None) -> None:
    layout = lay_out(network.composition, outputs, ranks=ranks)
    weights = weights_of(network)
    source, parameters = torch_source(layout, title="a", made_by="b")
    state_dict = {theirs: weights[ours] for ours, theirs in parameters.items()}
    runs = onnx_runs(onnx_model(layout, weights, metadata={}))
    assert "onnxruntime" in runs
    needed = Network(layout.composition).eval()
    needed.load_state_dict({name: torch.from_numpy(weights[name].copy()) for name in needed.state_dict()})
    for batch, longer in [(1, 0), (3, 3)]:
        inputs, state = sample(layout, batch=batch, longer=longer, seed=batch), random_state(layout, batch)
        expected = torch_says(needed, layout, inputs, state)
        assert all(np.isfinite(value).all() for value in expected.values())
        for run in [*runs.values(), torch_run(source, state_dict, layout)]:
            found = run({**inputs, **state})
            assert found.keys() >= expected.keys()
            for key, value in expected.items():
                assert found[key].shape == value.shape
                np.testing.assert_allclose(found[key], value, rtol=2e-5, atol=2e-6 * max(1, np.abs(value).max()))


def test_every_block_can_be_exported() -> None:
    known = set(typing.get_args(typing.get_args(blocks.AnyBlock)[0]))
    assert {*_onnx_blocks.BLOCKS, *_onnx.STATEFUL} == known
    assert {*_torch_blocks.BLOCKS, *_torch_blocks.STATEFUL} == known


@pytest.mark.parametrize("case", BLOCKS, ids=str)
def test_a_block_says_the_same_everywhere(case: BlockCase) -> None:
    assert_exports_agree(random_network(alone(case)), ranks={"x": len(case.shape) + 1})


@pytest.mark.parametrize("activation", ["none", "relu", "tanh", "gelu"])
def test_an_activation_says_the_same_everywhere(activation) -> None:
    block = blocks.Linear(size=5, activation=activation)
    assert_exports_agree(random_network(alone(BlockCase(activation, block, (7, 3)))))


@pytest.mark.parametrize(
    "composition",
    [CHARACTERS, MIXED, TAGS, CLASSES, LANGUAGE],
    ids=["characters", "mixed", "tags", "classes", "language"],
)
def test_a_network_that_steps_says_the_same_everywhere(composition: Composition) -> None:
    network = random_network(composition)
    assert_exports_agree(network)
    layout, weights = lay_out(composition), weights_of(network)
    source, parameters = torch_source(layout, title="a", made_by="b")
    state_dict = {theirs: weights[ours] for ours, theirs in parameters.items()}
    runs = {**onnx_runs(onnx_model(layout, weights, metadata={})), "torch": torch_run(source, state_dict, layout)}
    assert layout.states and max(check(layout, weights, runs).values()) < 1e-5, "from the beginning, in two pieces"


def test_a_tied_output_brings_the_vectors_that_it_is_tied_to() -> None:
    assert_exports_agree(random_network(LANGUAGE), ("tied",))
    apart = Composition(
        inputs={"words": 1, "x": 6},
        branches=(LANGUAGE.branches[0], blocks.Branch(name="out", takes=("x",), blocks=LANGUAGE.branches[2].blocks)),
    )
    assert_exports_agree(random_network(apart))


def test_an_input_may_have_no_time_axis() -> None:
    assert_exports_agree(random_network(MIXED), ranks={"static": 2})


@pytest.mark.parametrize("covariates", [True, False])
@pytest.mark.parametrize("options", [*DIRECT[::3], *RECURSIVE[::2], *OTHERS], ids=name)
def test_a_forecaster_says_the_same_everywhere(options, covariates) -> None:
    panel = make_panel(0, [40, 30], targets=2, gaps=0.2)
    case = Case(panel=panel if covariates else bare(panel), **options)
    case.give_random_weights()
    assert_exports_agree(case.model.network)
    assert_exports_agree(case.model.network, ("level", "spread"))
