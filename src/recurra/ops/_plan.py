"""Which kernel computes an operation on this machine, and why."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch

from recurra.errors import ConfigError

Kind = Literal["rnn", "lstm", "gru"]

_OF_ALL: dict[str, object] = {"recurrent_dropout": 0, "zoneout": 0, "layer_norm": False, "resets": False}
# The value of each feature that torch's own layers have.
_IN_TORCH: dict[str, dict[str, object]] = {
    "rnn": {"nonlinearity": ("tanh", "relu"), **_OF_ALL},
    "lstm": {"peephole": False, "proj_size": None, **_OF_ALL},
    "gru": {"reset_after": True, **_OF_ALL},
}
_LACKING = {
    "nonlinearity": "torch has no simple recurrent network with a {} nonlinearity",
    "peephole": "torch has no LSTM with peepholes",
    "reset_after": "torch has no GRU that resets before the product (Cho et al., 2014)",
    "recurrent_dropout": "torch drops nothing of the state between steps",
    "zoneout": "torch has no zoneout",
    "layer_norm": "torch has no layer normalisation within recurrent layers",
    "resets": "torch can't reset rows in mid-sequence",
}
# Features that no kernel has together with another one.
_APART = [
    *(("proj_size", beyond) for beyond in ("peephole", *_OF_ALL)),
    ("layer_norm", "peephole"),
    ("layer_norm", "reset_after"),
]


class Plan(NamedTuple):
    """The kernel that runs, by name, and why it and no other, in plain words.

    `torch` is torch's own implementation. `reference` is the equations of `recurra.reference`, one step after the
    other: exact, and slower.
    """

    kernel: Literal["torch", "reference"]
    reason: str


def plan(
    kind: str,
    *,
    dtype: torch.dtype,
    device: torch.device,
    training: bool,
    **features: object,
) -> Plan:
    """Which kernel would run a recurrent layer, and why.

    `kind` is rnn, lstm or gru; features are what sets the layer apart: `nonlinearity`, `peephole`, `proj_size`,
    `reset_after`, and for all kinds `recurrent_dropout`, `zoneout`, `layer_norm` and whether there are `resets`.
    `training` is the layer's mode: recurrent dropout is for training alone, and so may a kernel be. Raises ConfigError
    for a kind or feature that nothing computes, rather than computing something near it.

    >>> plan("gru", dtype=torch.float32, device=torch.device("cpu"), training=True, reset_after=False).kernel
    'reference'
    """
    if kind not in _IN_TORCH:
        raise ConfigError(f"kind={kind!r}: no such recurrent layer. Choose one of {', '.join(_IN_TORCH)}.")
    if unknown := features.keys() - _IN_TORCH[kind].keys():
        raise ConfigError(
            f"{', '.join(sorted(unknown))}: a {kind} layer has no such feature. It has {', '.join(_IN_TORCH[kind])}."
        )
    if not dtype.is_floating_point:
        raise ConfigError(f"dtype={dtype}: recurrent layers compute with floating point. Convert: layer.float().")
    for one, other in _APART:
        if _beyond(kind, one, features) and _beyond(kind, other, features):
            given = f"{one}={features[one]} with {other}={features[other]}"
            raise ConfigError(f"{given}: nothing computes both. Leave one of them out.")
    lacking = [
        _LACKING[name].format(value)
        for name, value in features.items()
        if name in _LACKING and _beyond(kind, name, features) and (training or name != "recurrent_dropout")
    ]
    if not lacking:
        return Plan("torch", f"torch computes this {kind}; no kernel of recurra's own is compiled for it yet")
    return Plan("reference", f"{'; '.join(lacking)}; the equations are computed step by step, slower than torch would")


def _beyond(kind: str, name: str, features: dict[str, object]) -> bool:
    """Whether this feature is asked for at a value that torch's simplest layer doesn't have."""
    if name not in features:
        return False
    in_torch, value = _IN_TORCH[kind][name], features[name]
    return value not in in_torch if isinstance(in_torch, tuple) else bool(value) != bool(in_torch)
