"""Resets, recurrent dropout and zoneout of whole layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_sequence

from cases.cells import leaves
from cases.tolerances import assert_close
from recurra import nn
from recurra.errors import ConfigError

NAMES = ["RNN", "LSTM", "GRU"]
BATCH, TIME, HIDDEN = 3, 5, 4


def layer_of(name: str, **options: Any) -> Any:
    return getattr(nn, name)(2, HIDDEN, batch_first=True, dtype=torch.float64, **options)


def states(name: str, count: int, rows: int) -> Any:
    h, c = torch.randn(2, count, rows, HIDDEN, dtype=torch.float64)
    return (h, c) if name == "LSTM" else h


def one_step(layer: Any, name: str, x: Tensor, seen: Tensor, fields: list[Tensor]) -> list[Tensor]:
    """One step of torch's cell, whose recurrent products see `seen`."""
    weights = layer.all_weights[0]
    if name == "LSTM":
        return list(torch.lstm_cell(x, [seen, fields[1]], *weights))
    if name == "RNN":
        return [torch.rnn_tanh_cell(x, seen, *weights)]
    # torch's cell mixes with the state that the products saw; solve for the mix with the real one.
    after = torch.gru_cell(x, seen, *weights)
    w_z, u_z, b_z, d_z = (weight[HIDDEN : 2 * HIDDEN] for weight in weights)
    z = (x @ w_z.T + b_z + seen @ u_z.T + d_z).sigmoid()
    return [after + z * (fields[0] - seen)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch_first", [True, False])
def test_resets_are_sequences_of_their_own(name: str, batch_first: bool):
    layer = getattr(nn, name)(2, HIDDEN, 2, bidirectional=True, batch_first=batch_first, dtype=torch.float64)
    x, state = torch.randn(2, 6, 2, dtype=torch.float64), states(name, 4, 2)
    resets = torch.zeros(2, 6, dtype=torch.bool)
    resets[0, [2, 3]] = resets[1, 0] = True
    turned = (x, resets) if batch_first else (x.transpose(0, 1), resets.T)
    output, end = layer(turned[0], state, lengths=[5, 6], resets=turned[1])
    output = output if batch_first else output.transpose(0, 1)

    torch_layer = getattr(torch.nn, name)(2, HIDDEN, 2, bidirectional=True, batch_first=True, dtype=torch.float64)
    torch_layer.load_state_dict(layer.state_dict())
    odd = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=torch.float64)[:, None, None]
    # Forwards the first piece begins with the row's state unless it is reset, backwards the last one does.
    for row, start, stop, first, last in [(0, 0, 2, 1, 0), (0, 2, 3, 0, 0), (0, 3, 5, 0, 1), (1, 0, 6, 0, 1)]:
        begin = [field[:, row : row + 1] * ((1 - odd) * first + odd * last) for field in leaves(state)]
        y, after = torch_layer(x[row : row + 1, start:stop], tuple(begin) if name == "LSTM" else begin[0])
        assert_close(output[row : row + 1, start:stop], y)
        ends = (1 - odd) * last + odd * (start == 0)
        assert_close([field[:, row : row + 1] * ends for field in leaves(end)], [f * ends for f in leaves(after)])
    assert not output[0, 5:].any()


@pytest.mark.parametrize("lengths", [None, [6, 4, 0]], ids=["whole", "lengths"])
@pytest.mark.parametrize("name", NAMES)
def test_resets_in_float32(name: str, lengths: list[int] | None):
    # Whichever kernel computes this type: the reference computes float64.
    layer = getattr(nn, name)(2, HIDDEN, 2, bidirectional=True, batch_first=True)
    twin = getattr(nn, name)(2, HIDDEN, 2, bidirectional=True, batch_first=True, dtype=torch.float64)
    twin.load_state_dict(layer.state_dict())
    x, state = torch.randn(BATCH, 6, 2, dtype=torch.float64), states(name, 4, BATCH)
    resets = torch.rand(BATCH, 6) < 0.4
    found = []
    for each in (layer, twin):
        dtype = each.weight_ih_l0.dtype
        inputs = [tensor.to(dtype).requires_grad_() for tensor in (x, *leaves(state))]
        begin = tuple(inputs[1:]) if name == "LSTM" else inputs[1]
        results = leaves(each(inputs[0], begin, lengths=lengths, resets=resets))
        torch.manual_seed(5)
        asked = [torch.randn(result.shape, dtype=torch.float64).to(dtype) for result in results]
        gradients = torch.autograd.grad(results, [*inputs, *each.parameters()], asked)
        found.append([*results, *gradients])
    assert (
        twin.recurrence().plan(dtype=torch.float64, device=x.device, training=True, resets=True).kernel == "reference"
    )
    assert_close(found[0], [tensor.float() for tensor in found[1]], "gradient")


@pytest.mark.parametrize("name", NAMES)
def test_one_sequence_can_be_reset(name: str):
    layer, x = getattr(nn, name)(2, HIDDEN, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    output, _ = layer(x, resets=torch.tensor([False, False, True, False, False]))
    assert_close(output, torch.cat([layer(x[:2])[0], layer(x[2:])[0]]))


def test_a_reset_ends_what_an_episode_left_even_if_it_is_not_a_number():
    layer, x = layer_of("LSTM"), torch.randn(1, 5, 2, dtype=torch.float64)
    x[0, 1] = torch.inf
    resets = torch.tensor([[False, False, False, True, False]])
    output, _ = layer(x * 0, resets=resets)
    assert output[0, 2].isnan().all()
    assert output[0, 3:].isfinite().all()


@pytest.mark.parametrize(
    ("resets", "message"),
    [
        (torch.zeros(2, 5), r"type torch.float32; expected shape \(5, 2\) and torch.bool"),
        (torch.zeros(2, 5, dtype=torch.bool), r"resets has shape \(2, 5\).* Is batch_first=False meant"),
    ],
)
def test_wrong_resets_are_refused(resets: Tensor, message: str):
    with pytest.raises(ConfigError, match=message):
        nn.GRU(3, 4)(torch.zeros(5, 2, 3), resets=resets)


def test_resets_need_padded_rows():
    with pytest.raises(ConfigError, match="packed sequence"):
        nn.GRU(3, 4)(pack_sequence([torch.zeros(2, 3)]), resets=torch.zeros(2, 1, dtype=torch.bool))


@pytest.mark.parametrize("name", NAMES)
def test_recurrent_dropout_is_one_mask_a_row(name: str):
    layer, x, state = (
        layer_of(name, recurrent_dropout=0.5),
        torch.randn(BATCH, TIME, 2).double(),
        states(name, 1, BATCH),
    )
    torch.manual_seed(6)
    output, end = layer(x, state)
    torch.manual_seed(6)
    mask = torch.nn.functional.dropout(torch.ones(BATCH, HIDDEN, dtype=torch.float64), 0.5)
    assert 0 < mask.bool().sum() < mask.numel()
    fields = [field[0] for field in leaves(state)]
    for t in range(TIME):
        fields = one_step(layer, name, x[:, t], fields[0] * mask, fields)
        assert_close(output[:, t], fields[0])
    assert_close([field[0] for field in leaves(end)], fields)
    layer.eval()
    plain = layer_of(name).eval()
    plain.load_state_dict(layer.state_dict())
    assert_close(leaves(layer(x, state)), leaves(plain(x, state)))


@pytest.mark.parametrize("name", NAMES)
def test_zoneout_keeps_units_in_training_and_mixes_after(name: str):
    layer, x, state = layer_of(name, zoneout=0.3), torch.randn(BATCH, TIME, 2).double(), states(name, 1, BATCH)
    torch.manual_seed(6)
    output, end = layer(x, state)
    torch.manual_seed(6)
    shape = (BATCH, TIME, HIDDEN)
    keep = [torch.full(shape, 0.3, dtype=torch.float64).bernoulli() for _ in leaves(state)]
    for mode, shares in (("train", keep), ("eval", [torch.full(shape, 0.3, dtype=torch.float64) for _ in keep])):
        fields = [field[0] for field in leaves(state)]
        for t in range(TIME):
            new = one_step(layer, name, x[:, t], fields[0], fields)
            fields = [(1 - s[:, t]) * n + s[:, t] * old for s, n, old in zip(shares, new, fields, strict=True)]
            assert_close(output[:, t], fields[0])
        assert_close([field[0] for field in leaves(end)], fields)
        if mode == "train":
            assert (output[:, 1:] == output[:, :-1]).double().mean() == pytest.approx(0.3, abs=0.2)
            output, end = layer.eval()(x, state)


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_and_direction_throws_its_own_dice(name: str):
    x = torch.randn(1, 1, 2).double().expand(BATCH, TIME, 2)
    for options in ({"recurrent_dropout": 0.5}, {"zoneout": 0.5}):
        layer = layer_of(name, bidirectional=True, **options)
        weights = dict(layer.named_parameters())
        with torch.no_grad():
            for key, weight in weights.items():
                if key.endswith("_reverse"):
                    weight.copy_(weights[key.removesuffix("_reverse")])
        output, _ = layer(x)
        forwards, backwards = output.chunk(2, dim=-1)
        assert not torch.allclose(forwards, backwards.flip(1))
        assert not torch.allclose(forwards[0], forwards[1])
        torch.manual_seed(1)
        one, _ = layer(x)
        torch.manual_seed(1)
        assert_close(layer(x)[0], one)


@pytest.mark.parametrize("name", NAMES)
def test_gradcheck_of_everything_at_once(name: str):
    layer = layer_of(name, num_layers=2, bidirectional=True, dropout=0.2, recurrent_dropout=0.3, zoneout=0.2)
    x, state = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True), states(name, 4, 2)
    inputs = [x, *(field.requires_grad_() for field in leaves(state)), *layer.parameters()]
    resets = torch.tensor([[False, True, False], [False, False, True]])

    def run(x: Tensor, *rest: Tensor) -> Any:
        torch.manual_seed(3)
        begin = rest[:2] if name == "LSTM" else rest[0]
        return tuple(leaves(layer(x, begin, lengths=[3, 2], resets=resets)))

    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
