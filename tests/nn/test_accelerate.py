"""Swapped layers compute the same, with the same parameters, and can be swapped back."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import recurra
from cases.tolerances import assert_close
from nn.swapped import LAYERS, MODELS, LanguageModel, results, torchs_layers
from recurra import nn, ops
from recurra.nn._accelerate import (
    AcceleratedGRUCell,
    AcceleratedLSTMCell,
    AcceleratedRNNCell,
)
from recurra.nn._recurrent_cells import RecurrentCell


@pytest.mark.parametrize("make", MODELS)
def test_same_outputs_and_gradients(make: Callable[[], torch.nn.Module], words: Tensor):
    model = make()
    names, before, state = torchs_layers(model), results(model, words), copy.deepcopy(model.state_dict())
    parameters = dict(model.named_parameters(remove_duplicate=False))
    report = recurra.accelerate(model)
    assert {entry.name for entry in report.swapped} == names
    assert not torchs_layers(model)
    assert_close(results(model, words), before, "gradient")
    after = dict(model.named_parameters(remove_duplicate=False))
    assert parameters.keys() == after.keys()
    assert all(after[name] is parameter for name, parameter in parameters.items())
    assert model.state_dict().keys() == state.keys()
    assert set(recurra.decelerate(model)) == names
    assert torchs_layers(model) == names
    assert_close(results(model, words), before, "gradient")


@pytest.mark.parametrize("theirs", LAYERS)
def test_the_forward_that_runs_is_ours(theirs: Any):
    layer = theirs(3, 4)
    recurra.accelerate(layer)
    assert layer(torch.randn(5, 2, 3), lengths=[5, 2])[0].shape == (5, 2, 4)
    assert layer(torch.randn(0, 2, 3))[0].shape == (0, 2, 4)
    recurra.decelerate(layer)
    with pytest.raises(TypeError, match="lengths"):
        layer(torch.randn(5, 2, 3), lengths=[5, 2])


@pytest.mark.parametrize("theirs", LAYERS)
def test_a_model_that_is_itself_a_layer(theirs: Any):
    layer = theirs(3, 4, 2)
    same, x = layer, torch.randn(5, 2, 3)
    attributes, before = dict(vars(layer)), results(layer, x)
    report = recurra.accelerate(layer)
    assert "the model itself, " + repr(layer).removeprefix("Accelerated") in str(report)
    assert layer is same
    assert isinstance(layer, theirs) and isinstance(layer, getattr(nn, theirs.__name__))
    assert vars(layer) == attributes
    assert_close(results(layer, x), before, "gradient")
    assert recurra.decelerate(layer) == ("",)
    assert type(layer) is theirs
    assert vars(layer) == attributes


@pytest.mark.parametrize("theirs", LAYERS)
def test_options_beyond_torch_are_off(theirs: Any):
    made = getattr(nn, theirs.__name__)(3, 4)
    layer = theirs(3, 4)
    recurra.accelerate(layer)
    assert layer.recurrence() == made.recurrence()
    for option in inspect.signature(type(made).__init__).parameters.values():
        if option.kind is option.KEYWORD_ONLY:
            assert getattr(layer, option.name) == getattr(made, option.name)


def test_a_swap_twice_is_a_swap_once(words: Tensor):
    model = LanguageModel()
    before = results(model, words)
    recurra.accelerate(model)
    report = recurra.accelerate(model)
    assert not report.swapped
    assert [entry.reason for entry in report.left] == ["it is recurra's already"]
    assert_close(results(model, words), before, "gradient")
    assert recurra.decelerate(model) == ("recurrent",)
    assert recurra.decelerate(model) == ()


def test_layers_made_as_recurras_stay_recurras():
    model = torch.nn.Sequential(nn.GRU(3, 4), torch.nn.GRU(3, 4))
    assert [entry.name for entry in recurra.accelerate(model).swapped] == ["1"]
    assert recurra.decelerate(model) == ("1",)
    assert [type(layer) for layer in model] == [nn.GRU, torch.nn.GRU]


def test_precision_is_left_alone():
    model = torch.nn.Sequential(nn.LSTM(3, 4, precision="bf16"), torch.nn.LSTM(3, 4))
    recurra.accelerate(model)
    assert [layer.precision for layer in model] == ["bf16", "float32"]
    recurra.decelerate(model)
    assert model[0].precision == "bf16"
    assert not hasattr(model[1], "precision")


def test_a_shared_layer_stays_shared():
    layer = torch.nn.GRU(4, 4)
    model = torch.nn.ModuleDict({"a": layer, "b": torch.nn.ModuleList([layer])})
    assert [entry.name for entry in recurra.accelerate(model).swapped] == ["a"]
    assert model["a"] is layer
    assert next(model["b"].children()) is layer
    assert recurra.decelerate(model) == ("a",)


def test_tied_and_frozen_parameters():
    one: Any = torch.nn.GRU(4, 4)
    other = torch.nn.GRU(4, 4)
    other.weight_hh_l0 = one.weight_hh_l0
    one.bias_ih_l0.requires_grad_(False)
    model = torch.nn.ModuleList([one, other])
    recurra.accelerate(model)
    x = torch.randn(5, 2, 4)
    other(one(x)[0])[0].sum().backward()
    assert one.weight_hh_l0 is other.weight_hh_l0
    assert one.bias_ih_l0.grad is None
    with torch.no_grad():
        one.weight_hh_l0.zero_()
    recurra.decelerate(model)
    expected = other(x)[0]
    recurra.accelerate(model)
    assert_close(other(x)[0], expected)


def test_mode_is_kept_and_a_swapped_layer_can_be_converted():
    layer: Any = torch.nn.LSTM(3, 4, 2, dropout=0.5).eval()
    x = torch.randn(5, 2, 3)
    before = layer(x)[0]
    recurra.accelerate(layer)
    assert not layer.training
    assert_close(layer(x)[0], before)
    torch.testing.assert_close(layer.double()(x.double())[0].float(), before)
    assert layer.plan().kernel == "torch"
    assert not torch.equal(layer.float().train()(x)[0], layer(x)[0])


@pytest.mark.parametrize("theirs", LAYERS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "dropout": 0.1}, {"bias": False}])
def test_layers_of_float32_are_computed_by_the_compiled_kernel(theirs: Any, options: dict[str, Any]):
    for mode in (True, False):
        (entry,) = recurra.accelerate(theirs(3, 4, **options).train(mode)).swapped
        assert entry.plan.kernel == "native"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (torch.nn.RNNCell, AcceleratedRNNCell),
        (torch.nn.LSTMCell, AcceleratedLSTMCell),
        (torch.nn.GRUCell, AcceleratedGRUCell),
    ],
)
def test_a_cell_is_swapped_once_there_is_a_kernel(theirs: Any, ours: Any, monkeypatch: pytest.MonkeyPatch):
    cell, x = theirs(3, 4), torch.randn(2, 3)
    before = cell(x)
    monkeypatch.setattr(RecurrentCell, "plan", lambda self: ops.Plan("native", "made for this test"))
    assert recurra.accelerate(cell).swapped
    assert type(cell) is ours
    assert repr(cell) == f"Accelerated{theirs.__name__}(3, 4)"
    assert_close(cell(x), before)
    assert recurra.decelerate(cell) == ("",)
    assert type(cell) is theirs
