from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch

from cases.cells import leaves
from cases.tolerances import assert_close
from recurra import nn
from recurra.errors import ConfigError

NAMES = ["RNN", "LSTM", "GRU"]
BEYOND: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {"nonlinearity": "sigmoid"}),
    ("RNN", {"nonlinearity": "relu", "layer_norm": True}),
    ("LSTM", {"peephole": True}),
    ("LSTM", {"layer_norm": True}),
    ("GRU", {"reset_after": False}),
    ("GRU", {"layer_norm": True}),
]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("batched", [True, False], ids=["batch", "one"])
@pytest.mark.parametrize(("name", "options"), [*((n, {}) for n in NAMES), ("RNN", {"nonlinearity": "relu"})], ids=str)
def test_is_torchs_cell(name: str, options: dict[str, Any], batched: bool, bias: bool):
    torch.manual_seed(4)
    mine = getattr(nn, f"{name}Cell")(3, 4, bias, **options)
    torch.manual_seed(4)
    theirs = getattr(torch.nn, f"{name}Cell")(3, 4, bias, **options)
    assert isinstance(mine, type(theirs))
    assert repr(mine) == repr(theirs)
    theirs.load_state_dict(mine.state_dict(), strict=True)
    mine.load_state_dict(theirs.state_dict(), strict=True)
    rows = (2,) if batched else ()
    x, h, c = torch.randn(*rows, 3), torch.randn(*rows, 4), torch.randn(*rows, 4)
    for state in (None, (h, c) if name == "LSTM" else h):
        torch.testing.assert_close(leaves(mine(x, state)), leaves(theirs(x, state)), rtol=0, atol=0)
    assert mine.plan().kernel == "torch"


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(("name", "options"), BEYOND, ids=str)
def test_steps_are_the_layer(name: str, options: dict[str, Any], bias: bool):
    layer = getattr(nn, name)(3, 4, bias=bias, dtype=torch.float64, **options)
    cell = getattr(nn, f"{name}Cell")(3, 4, bias, dtype=torch.float64, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-1, 1)
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()}, strict=True)
    x, h, c = (torch.randn(5, 2, size, dtype=torch.float64) for size in (3, 4, 4))
    start = (h[:1], c[:1]) if name == "LSTM" else h[:1]
    output, end = layer(x, start)
    state: Any = (h[0], c[0]) if name == "LSTM" else h[0]
    alone: Any = (h[0, 1], c[0, 1]) if name == "LSTM" else h[0, 1]
    for t in range(5):
        state, alone = cell(x[t], state), cell(x[t, 1], alone)
        assert_close(leaves(state)[0], output[t])
        assert_close(leaves(alone)[0], output[t, 1])
    assert_close(leaves(state), [field[0] for field in leaves(end)])
    fields = [torch.zeros(2, 4, dtype=torch.float64) for _ in leaves(state)]
    assert_close(leaves(cell(x[0])), leaves(cell(x[0], tuple(fields) if name == "LSTM" else fields[0])))
    asked = [torch.randn_like(field) for field in leaves(state)]
    theirs = torch.autograd.grad(leaves(end), list(layer.parameters()), [field[None] for field in asked])
    assert_close(torch.autograd.grad(leaves(state), list(cell.parameters()), asked), theirs, "gradient")


@pytest.mark.parametrize(("name", "options"), BEYOND, ids=str)
def test_copies_pickles_and_says_what_it_is(name: str, options: dict[str, Any]):
    cell, x = getattr(nn, f"{name}Cell")(3, 4, **options), torch.randn(2, 3)
    for twin in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        assert repr(twin) == repr(cell)
        torch.testing.assert_close(leaves(twin(x)), leaves(cell(x)), rtol=0, atol=0)
    last = list(options)[-1]
    assert repr(cell).endswith(f"{last}={options[last]})")
    assert cell.plan().kernel != "torch"
    norms = {key: value for key, value in cell.state_dict().items() if "norm" in key}
    cell.reset_parameters()
    assert all((value == (0 if "bias" in key else 1)).all() for key, value in norms.items())


def test_what_nothing_computes_is_refused():
    with pytest.raises(ConfigError, match="layer_norm=True with peephole=True"):
        nn.LSTMCell(3, 4, peephole=True, layer_norm=True)
    with pytest.raises(ConfigError, match="Unknown nonlinearity 'gelu'"):
        nn.RNNCell(3, 4, nonlinearity="gelu")


@pytest.mark.parametrize(("x", "h"), [((2, 5), (2, 4)), ((1, 2, 3), (2, 4)), ((2, 3), (3, 4)), ((3,), (1, 4))], ids=str)
def test_wrong_sizes_are_refused(x: tuple[int, ...], h: tuple[int, ...]):
    with pytest.raises(ConfigError, match="expected"):
        nn.GRUCell(3, 4, reset_after=False)(torch.zeros(x), torch.zeros(h))
