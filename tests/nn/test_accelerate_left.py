"""What isn't swapped, and what the report says of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.utils import parametrizations, parametrize, prune, weight_norm

import recurra
from cases.tolerances import assert_close
from recurra import nn, ops
from recurra.errors import ConfigError
from recurra.nn._accelerate import (
    AcceleratedGRU,
)


class Loud(torch.nn.LSTM):
    def forward(self, input: Any, hx: Any = None) -> Any:
        output, state = super().forward(input, hx)
        return output * 2, state


class OtherLSTM(torch.nn.LSTM):
    """The same, by another name."""


def with_parametrization() -> torch.nn.Module:
    return parametrizations.weight_norm(torch.nn.LSTM(3, 4), "weight_hh_l0")


def with_weight_norm() -> torch.nn.Module:
    with pytest.warns(FutureWarning, match="weight_norm"):
        return weight_norm(torch.nn.LSTM(3, 4), "weight_hh_l0")


def with_pruning() -> torch.nn.Module:
    return prune.random_unstructured(torch.nn.LSTM(3, 4), "weight_hh_l0", amount=0.5)


def with_pruned_cell() -> torch.nn.Module:
    return prune.random_unstructured(torch.nn.GRUCell(3, 4), "weight_hh", amount=0.5)


def with_another_forward() -> torch.nn.Module:
    layer = torch.nn.LSTM(3, 4)
    layer.forward = Loud(3, 4).forward  # type: ignore[method-assign]
    return layer


def scripted() -> torch.nn.Module:
    return torch.jit.script(torch.nn.Sequential(torch.nn.LSTM(3, 4)))


def traced() -> Any:
    return torch.jit.trace(torch.nn.LSTM(3, 4), torch.randn(5, 2, 3), check_trace=False)


def quantized() -> torch.nn.Module:
    return torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.LSTM(3, 4)), {torch.nn.LSTM})


def sharded() -> Any:
    return fully_shard(torch.nn.LSTM(3, 4), mesh=init_device_mesh("cpu", (1,)))


# torch says of all of torch.jit and torch.ao that they are deprecated; people's models have them.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("make", "name", "layer", "reason"),
    [
        (lambda: Loud(3, 4), "", "Loud(3, 4)", "its class .*Loud may compute something else"),
        (lambda: OtherLSTM(3, 4), "", "OtherLSTM(3, 4)", "its class .*OtherLSTM may compute something else"),
        (with_parametrization, "", "ParametrizedLSTM(3, 4)", "its weights are parametrized; .*remove_parametrizations"),
        (with_weight_norm, "", "LSTM(3, 4)", "weight_hh_l0 is derived from other parameters"),
        (with_pruning, "", "LSTM(3, 4)", "weight_hh_l0 is derived from other parameters"),
        (with_another_forward, "", "LSTM(3, 4)", "its forward method was replaced"),
        (scripted, "0", "RecursiveScriptModule(original_name=LSTM)", "torch.jit has compiled it"),
        (traced, "", "TopLevelTracedModule(original_name=LSTM)", "torch.jit has compiled it"),
        (quantized, "0", "LSTM(3, 4)", "it is quantized"),
        (sharded, "", "FSDPLSTM(3, 4)", "call accelerate before fully_shard"),
        (lambda: torch.nn.GRU(3, 4).to(torch.complex64), "", "GRU(3, 4)", "dtype=torch.complex64"),
        (lambda: torch.nn.GRU(3, 4).double(), "", "GRU(3, 4)", "torch computes this gru; .*no torch.float64"),
        (lambda: torch.nn.GRU(3, 4).bfloat16(), "", "GRU(3, 4)", "torch computes this gru; .*no torch.bfloat16"),
        (lambda: torch.nn.RNN(3, 4, device="meta"), "", "RNN(3, 4)", "torch computes this rnn; .*no kernel for meta"),
        (
            lambda: torch.nn.LSTM(3, 4, proj_size=2),
            "",
            "LSTM(3, 4, proj_size=2)",
            "torch computes this lstm; .*no proj",
        ),
        (lambda: torch.nn.RNNBase("GRU", 3, 4), "", "RNNBase(3, 4)", "its class .*RNNBase may compute something else"),
        (lambda: torch.nn.RNNCell(3, 4), "", "RNNCell(3, 4)", "torch computes single steps of this cell"),
        (lambda: torch.nn.LSTMCell(3, 4), "", "LSTMCell(3, 4)", "torch computes single steps of this cell"),
        (lambda: torch.nn.GRUCell(3, 4, bias=False), "", "GRUCell(3, 4, bias=False)", "torch computes single steps"),
        (with_pruned_cell, "", "GRUCell(3, 4)", "weight_hh is derived from other parameters"),
    ],
)
def test_what_is_left_and_why(process_group: None, make: Any, name: str, layer: str, reason: str):
    model = make()
    kinds = [type(module) for module in model.modules()]
    report = recurra.accelerate(model)
    assert not report.swapped
    (left,) = report.left
    assert (left.name, left.layer) == (name, layer)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(left.reason)
    assert [type(module) for module in model.modules()] == kinds
    assert recurra.decelerate(model) == ()


def test_a_class_put_on_top_since_is_not_torn_off():
    model = torch.nn.Sequential(torch.nn.GRU(3, 4), torch.nn.GRU(3, 4))
    x = torch.randn(5, 2, 3)
    recurra.accelerate(model)
    parametrizations.weight_norm(model[1], "weight_hh_l0")
    before = model[1](x)[0]
    with pytest.raises(ConfigError, match=r"^1 was accelerated, and something made it a ParametrizedAcceleratedGRU"):
        recurra.decelerate(model)
    assert type(model[0]) is AcceleratedGRU
    parametrize.remove_parametrizations(model[1], "weight_hh_l0")
    assert recurra.decelerate(model) == ("0", "1")
    assert_close(model[1](x)[0], before)


def test_what_is_no_module_is_refused():
    for undo in (recurra.accelerate, recurra.decelerate):
        with pytest.raises(ConfigError, match=r"A dict was given; expected a torch\.nn\.Module"):
            undo({})  # type: ignore[arg-type]


def test_the_report_reads_well(monkeypatch: pytest.MonkeyPatch):
    model = torch.nn.ModuleDict({"head": torch.nn.LSTM(3, 4, 2), "loud": Loud(3, 4)})
    monkeypatch.setattr(nn.LSTM, "plan", lambda self: ops.Plan("reference", "because it is a test"))
    report = recurra.accelerate(model)
    assert str(report) == (
        "Swapped 1 of 2 recurrent layers:\n"
        "  head, LSTM(3, 4, num_layers=2): kernel reference; because it is a test\n"
        "Left as they were:\n"
        f"  loud, Loud(3, 4): its class {__name__}.Loud may compute something else than torch's layer"
    )
    assert str(recurra.accelerate(torch.nn.Linear(3, 4))).startswith("No recurrent layers")
    with pytest.raises(AttributeError):
        report.swapped = ()  # type: ignore[misc]


def test_a_kernel_that_is_forced_and_refused_leaves_the_model_whole(monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Any) -> ops.Plan:
        raise ConfigError("RECURRA_KERNEL=native: it can't compute this layer")

    layer = torch.nn.GRU(3, 4)
    monkeypatch.setattr(nn.GRU, "plan", refuse)
    assert recurra.accelerate(layer).left[0].reason.startswith("RECURRA_KERNEL=native")
    assert type(layer) is torch.nn.GRU
