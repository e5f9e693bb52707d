from __future__ import annotations

from typing import Any

import pytest
import torch

from recurra.errors import ConfigError
from recurra.ops import Recurrence, instruction_set, plan

HERE: dict[str, Any] = {"dtype": torch.float32, "device": torch.device("cpu"), "training": True}


IN_DOUBLE = {"dtype": torch.float64}
ON_META = {"device": torch.device("meta")}


@pytest.mark.parametrize(
    ("kind", "features", "kernel", "reason"),
    [
        ("rnn", {"nonlinearity": "tanh"}, "native", "own kernel computes this rnn, torch.float32 on the CPU"),
        ("rnn", {"nonlinearity": "relu"}, "native", f"with {instruction_set()} instructions"),
        ("lstm", {"peephole": True, "proj_size": 0}, "native", "own kernel computes this lstm"),
        ("gru", {"resets": True}, "native", "stores the gates for the way back"),
        ("rnn", {"recurrent_dropout": 0.1, "training": False}, "native", "own kernel computes this rnn"),
        ("lstm", {"proj_size": 3, "peephole": False}, "torch", "recurra's own kernel has no projections"),
        ("lstm", IN_DOUBLE, "torch", "torch computes this lstm; recurra's own kernel has no torch.float64"),
        ("gru", {**IN_DOUBLE, **ON_META}, "torch", "has no torch.float64, no kernel for meta"),
        ("rnn", {"nonlinearity": "sigmoid"}, "reference", "own kernel has no sigmoid nonlinearity; the equations"),
        ("lstm", {"peephole": True, **IN_DOUBLE}, "reference", "no LSTM with peepholes; recurra's own kernel has no"),
        ("gru", {"reset_after": False}, "native", "own kernel computes this gru"),
        ("gru", {"reset_after": False, **IN_DOUBLE}, "reference", "no GRU that resets before the product"),
        ("gru", {"zoneout": 0.1}, "reference", "torch has no zoneout; recurra's own kernel has no zoneout"),
        ("lstm", {"layer_norm": True}, "reference", "no layer normalisation"),
        ("rnn", {"resets": True, **ON_META}, "reference", "reset rows in mid-sequence"),
        ("rnn", {"recurrent_dropout": 0.1}, "reference", "drops nothing of the state"),
        ("lstm", {"peephole": True, "recurrent_dropout": 0.1}, "reference", "peepholes; torch drops nothing"),
    ],
)
def test_kernel_and_reason(kind: Any, features: dict[str, Any], kernel: str, reason: str):
    chosen = plan(kind, **{**HERE, **features})
    assert chosen.kernel == kernel
    assert reason in chosen.reason


def test_recurrence_plans_itself():
    assert Recurrence("lstm", peephole=True).plan(**HERE).kernel == "native"
    assert Recurrence("rnn", nonlinearity="sigmoid").plan(**HERE).kernel == "reference"
    assert Recurrence("lstm", proj_size=2).plan(**HERE).kernel == "torch"
    assert Recurrence("gru", reset_after=False).plan(**{**HERE, **IN_DOUBLE}).kernel == "reference"
    assert Recurrence("gru").plan(**{**HERE, **IN_DOUBLE}).kernel == "torch"
    assert Recurrence("gru").plan(**{**HERE, **IN_DOUBLE}, resets=True).kernel == "reference"
    assert Recurrence("gru", layer_norm=True).plan(**HERE).kernel == "reference"
    assert Recurrence("gru", zoneout=0.1).plan(**HERE).kernel == "reference"
    assert Recurrence("gru", recurrent_dropout=0.1).plan(**HERE).kernel == "reference"


@pytest.mark.parametrize(
    ("forced", "features", "kernel"),
    [("reference", {}, "reference"), ("torch", {}, "torch"), ("native", {"peephole": True}, "native")],
)
def test_a_kernel_can_be_forced(monkeypatch: pytest.MonkeyPatch, forced: str, features: dict[str, Any], kernel: str):
    monkeypatch.setattr("recurra.ops._plan._FORCED", forced)
    chosen = plan("lstm", **HERE, **features)
    assert chosen.kernel == kernel
    assert chosen.reason.startswith(f"RECURRA_KERNEL={forced}: ")


@pytest.mark.parametrize(
    ("forced", "features"),
    [
        ("native", {"zoneout": 0.1}),
        ("torch", {"peephole": True}),
        ("reference", {"proj_size": 2}),
        ("fast", {}),
    ],
)
def test_a_forced_kernel_does_not_give_way(monkeypatch: pytest.MonkeyPatch, forced: str, features: dict[str, Any]):
    monkeypatch.setattr("recurra.ops._plan._FORCED", forced)
    with pytest.raises(ConfigError, match=f"RECURRA_KERNEL={forced}: no such kernel, or it can't compute this layer"):
        plan("lstm", **HERE, **features)


@pytest.mark.parametrize(
    ("kind", "features", "message"),
    [
        ("elman", {}, "kind='elman': no such recurrent layer. Choose one of rnn, lstm, gru"),
        ("gru", {"peephole": True}, "peephole: a gru layer has no such feature. It has reset_after"),
        ("lstm", {"peephole": True, "proj_size": 2}, "proj_size=2 with peephole=True"),
        ("lstm", {"layer_norm": True, "peephole": True}, "layer_norm=True with peephole=True: nothing computes both"),
        ("gru", {"layer_norm": True, "reset_after": False}, "layer_norm=True with reset_after=False"),
        ("lstm", {"proj_size": 2, "zoneout": 0.1}, "proj_size=2 with zoneout=0.1"),
        ("lstm", {"proj_size": 2, "recurrent_dropout": 0.1}, "proj_size=2 with recurrent_dropout=0.1"),
        ("lstm", {"proj_size": 2, "resets": True}, "proj_size=2 with resets=True"),
        ("lstm", {"proj_size": 2, "layer_norm": True}, "proj_size=2 with layer_norm=True"),
        ("rnn", {"dtype": torch.int64}, "dtype=torch.int64"),
    ],
)
def test_what_nothing_computes_is_refused(kind: Any, features: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        plan(kind, **{**HERE, **features})
