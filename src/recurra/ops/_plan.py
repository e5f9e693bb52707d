"""Which kernel computes an operation on this machine, and why."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch

from recurra.errors import ConfigError

Kind = Literal["rnn", "lstm", "gru"]

# The value of each feature that torch's own layers have.
_IN_TORCH: dict[str, dict[str, object]] = {
    "rnn": {"nonlinearity": ("tanh", "relu")},
    "lstm": {"peephole": False, "proj_size": None},
    "gru": {"reset_after": True},
}
_LACKING = {
    "nonlinearity": "torch has no simple recurrent network with a {} nonlinearity",
    "peephole": "torch has no LSTM with peepholes",
    "reset_after": "torch has no GRU that resets before the product (Cho et al., 2014)",
}


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
    `reset_after`. `training` is the layer's mode, since a kernel may be made for inference alone. Raises ConfigError
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
    lacking = [
        _LACKING[name].format(value)
        for name, value in features.items()
        if name in _LACKING and not _has(_IN_TORCH[kind][name], value)
    ]
    if not lacking:
        return Plan("torch", f"torch computes this {kind}; no kernel of recurra's own is compiled for it yet")
    if features.get("proj_size"):
        raise ConfigError(
            f"proj_size={features['proj_size']} with peephole=True: nothing computes both. Leave one of them out."
        )
    return Plan("reference", f"{'; '.join(lacking)}; the equations are computed step by step, slower than torch would")


def _has(in_torch: object, value: object) -> bool:
    return value in in_torch if isinstance(in_torch, tuple) else value == in_torch
