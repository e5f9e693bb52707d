from __future__ import annotations

from typing import Any

import pytest
import torch

from recurra.errors import ConfigError
from recurra.ops import Recurrence, plan

HERE: dict[str, Any] = {"dtype": torch.float32, "device": torch.device("cpu"), "training": True}


@pytest.mark.parametrize(
    ("kind", "features", "kernel", "reason"),
    [
        ("rnn", {"nonlinearity": "tanh"}, "torch", "torch computes this rnn"),
        ("rnn", {"nonlinearity": "relu"}, "torch", "torch computes this rnn"),
        ("rnn", {"nonlinearity": "sigmoid"}, "reference", "with a sigmoid nonlinearity"),
        ("lstm", {}, "torch", "torch computes this lstm"),
        ("lstm", {"proj_size": 3, "peephole": False}, "torch", "torch computes this lstm"),
        ("lstm", {"peephole": True, "proj_size": 0}, "reference", "no LSTM with peepholes"),
        ("gru", {"reset_after": True}, "torch", "torch computes this gru"),
        ("gru", {"reset_after": False}, "reference", "resets before the product"),
        ("gru", {"zoneout": 0.1}, "reference", "no zoneout"),
        ("lstm", {"layer_norm": True}, "reference", "no layer normalisation"),
        ("rnn", {"resets": True}, "reference", "reset rows in mid-sequence"),
        ("rnn", {"recurrent_dropout": 0.1}, "reference", "drops nothing of the state"),
        ("rnn", {"recurrent_dropout": 0.1, "training": False}, "torch", "torch computes this rnn"),
        ("lstm", {"peephole": True, "recurrent_dropout": 0.1}, "reference", "peepholes; torch drops nothing"),
    ],
)
def test_kernel_and_reason(kind: Any, features: dict[str, Any], kernel: str, reason: str):
    chosen = plan(kind, **{**HERE, **features})
    assert chosen.kernel == kernel
    assert reason in chosen.reason


def test_recurrence_plans_itself():
    assert Recurrence("lstm", peephole=True).plan(**HERE).kernel == "reference"
    assert Recurrence("rnn", nonlinearity="sigmoid").plan(**HERE).kernel == "reference"
    assert Recurrence("gru", reset_after=False).plan(**HERE).kernel == "reference"
    assert Recurrence("gru").plan(**HERE).kernel == "torch"
    assert Recurrence("gru").plan(**HERE, resets=True).kernel == "reference"
    assert Recurrence("gru", layer_norm=True).plan(**HERE).kernel == "reference"
    assert Recurrence("gru", zoneout=0.1).plan(**HERE).kernel == "reference"
    assert Recurrence("gru", recurrent_dropout=0.1).plan(**HERE).kernel == "reference"


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
